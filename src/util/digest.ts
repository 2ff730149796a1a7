// Digests as text: recognising and showing them. Computing them is up to who holds the bytes.

import type { Digest } from './brand.js';

const DIGEST_REGEXP = /^sha256:[a-f0-9]{64}$/;
const SHORT_ID_LENGTH = 12;

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && DIGEST_REGEXP.test(text);
}

/** The hex digits after "sha256:". */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The 12 digits that Docker shows. */
export function shortId(digest: Digest): string {
  return digestHex(digest).slice(0, SHORT_ID_LENGTH);
}

// Image references as Docker reads them: "[domain/]path[:tag][@digest]" (distribution/reference grammar).
// Pure text; which registries a short name is tried at is decided in search.ts.

import { RrunError } from '../errors.js';
import type { Brand, Digest } from '../util/brand.js';
import { isDigest } from '../util/digest.js';

/** A reference in full: "docker.io/library/alpine:latest", or "…@sha256:…" without a tag. */
export type CanonicalReference = Brand<string, 'CanonicalReference'>;

export interface ImageReference {
  /** "docker.io" where none was typed. */
  domain: string;
  /** "library/alpine". */
  path: string;
  /** Absent only where a digest is given. */
  tag?: string;
  digest?: Digest;
  /** What was typed before tag and digest, if it named no registry: such a name is looked for at several places. */
  shortName?: string;
}

export const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DEFAULT_DOMAIN = 'index.docker.io';
const OFFICIAL_PREFIX = 'library/';
const DEFAULT_TAG = 'latest';
const MAX_NAME_LENGTH = 255;

const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN_REGEXP = new RegExp(`^(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
// Separators are one '.', one or two '_', or any number of '-'. Each alternative starts differently: no backtracking.
const PATH_COMPONENT_REGEXP = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG_REGEXP = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const HEX_ID_REGEXP = /^[a-f0-9]{64}$/;

export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RrunError(
    'DIGEST_INVALID',
    `cannot use "${text}" as a digest: want "sha256:" and 64 lower-case hex digits`,
  );
}

/** Reads a reference as typed by a user or found in a file. Adds the tag "latest" where neither tag nor digest is given. */
export function parseReference(text: string): ImageReference {
  if (text === '') throw malformed(text, 'it is empty');
  if (/[\s\p{Cc}]/u.test(text)) throw malformed(text, 'it contains white space');
  const schema = /^[a-z][a-z0-9+.-]*:\/\//.exec(text);
  if (schema !== null) throw malformed(text, 'a URL is not a reference', `leave out "${schema[0]}"`);

  const { name, tag, digest } = splitReference(text);
  if (HEX_ID_REGEXP.test(name)) throw malformed(text, '64 hex digits are an image id, not a name');
  const { domain, path, shortName } = splitDomain(name);
  if (!DOMAIN_REGEXP.test(domain)) throw malformed(text, `"${domain}" is not a host name with an optional port`);
  validatePath(text, path);
  if (`${domain}/${path}`.length > MAX_NAME_LENGTH)
    throw malformed(text, `the name is longer than ${MAX_NAME_LENGTH} characters`);

  return {
    domain,
    path,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: DEFAULT_TAG } : {}),
    ...(digest !== undefined ? { digest } : {}),
    ...(shortName !== undefined ? { shortName } : {}),
  };
}

/** "docker.io/library/alpine": registry and repository without tag and digest. */
export function repositoryName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The one spelling under which a reference is stored. A digest wins over a tag, as with Docker. */
export function canonicalReference(reference: ImageReference): CanonicalReference {
  const suffix = reference.digest !== undefined ? `@${reference.digest}` : `:${reference.tag ?? DEFAULT_TAG}`;
  return `${repositoryName(reference)}${suffix}` as CanonicalReference;
}

/** "alpine", "ana/tool", "quay.io/ana/tool": the repository as people write it. */
export function familiarName(reference: ImageReference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryName(reference);
  const official = reference.path.startsWith(OFFICIAL_PREFIX) ? reference.path.slice(OFFICIAL_PREFIX.length) : '';
  return official !== '' && !official.includes('/') ? official : reference.path;
}

/** "alpine:latest" or "alpine@sha256:…". */
export function familiarReference(reference: ImageReference): string {
  return (
    familiarName(reference) +
    (reference.digest !== undefined ? `@${reference.digest}` : `:${reference.tag ?? DEFAULT_TAG}`)
  );
}

function splitReference(text: string): { name: string; tag?: string; digest?: Digest } {
  const at = text.indexOf('@');
  const beforeDigest = at === -1 ? text : text.slice(0, at);
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw malformed(text, `"${digest}" is not a digest: want "sha256:" and 64 lower-case hex digits`);
  }
  // A colon before the last slash belongs to a port.
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon === -1 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon === -1 ? undefined : beforeDigest.slice(colon + 1);
  if (tag !== undefined && !TAG_REGEXP.test(tag)) {
    throw malformed(
      text,
      tag === ''
        ? 'the tag is empty'
        : `"${tag}" is not a tag: want up to 128 of A-Z a-z 0-9 _ . - and no leading "." or "-"`,
    );
  }
  return { name, ...(tag !== undefined ? { tag } : {}), ...(digest !== undefined ? { digest } : {}) };
}

function splitDomain(name: string): { domain: string; path: string; shortName?: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  // Docker's rule for telling a host from a first path component.
  const isDomain = first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  if (!isDomain) {
    return { domain: DEFAULT_DOMAIN, path: name.includes('/') ? name : OFFICIAL_PREFIX + name, shortName: name };
  }
  const rest = name.slice(slash + 1);
  if (first !== DEFAULT_DOMAIN && first !== LEGACY_DEFAULT_DOMAIN) return { domain: first, path: rest };
  return { domain: DEFAULT_DOMAIN, path: rest.includes('/') ? rest : OFFICIAL_PREFIX + rest };
}

function validatePath(text: string, path: string): void {
  for (const component of path.split('/')) {
    if (PATH_COMPONENT_REGEXP.test(component)) continue;
    if (component === '') throw malformed(text, 'a part of the name is empty');
    if (component !== component.toLowerCase() && PATH_COMPONENT_REGEXP.test(component.toLowerCase())) {
      throw malformed(
        text,
        'the repository name must be lower-case',
        `write "${text.replace(component, component.toLowerCase())}"`,
      );
    }
    throw malformed(
      text,
      `"${component}" is not a name: want a-z and 0-9, with single "." or "_", "__" or "-" between them`,
    );
  }
}

function malformed(text: string, why: string, hint?: string): RrunError {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return new RrunError('REFERENCE_INVALID', `cannot use ${JSON.stringify(shown)} as an image reference: ${why}`, {
    hint,
  });
}

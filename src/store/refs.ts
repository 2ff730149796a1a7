// References: one file each under refs/, its name made from the reference, its content what it points to.
// An image that lost its last name keeps a record under its manifest digest, so that it is not forgotten while wanted.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { RrunError } from '../errors.js';
import type { Digest, HostPath } from '../util/brand.js';
import { isDigest } from '../util/digest.js';
import { isMissing } from './disk-error.js';

export interface ReferenceRecord {
  /** Canonical: "docker.io/library/alpine:latest"; or a bare manifest digest for an image without a name. */
  reference: string;
  /** The image manifest (never an index) in blobs/. */
  descriptor: { mediaType: string; digest: Digest; size: number };
  /** The same manifest in OCI's words, where `descriptor` is Docker's: what index.json points other programs to. */
  layout?: ReferenceRecord['descriptor'];
  /** Digest of what the registry gave for the name: the index where there is one. Absent on names made by `tag`. */
  repoDigest?: Digest;
  /** "docker.io/library/alpine": where repoDigest holds. */
  repository?: string;
  /** When it was saved, RFC 3339. */
  updated: string;
}

// NAME_MAX is 255; a reference has up to 400 characters and grows when it is encoded.
const MAX_FILE_NAME = 200;

/** File name of a reference under refs/. */
export function referenceFile(refsDir: HostPath, reference: string): HostPath {
  const encoded = encodeURIComponent(reference);
  const name =
    encoded.length <= MAX_FILE_NAME ? encoded : `long-${createHash('sha256').update(reference).digest('hex')}`;
  return path.join(refsDir, name) as HostPath;
}

export function loadReference(refsDir: HostPath, reference: string): ReferenceRecord | undefined {
  const record = tryLoadRecord(referenceFile(refsDir, reference));
  return record?.reference === reference ? record : undefined;
}

/** All references, those that cannot be read left out: a damaged one is as good as none, and is replaced by the next pull. */
export function loadReferences(refsDir: HostPath): ReferenceRecord[] {
  const records = namesIn(refsDir).map((name) => tryLoadRecord(path.join(refsDir, name)));
  return records.filter((record) => record !== undefined);
}

function namesIn(refsDir: HostPath): string[] {
  try {
    return readdirSync(refsDir).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export function encodeRecord(record: ReferenceRecord): string {
  return `${JSON.stringify({ version: 1, ...record })}\n`;
}

function tryLoadRecord(file: string): ReferenceRecord | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined; // removed since readdir
    throw new RrunError(
      'STORE_UNUSABLE',
      `cannot read "${file}": ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`,
      { cause: error },
    );
  }
  return parseRecord(text);
}

function parseRecord(text: string): ReferenceRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, reference, descriptor, layout, repoDigest, repository, updated } = value as Record<string, unknown>;
  const pointsTo = parseDescriptor(descriptor);
  if (version !== 1 || typeof reference !== 'string' || pointsTo === undefined) return undefined;
  const shown = parseDescriptor(layout);
  return {
    reference,
    descriptor: pointsTo,
    ...(shown === undefined ? {} : { layout: shown }),
    ...(isDigest(repoDigest) ? { repoDigest } : {}),
    ...(typeof repository === 'string' ? { repository } : {}),
    updated: typeof updated === 'string' ? updated : '',
  };
}

function parseDescriptor(value: unknown): ReferenceRecord['descriptor'] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { mediaType, digest, size } = value as Record<string, unknown>;
  if (typeof mediaType !== 'string' || !isDigest(digest) || typeof size !== 'number') return undefined;
  return { mediaType, digest, size };
}

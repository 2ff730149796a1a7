// Manifests and indexes as the image-spec and Docker's image manifest version 2, schema 2 spell them, and the checks that make them
// usable. Past parseManifest() and parseIndex() nothing looks into JSON any more.

import { RrunError } from '../errors.js';
import type { Digest } from '../util/brand.js';
import { isDigest } from '../util/digest.js';

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
}

export interface IndexEntry extends Descriptor {
  platform?: Platform;
}

export interface Manifest {
  mediaType: string;
  config: Descriptor;
  /** Bottom first. */
  layers: Descriptor[];
}

export type ParsedManifest = { kind: 'index'; manifests: IndexEntry[] } | ({ kind: 'manifest' } & Manifest);

/** A manifest has at most this many layers; overlay itself takes 500 at most. */
const MAX_LAYERS = 500;
const MAX_ENTRIES = 2000;
const MAX_CONFIG_BYTES = 4 << 20;

/** Reads either of them. `mediaType` is what came with it and counts only where the document does not say what it is. */
export function parseManifest(bytes: Uint8Array, mediaType: string, subject: string): ParsedManifest {
  const fail = (why: string): never => {
    throw new RrunError('IMAGE_INVALID', `cannot use the manifest of "${subject}": ${why}`);
  };
  let table: unknown;
  try {
    table = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return fail('it is not JSON');
  }
  if (!isTable(table)) return fail('it is not a JSON object');
  if (table['schemaVersion'] === 1) return fail('it is of schema version 1, which registries gave up in 2019');
  if (table['schemaVersion'] !== 2) return fail('it has no schemaVersion 2');

  const declared = typeof table['mediaType'] === 'string' ? table['mediaType'] : mediaType;
  // CVE-2021-41190: a document that can be read both ways means different things to different programs.
  if (table['manifests'] !== undefined && (table['layers'] !== undefined || table['config'] !== undefined)) {
    return fail('it is both an index and a manifest');
  }
  const isIndex =
    declared === OCI_INDEX ||
    declared === DOCKER_LIST ||
    (!isManifestType(declared) && table['manifests'] !== undefined);
  if (isIndex) return { kind: 'index', manifests: parseIndexEntries(table['manifests'], fail) };
  if (!isManifestType(declared) && table['layers'] === undefined) return fail(`its media type is "${declared}"`);
  return { kind: 'manifest', ...parseImageManifest(table, isManifestType(declared) ? declared : OCI_MANIFEST, fail) };
}

const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** The same manifest in OCI's words: config and layers stay the same bytes. Programs that read OCI layouts know no others. */
export function encodeAsOci({ config, layers }: Manifest): Buffer {
  const layerType = (mediaType: string): string =>
    `${OCI_LAYER}${/[.+](gzip|zstd)$/.exec(mediaType)?.[1]?.replace(/^/, '+') ?? ''}`;
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { ...config, mediaType: OCI_CONFIG },
      layers: layers.map((layer) => ({ ...layer, mediaType: layerType(layer.mediaType) })),
    }),
  );
}

type Fail = (why: string) => never;

function isManifestType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

function parseIndexEntries(value: unknown, fail: Fail): IndexEntry[] {
  if (!Array.isArray(value)) return fail('its manifests are not a list');
  if (value.length > MAX_ENTRIES) return fail(`it lists more than ${MAX_ENTRIES} manifests`);
  return (value as unknown[]).map((entry, index) => {
    const descriptor = parseDescriptor(entry, `manifests[${index}]`, fail);
    const platform = parsePlatform((entry as Record<string, unknown>)['platform']);
    return { ...descriptor, ...(platform === undefined ? {} : { platform }) };
  });
}

function parseImageManifest(table: Record<string, unknown>, mediaType: string, fail: Fail): Manifest {
  const config = parseDescriptor(table['config'], 'config', fail);
  if (config.size > MAX_CONFIG_BYTES) return fail(`its config is larger than ${MAX_CONFIG_BYTES} bytes`);
  const layers = table['layers'];
  if (!Array.isArray(layers)) return fail('its layers are not a list');
  if (layers.length > MAX_LAYERS) return fail(`it has more than ${MAX_LAYERS} layers`);
  return {
    mediaType,
    config,
    layers: (layers as unknown[]).map((layer, index) => parseDescriptor(layer, `layers[${index}]`, fail)),
  };
}

function parseDescriptor(value: unknown, where: string, fail: Fail): Descriptor {
  if (!isTable(value)) return fail(`${where} is not a descriptor`);
  const { mediaType, digest, size } = value;
  if (!isDigest(digest)) return fail(`${where} has no digest of the form "sha256:" and 64 hex digits`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return fail(`${where} has no size`);
  return { mediaType: typeof mediaType === 'string' ? mediaType : '', digest, size };
}

function parsePlatform(value: unknown): Platform | undefined {
  if (!isTable(value)) return undefined;
  const { os, architecture, variant } = value;
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) };
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

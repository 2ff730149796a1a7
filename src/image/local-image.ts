// An image as it lies in the store: what its reference record, manifest and config say together.

import { RrunError } from '../errors.js';
import { layerTree, tryLoadLayer, type LayerKind } from '../layer/layer-record.js';
import type { ReferenceRecord } from '../store/refs.js';
import type { Store } from '../store/store.js';
import type { Digest, DiffId, HostPath } from '../util/brand.js';
import { isDigest, shortId } from '../util/digest.js';
import { parseImageConfig, type ImageConfig } from './config.wire.js';
import { parseManifest, type Manifest } from './manifest.wire.js';
import { familiarReference, parseReference } from './reference.js';

export interface LocalImage {
  /** Digest of the config, which is what Docker calls the id of an image. */
  id: Digest;
  manifestDigest: Digest;
  manifest: Manifest;
  /** The familiar name, "alpine:latest"; the short id for an image without a name. */
  reference: string;
  /** "docker.io/library/alpine:latest"; the manifest digest for an image without a name. */
  canonical: string;
  /** Digest of what the registry gave for the name: the index where there is one. */
  repoDigest?: Digest;
  config: ImageConfig;
  diffIds: DiffId[];
  /** Trees to be mounted, bottom first; empty where no kind of mapping was asked for. */
  layerDirs: HostPath[];
  /** Of the unpacked layers; of the compressed ones where they are not unpacked. */
  sizeBytes: number;
  /** RFC 3339, as the image says. */
  created?: string;
}

const KINDS: readonly LayerKind[] = ['ranges', 'single'];

/** The image that a reference points to; undefined where manifest or config are missing or damaged. */
export async function tryLoadImage(
  store: Store,
  record: ReferenceRecord,
  kind?: LayerKind,
): Promise<LocalImage | undefined> {
  const manifestBytes = await store.tryReadBlob(record.descriptor.digest);
  if (manifestBytes === undefined) return undefined;
  const parsed = parseManifest(manifestBytes, record.descriptor.mediaType, record.reference);
  if (parsed.kind !== 'manifest') return undefined;
  const configBytes = await store.tryReadBlob(parsed.config.digest);
  if (configBytes === undefined) return undefined;
  return assembleImage(
    store,
    record,
    { manifest: parsed, config: parseConfigBytes(configBytes, record.reference) },
    kind,
  );
}

export function assembleImage(
  store: Store,
  record: ReferenceRecord,
  { manifest, config }: { manifest: Manifest; config: ImageConfig },
  kind?: LayerKind,
): LocalImage {
  const diffIds = config.rootfs.diff_ids;
  return {
    id: manifest.config.digest,
    manifestDigest: record.descriptor.digest,
    manifest,
    reference: familiarRecordName(record, manifest.config.digest),
    canonical: record.reference,
    ...(record.repoDigest === undefined ? {} : { repoDigest: record.repoDigest }),
    config,
    diffIds,
    layerDirs: kind === undefined ? [] : diffIds.map((diffId) => layerTree(store, diffId, kind)),
    sizeBytes: imageSize(store, manifest, diffIds),
    ...(config.created === undefined ? {} : { created: config.created }),
  };
}

export function parseConfigBytes(bytes: Uint8Array, subject: string): ImageConfig {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new RrunError('IMAGE_INVALID', `cannot use the config of "${subject}": it is not JSON`);
  }
  return parseImageConfig(value, subject);
}

/** True for the record of an image that has lost its last name. */
export function isUnnamed(record: ReferenceRecord): boolean {
  return isDigest(record.reference);
}

function familiarRecordName(record: ReferenceRecord, id: Digest): string {
  return isUnnamed(record) ? shortId(id) : familiarReference(parseReference(record.reference));
}

function imageSize(store: Store, manifest: Manifest, diffIds: readonly DiffId[]): number {
  return diffIds.reduce((sum, diffId, index) => {
    const unpacked = KINDS.map((kind) => tryLoadLayer(store, diffId, kind)).find((record) => record !== undefined);
    return sum + (unpacked?.sizeBytes ?? manifest.layers[index]?.size ?? 0);
  }, 0);
}

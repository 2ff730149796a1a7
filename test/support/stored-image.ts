// A store in a temporary directory, and images put into it without a registry and without unpacking.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { currentBootId } from '../../src/layer/layer-record.js';
import { openStore, type Store } from '../../src/store/store.js';
import type { Digest, HostPath } from '../../src/util/brand.js';
import { sha256, type Closing } from './registry.js';

export async function openTestStore(context: Closing): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'store-'));
  context.after(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return openStore(path.join(dir, 'data') as HostPath);
}

export interface StoredImage {
  id: Digest;
  manifest: Digest;
  /** Of its layers, in order. */
  blobs: Digest[];
  diffIds: Digest[];
}

/** Puts an image whose layers have these contents under `reference`; its layers look as if they were unpacked. */
export async function storeImage(
  store: Store,
  reference: string,
  layers: readonly string[] = ['layer'],
  config: Record<string, unknown> = {},
): Promise<StoredImage> {
  const diffIds = layers.map((text) => sha256(`diff ${text}`) as Digest);
  const blobs = layers.map((text) => Buffer.from(`blob ${text}`));
  const configBytes = Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds }, ...config }),
  );
  const describe = (bytes: Buffer, mediaType: string): { mediaType: string; digest: Digest; size: number } => ({
    mediaType,
    digest: sha256(bytes) as Digest,
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: describe(configBytes, 'application/vnd.oci.image.config.v1+json'),
      layers: blobs.map((bytes) => describe(bytes, 'application/vnd.oci.image.layer.v1.tar')),
    }),
  );
  await store.withTemp(async (dir) => {
    for (const bytes of [...blobs, configBytes, manifest]) await store.saveBlob(dir, describe(bytes, ''), bytes);
  });
  for (const diffId of diffIds) placeLayer(store, diffId);
  const descriptor = describe(manifest, 'application/vnd.oci.image.manifest.v1+json');
  await store.saveReference({ reference, descriptor, updated: new Date(0).toISOString() });
  return {
    id: sha256(configBytes) as Digest,
    manifest: descriptor.digest,
    blobs: blobs.map((bytes) => sha256(bytes) as Digest),
    diffIds,
  };
}

function placeLayer(store: Store, diffId: Digest): void {
  const dir = path.join(store.layersDir, `${diffId.slice('sha256:'.length)}.ranges`);
  mkdirSync(path.join(dir, 'fs'), { recursive: true });
  writeFileSync(path.join(dir, 'fs/file'), diffId);
  const record = {
    version: 1,
    diffId,
    kind: 'ranges',
    bootId: currentBootId(),
    sizeBytes: 10,
    entries: 1,
    impliedDirs: [],
    rootListed: true,
    skippedDevices: 0,
    skippedXattrs: 0,
    whiteouts: 'native',
  };
  writeFileSync(path.join(dir, 'layer.json'), JSON.stringify(record));
}

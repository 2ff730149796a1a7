// Unpacks archives into a store of the test's own, through the real child in a real user namespace.

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';

import { removeTrees } from '../../src/helper/userns-run.js';
import { baseMapping, type UsernsChoice } from '../../src/idmap/choose.js';
import { unpackLayer } from '../../src/layer/unpack.js';
import { openStore, type Store } from '../../src/store/store.js';
import type { DiffId, HostPath } from '../../src/util/brand.js';
import { rrunProgram } from './paths.js';

if (process.env['RRUN_EXE'] === undefined && existsSync(rrunProgram)) process.env['RRUN_EXE'] = rrunProgram;

export interface Unpacking {
  store: Store;
  mapping: UsernsChoice;
}

/** A store under the temporary directory that goes with the test. */
export async function openUnpacking(t: TestContext, userns?: 'single'): Promise<Unpacking> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'rrun-layer-'));
  const mapping = await baseMapping(userns);
  t.after(() => removeTrees(mapping.layers, [dir as HostPath]));
  return { store: await openStore(path.join(dir, 'store') as HostPath), mapping };
}

export function diffIdOf(tar: Buffer): DiffId {
  return `sha256:${createHash('sha256').update(tar).digest('hex')}` as DiffId;
}

export interface UnpackOptions {
  /** The bytes as sent; default: gzip of the tar. */
  sent?: Buffer;
  source?: Readable;
  diffId?: DiffId;
}

/** Unpacks and gives the tree. */
export async function unpackTar(
  { store, mapping }: Unpacking,
  tar: Buffer,
  options: UnpackOptions = {},
): Promise<HostPath> {
  const diffId = options.diffId ?? diffIdOf(tar);
  const sent = options.sent ?? gzipSync(tar);
  const descriptor = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: diffIdOf(sent),
    size: sent.length,
  };
  return await unpackLayer({
    store,
    mapping,
    descriptor,
    diffId,
    source: options.source ?? Readable.from(split(sent)),
  });
}

function* split(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** What is in the store's layers and temporary places: both empty after a failure. */
export function leftovers({ store }: Unpacking): string[] {
  return [...readdirSync(store.layersDir), ...readdirSync(store.tmpDir)];
}

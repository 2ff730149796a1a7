// What is being made holds on to what it will refer to: a file `keep` in its temporary directory lists blobs and layers that
// collect() must leave alone until the reference exists.

import { appendFile, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Digest, HostPath } from '../util/brand.js';
import { isDigest } from '../util/digest.js';
import type { Store } from './store.js';

const KEEP = 'keep';

/** Write this before looking whether something is there: from then on it stays if it is. */
export async function keepInTemp(
  store: Store,
  tempDir: HostPath,
  blobs: readonly Digest[],
  layers: readonly Digest[] = [],
): Promise<void> {
  const lines = [...blobs.map((digest) => `blob ${digest}\n`), ...layers.map((digest) => `layer ${digest}\n`)];
  await store.whileCommitting(() => appendFile(path.join(tempDir, KEEP), lines.join('')));
}

export interface Kept {
  blobs: Set<Digest>;
  /** By diff id. */
  layers: Set<Digest>;
}

/** What everything under way holds on to. */
export async function loadKept(store: Store): Promise<Kept> {
  const kept: Kept = { blobs: new Set(), layers: new Set() };
  for (const name of await store.listDirectory(store.tmpDir)) {
    const text = await readFile(path.join(store.tmpDir, name, KEEP), 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      const [kind, digest] = line.split(' ');
      if (isDigest(digest)) (kind === 'layer' ? kept.layers : kept.blobs).add(digest);
    }
  }
  return kept;
}

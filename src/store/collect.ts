// Removes blobs and layers that nothing refers to. What images refer to is told by image/; what containers mount and what is under
// way is read here.

import { readFile, rename } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

import type { Digest, HostPath } from '../util/brand.js';
import { isDigest } from '../util/digest.js';
import { diskError, isMissing } from './disk-error.js';
import { loadKept, type Kept } from './keep.js';
import type { Store } from './store.js';

export interface Collected {
  blobs: Digest[];
  /** Diff ids. */
  layers: Digest[];
}

const LAYER_NAME = /^([a-f0-9]{64})\./;
const CONDEMNED = '.condemned';

/**
 * `loadReferred` is called when nobody can make new references. Containers are made without a lock: a layer is first given another
 * name, then the containers are looked at once more, and it gets its name back if one has come. Who makes a container looks whether
 * its layers are there after its record is.
 */
export async function collect(store: Store, loadReferred: () => Promise<Kept>): Promise<Collected> {
  const { collected, rubbish } = await store.whileCollecting(async () => {
    const wanted = await loadReferred();
    const kept = await loadKept(store);
    const blobs = await removeBlobs(store, (digest) => wanted.blobs.has(digest) || kept.blobs.has(digest));
    const isWanted = (diffId: Digest): boolean => wanted.layers.has(diffId) || kept.layers.has(diffId);
    const layers = await condemnLayers(store, isWanted);
    return { collected: { blobs, layers: layers.diffIds }, rubbish: layers.rubbish };
  });
  for (const dir of rubbish) await store.removeTree(dir);
  return collected;
}

async function removeBlobs(store: Store, isWanted: (digest: Digest) => boolean): Promise<Digest[]> {
  const removed: Digest[] = [];
  for (const hex of await store.listDirectory(store.blobsDir)) {
    const digest = `sha256:${hex}`;
    if (!isDigest(digest) || isWanted(digest)) continue;
    await store.removeBlob(digest);
    removed.push(digest);
  }
  return removed;
}

async function condemnLayers(
  store: Store,
  isWanted: (diffId: Digest) => boolean,
): Promise<{ diffIds: Digest[]; rubbish: HostPath[] }> {
  const diffIds = new Set<Digest>();
  const rubbish: HostPath[] = [];
  const mounted = await loadMountedLayers(store);
  const condemned: string[] = [];
  for (const name of await store.listDirectory(store.layersDir)) {
    if (name.endsWith(CONDEMNED)) {
      condemned.push(name.slice(0, -CONDEMNED.length)); // its remover was killed
      continue;
    }
    const hex = LAYER_NAME.exec(name)?.[1];
    if (hex === undefined || isWanted(`sha256:${hex}` as Digest) || mounted.has(name)) continue;
    if (await tryMove(store, name, path.join(store.layersDir, name + CONDEMNED))) condemned.push(name);
  }
  const mountedNow = await loadMountedLayers(store);
  for (const name of condemned) {
    const aside = path.join(store.layersDir, name + CONDEMNED);
    if (mountedNow.has(name)) {
      await rename(aside, path.join(store.layersDir, name)).catch(() => undefined);
      continue;
    }
    // Without a lock in it, it counts as rubbish there at once: whoever comes first removes it.
    const target = path.join(store.tmpDir, `layer-${randomBytes(8).toString('hex')}`) as HostPath;
    if (!(await tryMove(store, name + CONDEMNED, target))) continue;
    rubbish.push(target);
    diffIds.add(`sha256:${LAYER_NAME.exec(name)?.[1] ?? ''}` as Digest);
  }
  return { diffIds: [...diffIds], rubbish };
}

async function tryMove(store: Store, name: string, target: string): Promise<boolean> {
  try {
    await rename(path.join(store.layersDir, name), target);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw diskError(error, `remove layer "${name}"`, store.root);
  }
}

/** Names under layers/ that containers mount, from their records. A record that cannot be read holds nothing. */
async function loadMountedLayers(store: Store): Promise<Set<string>> {
  const names = new Set<string>();
  const prefix = store.layersDir + path.sep;
  for (const id of await store.listDirectory(store.containersDir)) {
    const text = await readFile(path.join(store.containersDir, id, 'container.json'), 'utf8').catch(() => '{}');
    for (const dir of lowerOf(text)) {
      if (typeof dir !== 'string' || !dir.startsWith(prefix)) continue;
      const name = dir.slice(prefix.length).split(path.sep)[0];
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

function lowerOf(text: string): unknown[] {
  try {
    const { lower } = JSON.parse(text) as { lower?: unknown };
    return Array.isArray(lower) ? lower : [];
  } catch {
    return [];
  }
}

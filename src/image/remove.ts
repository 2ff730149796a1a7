// `docker rmi`: takes names away; an image without a name goes, and with it what nothing else refers to.

import { RrunError } from '../errors.js';
import { collect, type Collected } from '../store/collect.js';
import type { Kept } from '../store/keep.js';
import type { ReferenceRecord } from '../store/refs.js';
import type { Store } from '../store/store.js';
import type { Digest } from '../util/brand.js';
import { isDigest, shortId } from '../util/digest.js';
import { isUnnamed, tryLoadImage, type LocalImage } from './local-image.js';
import { noSuchImage } from './names.js';
import { canonicalReference, familiarReference, parseReference } from './reference.js';
import { findImage, findRecord, listImages } from './search.js';

export interface RemoveOptions {
  /** Also what containers are made of (they keep their layers), and an id that has several names. */
  force: boolean;
  /** Names or short ids of the containers made from an image. */
  inUse: (id: Digest) => readonly string[];
}

export interface Removed {
  /** Familiar names. */
  untagged: string[];
  /** Ids of images and diff ids of layers. */
  deleted: Digest[];
}

/** Removes a name, or the image that an id means with all its names. */
export async function removeImage(store: Store, nameOrId: string, options: RemoveOptions): Promise<Removed> {
  const target = await chooseTarget(store, nameOrId, options);
  const { image, goes, isLast } = target;
  if (isLast && !options.force) checkUnused(image, nameOrId, options);

  for (const { reference } of goes) await store.removeReference(reference);
  const untagged = goes
    .filter((record) => !isUnnamed(record))
    .map(({ reference }) => familiarReference(parseReference(reference)));
  if (!isLast) return { untagged, deleted: [] };
  const collected = await removeUnreferenced(store);
  return { untagged, deleted: [image.id, ...collected.layers] };
}

/** Removes blobs and layers that no image, no container and nothing under way refers to. */
export async function removeUnreferenced(store: Store): Promise<Collected> {
  return collect(store, () => loadReferred(store));
}

interface Target {
  image: LocalImage;
  /** Records that are to be removed. */
  goes: ReferenceRecord[];
  /** Whether the image itself goes with them. */
  isLast: boolean;
}

async function chooseTarget(store: Store, nameOrId: string, { force }: RemoveOptions): Promise<Target> {
  const byName = await tryFindNamed(store, nameOrId);
  const image = byName === undefined ? await findImage(store, nameOrId) : await tryLoadImage(store, byName);
  if (image === undefined) {
    // A damaged image still has a name that can be taken away.
    if (byName !== undefined) return damaged(byName);
    throw noSuchImage(nameOrId, 'remove');
  }
  const records = await recordsOfId(store, image.id);
  const named = records.filter((record) => !isUnnamed(record));
  if (byName !== undefined) {
    const rest = named.filter(({ reference }) => reference !== byName.reference);
    return rest.length > 0 ? { image, goes: [byName], isLast: false } : { image, goes: records, isLast: true };
  }
  if (named.length > 1 && !force) {
    const names = named.map(({ reference }) => familiarReference(parseReference(reference))).sort();
    throw new RrunError(
      'IN_USE',
      `cannot remove image ${shortId(image.id)}: it has several names: ${names.join(', ')}`,
      {
        hint: 'remove the names one by one, or use --force',
      },
    );
  }
  return { image, goes: records, isLast: true };
}

async function tryFindNamed(store: Store, nameOrId: string): Promise<ReferenceRecord | undefined> {
  if (isDigest(nameOrId) || /^[a-f0-9]{64}$/.test(nameOrId)) return undefined;
  const reference = parseReference(nameOrId);
  const record = await findRecord(store, reference);
  // By a digest that belongs to a tag the image is meant, not that one tag.
  return reference.digest !== undefined && record?.reference !== canonicalReference(reference) ? undefined : record;
}

function damaged(record: ReferenceRecord): Target {
  const id = record.descriptor.digest;
  return { image: { id } as LocalImage, goes: [record], isLast: true };
}

async function recordsOfId(store: Store, id: Digest): Promise<ReferenceRecord[]> {
  const manifests = new Set(
    (await listImages(store)).filter((image) => image.id === id).map(({ manifestDigest }) => manifestDigest),
  );
  return (await store.loadReferences()).filter(({ descriptor }) => manifests.has(descriptor.digest));
}

function checkUnused(image: LocalImage, nameOrId: string, { inUse }: RemoveOptions): void {
  const users = inUse(image.id);
  if (users.length === 0) return;
  const [first, ...others] = users;
  throw new RrunError(
    'IN_USE',
    `cannot remove image "${nameOrId}": container ${first}${others.length > 0 ? ` and ${others.length} more were` : ' was'} made from it`,
    {
      hint: `remove the container${others.length > 0 ? 's' : ''} with "rrun rm", or use --force`,
    },
  );
}

async function loadReferred(store: Store): Promise<Kept> {
  const kept: Kept = { blobs: new Set(), layers: new Set() };
  for (const record of await store.loadReferences()) {
    kept.blobs.add(record.descriptor.digest);
    if (record.layout !== undefined) kept.blobs.add(record.layout.digest);
    if (record.repoDigest !== undefined) kept.blobs.add(record.repoDigest);
    const image = await tryLoadImage(store, record).catch(() => undefined);
    if (image === undefined) continue;
    kept.blobs.add(image.manifest.config.digest);
    for (const { digest } of image.manifest.layers) kept.blobs.add(digest);
    for (const diffId of image.diffIds) kept.layers.add(diffId);
  }
  return kept;
}

// Giving names to images and taking them away, so that an image is never forgotten while somebody may want it.

import { RrunError } from '../errors.js';
import type { ReferenceRecord } from '../store/refs.js';
import type { Store } from '../store/store.js';
import { isUnnamed } from './local-image.js';
import { canonicalReference, parseReference, repositoryName } from './reference.js';
import { findImage } from './search.js';

/**
 * Makes `record.reference` mean `record`. An image that loses its last name by this stays as one without a name. Returns whether the
 * name means something else than before.
 */
export async function saveName(store: Store, record: ReferenceRecord): Promise<boolean> {
  const before = await store.loadReference(record.reference);
  const isNew = before?.descriptor.digest !== record.descriptor.digest;
  if (
    before !== undefined &&
    !isNew &&
    before.repoDigest === record.repoDigest &&
    before.repository === record.repository
  )
    return false;
  if (before !== undefined && isNew) {
    const others = (await store.loadReferences()).filter(
      (other) => other.reference !== record.reference && other.descriptor.digest === before.descriptor.digest,
    );
    if (others.length === 0) await store.saveReference({ ...before, reference: before.descriptor.digest });
  }
  await store.saveReference(record);
  if (isNew) await store.removeReference(record.descriptor.digest); // it has a name now
  return isNew;
}

/** `docker tag`: another name for an image that is here. */
export async function tagImage(store: Store, source: string, target: string): Promise<void> {
  const name = parseReference(target);
  if (name.digest !== undefined) {
    throw new RrunError('REFERENCE_INVALID', `cannot tag "${source}" as "${target}": a digest cannot be chosen`, {
      hint: 'give a tag',
    });
  }
  const image = await findImage(store, source);
  if (image === undefined) throw noSuchImage(source, 'tag');
  // Together with removal: what the new name points to must not be collected meanwhile.
  await store.whileCommitting(async () => {
    const record = (await store.loadReferences()).find(({ descriptor }) => descriptor.digest === image.manifestDigest);
    if (record === undefined) throw noSuchImage(source, 'tag');
    const { descriptor, layout, repoDigest, repository } = record;
    const keepsDigest = repository !== undefined && repository === repositoryName(name) && repoDigest !== undefined;
    await saveName(store, {
      reference: canonicalReference(name),
      descriptor,
      ...(layout === undefined ? {} : { layout }),
      ...(keepsDigest ? { repoDigest, repository } : {}),
      updated: new Date().toISOString(),
    });
  });
}

export function noSuchImage(name: string, verb: string): RrunError {
  return new RrunError('NOT_FOUND', `cannot ${verb} image "${name}": it is not in the store`, {
    hint: 'see "rrun images"',
  });
}

/** All records of one image, by any of its manifests. */
export async function recordsOf(
  store: Store,
  manifestDigests: ReadonlySet<string>,
): Promise<{ named: ReferenceRecord[]; unnamed: ReferenceRecord[] }> {
  const records = (await store.loadReferences()).filter(({ descriptor }) => manifestDigests.has(descriptor.digest));
  return { named: records.filter((record) => !isUnnamed(record)), unnamed: records.filter(isUnnamed) };
}

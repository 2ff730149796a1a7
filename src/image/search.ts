// What a name means: the full names that a short one may stand for, and the image in the store that a name or id means.

import { RrunError } from '../errors.js';
import type { LayerKind } from '../layer/layer-record.js';
import { loadRegistriesConf, type RegistriesConf } from '../registry/registries-conf.js';
import type { ReferenceRecord } from '../store/refs.js';
import type { Store } from '../store/store.js';
import { isDigest } from '../util/digest.js';
import { isUnnamed, tryLoadImage, type LocalImage } from './local-image.js';
import { canonicalReference, parseReference, repositoryName, type ImageReference } from './reference.js';

const ID_REGEXP = /^(?:sha256:)?([a-f0-9]{1,64})$/;

/** The full references that a typed one may stand for, in the order in which they are asked for. */
export function candidateReferences(reference: ImageReference, conf: RegistriesConf): ImageReference[] {
  const { shortName } = reference;
  if (shortName === undefined) return [reference];
  const suffix =
    (reference.tag === undefined ? '' : `:${reference.tag}`) +
    (reference.digest === undefined ? '' : `@${reference.digest}`);
  const alias = conf.aliases.get(shortName);
  if (alias !== undefined) return [configured(`${alias}${suffix}`, `the alias of "${shortName}"`)];
  return conf.searchRegistries.map((registry) =>
    registry === 'docker.io'
      ? reference
      : configured(`${registry}/${shortName}${suffix}`, 'unqualified-search-registries'),
  );
}

function configured(text: string, where: string): ImageReference {
  try {
    return parseReference(text);
  } catch (error) {
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot use ${where} in registries.conf: ${(error as Error).message.replace(/^cannot use /, '')}`,
      { cause: error },
    );
  }
}

/**
 * The record that a reference means among those in the store. A short name means docker.io's image if that is here, so that the usual
 * case needs no look at registries.conf.
 */
export async function findRecord(store: Store, reference: ImageReference): Promise<ReferenceRecord | undefined> {
  const direct = await findExact(store, reference);
  if (direct !== undefined || reference.shortName === undefined) return direct;
  for (const candidate of candidateReferences(reference, await loadRegistriesConf())) {
    const found = await findExact(store, candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function findExact(store: Store, reference: ImageReference): Promise<ReferenceRecord | undefined> {
  const record = await store.loadReference(canonicalReference(reference));
  if (record !== undefined || reference.digest === undefined) return record;
  // Pulled by its tag, asked for by its digest: the same image.
  const { digest } = reference;
  const repository = repositoryName(reference);
  return (await store.loadReferences()).find(
    (other) => other.repository === repository && (other.repoDigest === digest || other.descriptor.digest === digest),
  );
}

/** The image that a name, an id or the beginning of an id means. `kind` fills in layerDirs. */
export async function findImage(store: Store, nameOrId: string, kind?: LayerKind): Promise<LocalImage | undefined> {
  const byId = ID_REGEXP.exec(nameOrId)?.[1];
  // Names come before ids, as with Docker; 64 hex digits are no name.
  if (!isDigest(nameOrId) && byId?.length !== 64) {
    const record = await findRecord(store, parseReference(nameOrId));
    const image = record === undefined ? undefined : await tryLoadImage(store, record, kind);
    if (image !== undefined) return image;
  }
  return byId === undefined ? undefined : findById(store, byId, nameOrId, kind);
}

async function findById(
  store: Store,
  prefix: string,
  typed: string,
  kind?: LayerKind,
): Promise<LocalImage | undefined> {
  const wanted = `sha256:${prefix}`;
  const images = (await listImages(store, kind)).filter(
    ({ id, manifestDigest, repoDigest }) =>
      id.startsWith(wanted) || (isDigest(wanted) && (manifestDigest === wanted || repoDigest === wanted)),
  );
  const [first] = images;
  if (new Set(images.map(({ id }) => id)).size > 1) {
    throw new RrunError('NOT_FOUND', `cannot tell which image "${typed}" is: several ids begin with it`, {
      hint: 'give more digits',
    });
  }
  return first;
}

/** All images, one entry for each name; those without a name once. What cannot be read is left out. */
export async function listImages(store: Store, kind?: LayerKind): Promise<LocalImage[]> {
  const records = await store.loadReferences();
  const named = new Set(records.filter((record) => !isUnnamed(record)).map(({ descriptor }) => descriptor.digest));
  const wanted = records.filter((record) => !isUnnamed(record) || !named.has(record.descriptor.digest));
  const images = await Promise.all(wanted.map((record) => tryLoadImage(store, record, kind).catch(() => undefined)));
  return images.filter((image) => image !== undefined);
}

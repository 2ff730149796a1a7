// Makes sure that an image is in the store, as the pull policy says; the only place that brings images from registries.

import { RrunError } from '../errors.js';
import type { UsernsChoice } from '../idmap/choose.js';
import { tryLoadLayer } from '../layer/layer-record.js';
import { RegistryClient } from '../registry/client.js';
import { loadRegistriesConf, resolveEndpoints, type Endpoint } from '../registry/registries-conf.js';
import type { Store } from '../store/store.js';
import { tryUnpackBlob } from './fetch-layers.js';
import { pullFrom } from './fetch-image.js';
import { tryLoadImage, type LocalImage } from './local-image.js';
import { hostPlatform, isPlatformMatch, parsePlatform } from './platform.js';
import type { OnProgress } from './progress.js';
import {
  canonicalReference,
  familiarReference,
  parseReference,
  repositoryName,
  type ImageReference,
} from './reference.js';
import { candidateReferences, findImage, findRecord } from './search.js';

export type { ProgressEvent } from './progress.js';

/** When to ask a registry: if the image is not here, always, never, or to see whether the name means something newer there. */
export type PullPolicy = 'missing' | 'always' | 'never' | 'newer';

export interface PullRequest {
  /** As typed. An id or the beginning of one is looked for in the store only. */
  reference: string;
  platform?: string;
  policy: PullPolicy;
  tlsVerify?: boolean;
  onProgress?: OnProgress;
}

/** The image that `request` asks for, whole and unpacked for the mapping of `userns`. */
export async function ensureImage(store: Store, userns: UsernsChoice, request: PullRequest): Promise<LocalImage> {
  const { policy } = request;
  const wanted = request.platform === undefined ? undefined : parsePlatform(request.platform);
  if (policy !== 'always') {
    const local = await tryLocal(store, userns, request, policy === 'newer');
    const fits = local !== undefined && (wanted === undefined || isPlatformMatch(local.config, wanted));
    if (fits && (policy !== 'newer' || (await isCurrent(local, request)))) return local;
    if (policy === 'never') throw notLocal(request.reference, local !== undefined);
    if (policy === 'missing')
      request.onProgress?.({ kind: 'missing', reference: familiarReference(parseReference(request.reference)) });
  }
  return pull(store, userns, request);
}

/** The image if it is here and can be used, unpacking layers from their blobs where they are missing. */
async function tryLocal(
  store: Store,
  userns: UsernsChoice,
  request: PullRequest,
  namesOnly: boolean,
): Promise<LocalImage | undefined> {
  const image = namesOnly
    ? await tryByName(store, parseReference(request.reference), userns)
    : await findImage(store, request.reference, userns.layerKind);
  if (image === undefined) return undefined;
  for (const [index, diffId] of image.diffIds.entries()) {
    if (tryLoadLayer(store, diffId, userns.layerKind) !== undefined) continue;
    const descriptor = image.manifest.layers[index];
    if (descriptor === undefined || !(await store.hasBlob(descriptor.digest, descriptor.size))) return undefined;
    if (!(await tryUnpackBlob({ store, userns }, { descriptor, diffId }))) return undefined;
  }
  return image;
}

async function tryByName(
  store: Store,
  reference: ImageReference,
  userns: UsernsChoice,
): Promise<LocalImage | undefined> {
  const record = await findRecord(store, reference);
  return record === undefined ? undefined : tryLoadImage(store, record, userns.layerKind);
}

/** Whether the registry still gives for the name what is here. Where it cannot be asked, what is here will do. */
async function isCurrent(local: LocalImage, request: PullRequest): Promise<boolean> {
  const reference = parseReference(local.canonical);
  if (reference.digest !== undefined) return true;
  for (const endpoint of resolveEndpoints(await loadRegistriesConf(), repositoryName(reference), `:${reference.tag}`)) {
    const client = newClient(endpoint, request);
    try {
      const digest = await client.fetchManifestDigest(reference.tag ?? 'latest');
      if (digest !== undefined) return digest === (local.repoDigest ?? local.manifestDigest);
    } catch (error) {
      if (!(error instanceof RrunError)) throw error;
    } finally {
      await client.close();
    }
  }
  return true;
}

async function pull(store: Store, userns: UsernsChoice, request: PullRequest): Promise<LocalImage> {
  const typed = parseReference(request.reference);
  await store.checkWritable();
  const conf = await loadRegistriesConf();
  const places = candidateReferences(typed, conf).flatMap((reference) =>
    resolveEndpoints(conf, repositoryName(reference), suffixOf(reference)).map((endpoint) => ({ reference, endpoint })),
  );

  const failures: RrunError[] = [];
  for (const { reference, endpoint } of places) {
    const client = newClient(endpoint, request, familiarReference(reference));
    request.onProgress?.({ kind: 'resolve', reference: familiarReference(reference), host: endpoint.host });
    try {
      return await pullFrom({
        store,
        userns,
        client,
        reference,
        platform: request.platform === undefined ? hostPlatform() : parsePlatform(request.platform),
        onProgress: request.onProgress ?? (() => undefined),
      });
    } catch (error) {
      // Another place helps only against what this one did.
      if (!(error instanceof RrunError) || !isFaultOfPlace(error)) throw error;
      failures.push(error);
      if (failures.length < places.length)
        request.onProgress?.({ kind: 'skipped', host: endpoint.host, why: error.message });
    } finally {
      await client.close();
    }
  }
  throw summarize(request.reference, failures);
}

function isFaultOfPlace({ code }: RrunError): boolean {
  return [
    'REGISTRY_UNREACHABLE',
    'REGISTRY_REFUSED',
    'REGISTRY_INVALID',
    'MANIFEST_UNKNOWN',
    'DIGEST_MISMATCH',
  ].includes(code);
}

function summarize(reference: string, failures: readonly RrunError[]): RrunError {
  const last = failures.at(-1);
  if (last === undefined) throw new Error('bug: no place to pull from');
  if (failures.length === 1) return last;
  const reasons = [...new Set(failures.map(({ message }) => message.replace(/^cannot pull "[^"]*": /, '')))];
  return new RrunError(last.code, `cannot pull "${reference}": ${reasons.join('; ')}`, {
    hint: last.hint,
    cause: last,
  });
}

function newClient(endpoint: Endpoint, request: PullRequest, subject: string = request.reference): RegistryClient {
  return new RegistryClient({ endpoint, tlsVerify: request.tlsVerify, subject });
}

function suffixOf(reference: ImageReference): string {
  return canonicalReference(reference).slice(repositoryName(reference).length);
}

function notLocal(reference: string, isOther: boolean): RrunError {
  const why = isOther ? 'the one in the store is for another platform' : 'it is not in the store';
  return new RrunError(
    'IMAGE_NOT_LOCAL',
    `cannot use image "${reference}": ${why} and --pull=never forbids to pull it`,
    {
      hint: `run "rrun pull ${reference}"`,
    },
  );
}

// Pulls one image from one place: index → manifest → config → layers → reference. The reference comes last, so that a pull that is
// killed leaves nothing but blobs and layers that the next one finds.

import { statfs } from 'node:fs/promises';

import { RrunError } from '../errors.js';
import type { UsernsChoice } from '../idmap/choose.js';
import { tryLoadLayer } from '../layer/layer-record.js';
import type { FetchedManifest, RegistryClient } from '../registry/client.js';
import { sha256 } from '../store/blobs.js';
import { keepInTemp } from '../store/keep.js';
import type { ReferenceRecord } from '../store/refs.js';
import type { Store } from '../store/store.js';
import type { Digest, HostPath } from '../util/brand.js';
import { shortId } from '../util/digest.js';
import { humanSize } from '../util/units.js';
import type { ImageConfig } from './config.wire.js';
import { fetchLayers, type LayerJob } from './fetch-layers.js';
import { assembleImage, parseConfigBytes, type LocalImage } from './local-image.js';
import {
  encodeAsOci,
  OCI_MANIFEST,
  parseManifest,
  type Descriptor,
  type Manifest,
  type Platform,
} from './manifest.wire.js';
import { choosePlatform, isPlatformMatch, platformUnavailable } from './platform.js';
import type { OnProgress } from './progress.js';
import { canonicalReference, familiarReference, repositoryName, type ImageReference } from './reference.js';
import { saveName } from './names.js';

export interface PullFrom {
  store: Store;
  userns: UsernsChoice;
  client: RegistryClient;
  reference: ImageReference;
  platform: Platform;
  onProgress: OnProgress;
}

/** An index may point to an index; more than this is nonsense. */
const MAX_INDEX_DEPTH = 3;

/** What layers may be made of. Anything else is not a container image: Helm charts and signatures are in registries too. */
const LAYER_TYPES =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?$/;

interface Documents {
  /** Everything that was read on the way to the manifest, the index first. */
  stored: FetchedManifest[];
  manifest: Manifest;
  /** The manifest in OCI's words, if it is in Docker's. */
  layout: FetchedManifest[];
}

export async function pullFrom(request: PullFrom): Promise<LocalImage> {
  const { store, reference, onProgress } = request;
  const name = familiarReference(reference);
  const documents = await fetchDocuments(request, name);
  return store.withTemp(async (tempDir) => {
    const { manifest, stored, layout } = documents;
    await keepInTemp(store, tempDir, [
      ...[...stored, ...layout].map(({ digest }) => digest),
      manifest.config.digest,
      ...manifest.layers.map(({ digest }) => digest),
    ]);
    const { bytes: configBytes, config } = await fetchConfig(request, manifest, tempDir, name);
    const jobs = layerJobs(manifest, config, name);
    await keepInTemp(store, tempDir, [], config.rootfs.diff_ids);
    await checkSpace(request, jobs, name);
    onProgress({
      kind: 'pulling',
      path: reference.path,
      tag: reference.digest ?? reference.tag ?? 'latest',
      layers: jobs.map(({ descriptor }) => shortId(descriptor.digest)),
    });
    await fetchLayers({ ...request, tempDir }, jobs);

    await store.saveBlob(tempDir, manifest.config, configBytes);
    for (const { digest, bytes } of [...stored, ...layout])
      await store.saveBlob(tempDir, { digest, size: bytes.length }, bytes);
    return finish(request, documents, config);
  });
}

async function finish(
  { store, userns, reference, onProgress }: PullFrom,
  documents: Documents,
  config: ImageConfig,
): Promise<LocalImage> {
  const { manifest, stored, layout } = documents;
  const [first, last, shown] = [stored[0], stored.at(-1), layout[0]];
  if (first === undefined || last === undefined) throw new Error('bug: an image without a manifest');
  const record: ReferenceRecord = {
    reference: canonicalReference(reference),
    descriptor: { mediaType: manifest.mediaType, digest: last.digest, size: last.bytes.length },
    ...(shown === undefined
      ? {}
      : { layout: { mediaType: shown.mediaType, digest: shown.digest, size: shown.bytes.length } }),
    repoDigest: first.digest,
    repository: repositoryName(reference),
    updated: new Date().toISOString(),
  };
  const isNew = await saveName(store, record);
  onProgress({
    kind: 'done',
    reference: familiarReference(reference),
    canonical: record.reference,
    digest: first.digest,
    isNew,
  });
  return assembleImage(store, record, { manifest, config }, userns.layerKind);
}

async function fetchDocuments({ store, client, reference, platform }: PullFrom, name: string): Promise<Documents> {
  const stored: FetchedManifest[] = [];
  let wanted: Descriptor | undefined;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const fetched =
      wanted === undefined
        ? await client.fetchManifest(reference.digest ?? reference.tag ?? 'latest')
        : await fetchListed(store, client, wanted, name);
    stored.push(fetched);
    const parsed = parseManifest(fetched.bytes, fetched.mediaType, name);
    if (parsed.kind === 'manifest') return { stored, manifest: parsed, layout: ociForm(parsed) };
    wanted = choosePlatform(parsed.manifests, platform, name);
  }
  throw new RrunError(
    'IMAGE_INVALID',
    `cannot use "${name}": its index points to an index, ${MAX_INDEX_DEPTH} times over`,
  );
}

function ociForm(manifest: Manifest): FetchedManifest[] {
  if (manifest.mediaType === OCI_MANIFEST) return [];
  const bytes = encodeAsOci(manifest);
  return [{ bytes, digest: sha256(bytes), mediaType: OCI_MANIFEST }];
}

/** A manifest that an index lists: often the one that is here already. */
async function fetchListed(
  store: Store,
  client: RegistryClient,
  wanted: Descriptor,
  name: string,
): Promise<FetchedManifest> {
  const known = await store.tryReadBlob(wanted.digest);
  const fetched =
    known === undefined
      ? await client.fetchManifest(wanted.digest)
      : { bytes: known, digest: wanted.digest, mediaType: wanted.mediaType };
  if (fetched.bytes.length !== wanted.size) {
    throw new RrunError(
      'DIGEST_MISMATCH',
      `cannot use "${name}": manifest ${wanted.digest} has ${fetched.bytes.length} bytes, its index says ${wanted.size}`,
    );
  }
  return fetched;
}

async function fetchConfig(
  { store, client, platform }: PullFrom,
  manifest: Manifest,
  tempDir: HostPath,
  name: string,
): Promise<{ bytes: Uint8Array; config: ImageConfig }> {
  const { digest, mediaType } = manifest.config;
  if (
    !mediaType.startsWith('application/vnd.oci.image.config.') &&
    !mediaType.startsWith('application/vnd.docker.container.image.')
  ) {
    throw new RrunError(
      'IMAGE_INVALID',
      `cannot use "${name}": it is not a container image but of type "${mediaType}"`,
    );
  }
  let bytes: Uint8Array | undefined = await store.tryReadBlob(digest);
  if (bytes === undefined) {
    const chunks: Buffer[] = [];
    for await (const chunk of client.fetchBlob(manifest.config)) chunks.push(chunk);
    bytes = Buffer.concat(chunks);
    await store.saveBlob(tempDir, manifest.config, bytes); // checks the digest
  }
  const config = parseConfigBytes(bytes, name);
  // An index chose by platform already; a lone manifest says in its config what it is for.
  if (config.architecture !== '' && !isPlatformMatch(config, platform))
    throw platformUnavailable([config], platform, name);
  return { bytes, config };
}

function layerJobs(manifest: Manifest, config: ImageConfig, name: string): LayerJob[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new RrunError(
      'IMAGE_INVALID',
      `cannot use "${name}": its manifest has ${manifest.layers.length} layers, its config ${diffIds.length}`,
    );
  }
  return manifest.layers.map((descriptor, index) => {
    if (!LAYER_TYPES.test(descriptor.mediaType)) {
      throw new RrunError(
        'IMAGE_INVALID',
        `cannot use "${name}": layer ${shortId(descriptor.digest)} is of type "${descriptor.mediaType}", which is no layer of files`,
      );
    }
    return { descriptor, diffId: diffIds[index] as LayerJob['diffId'] };
  });
}

/** What is to be downloaded must fit; that it must also be unpacked is left to the disk to say. */
async function checkSpace({ store, userns }: PullFrom, jobs: readonly LayerJob[], name: string): Promise<void> {
  const missing = new Map<Digest, number>();
  for (const { descriptor, diffId } of jobs) {
    if (!(await store.hasBlob(descriptor.digest, descriptor.size))) missing.set(descriptor.digest, descriptor.size);
    else if (tryLoadLayer(store, diffId, userns.layerKind) === undefined) missing.set(descriptor.digest, 0);
  }
  const needed = [...missing.values()].reduce((sum, size) => sum + size, 0);
  if (needed === 0) return;
  const { bavail, bsize } = await statfs(store.root);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new RrunError(
    'STORE_FULL',
    `cannot pull "${name}": it needs at least ${humanSize(needed)}, and ${humanSize(free)} are free in "${store.root}"`,
    {
      hint: 'free space there, remove images with "rrun rmi", or choose another place with --root',
    },
  );
}

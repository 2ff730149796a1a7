// Brings the layers of an image into the store: three at once, each hashed, stored and unpacked while it comes.

import { PassThrough } from 'node:stream';
import { once } from 'node:events';

import { RrunError } from '../errors.js';
import type { UsernsChoice } from '../idmap/choose.js';
import { tryLoadLayer } from '../layer/layer-record.js';
import { ensureLayer, unpackLayer } from '../layer/unpack.js';
import type { RegistryClient } from '../registry/client.js';
import { sha256File } from '../store/blobs.js';
import { diskError, storeFull } from '../store/disk-error.js';
import type { Store } from '../store/store.js';
import type { DiffId, HostPath } from '../util/brand.js';
import { shortId } from '../util/digest.js';
import type { Descriptor } from './manifest.wire.js';
import type { OnProgress } from './progress.js';

const PARALLEL = 3;
const STREAM_BUFFER_BYTES = 1 << 20;

export interface LayerJob {
  descriptor: Descriptor;
  diffId: DiffId;
}

export interface FetchContext {
  store: Store;
  userns: UsernsChoice;
  client: RegistryClient;
  /** A directory of store.makeTemp(). */
  tempDir: HostPath;
  onProgress: OnProgress;
}

/** Stores and unpacks what is missing. The first failure ends the others. */
export async function fetchLayers(context: FetchContext, jobs: readonly LayerJob[]): Promise<void> {
  const queue = [...new Map(jobs.map((job) => [job.descriptor.digest, job])).values()];
  const aborted = new AbortController();
  for (const { descriptor } of queue)
    context.onProgress({ kind: 'layer', layer: shortId(descriptor.digest), state: 'waiting' });

  const worker = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined && !aborted.signal.aborted; job = queue.shift()) {
      await fetchLayer(context, job, aborted.signal);
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL, queue.length) }, () =>
    worker().catch((error: unknown) => {
      if (!aborted.signal.aborted) aborted.abort(error);
      throw error;
    }),
  );
  // All have ended before the temporary directory goes; what the first one said is the reason.
  await Promise.allSettled(workers);
  if (aborted.signal.aborted) throw aborted.signal.reason;
}

async function fetchLayer(context: FetchContext, job: LayerJob, signal: AbortSignal): Promise<void> {
  const { store, userns, onProgress } = context;
  const { descriptor, diffId } = job;
  const layer = shortId(descriptor.digest);
  const isUnpacked = tryLoadLayer(store, diffId, userns.layerKind) !== undefined;
  if (await store.hasBlob(descriptor.digest, descriptor.size)) {
    if (isUnpacked) {
      onProgress({ kind: 'layer', layer, state: 'exists' });
      return;
    }
    onProgress({ kind: 'layer', layer, state: 'unpacking' });
    if (await tryUnpackBlob(context, job)) {
      onProgress({ kind: 'layer', layer, state: 'done' });
      return;
    }
  }
  await (isUnpacked ? download(context, job, signal) : downloadAndUnpack(context, job, signal));
  onProgress({ kind: 'layer', layer, state: 'done' });
}

/** False when the blob turned out to be damaged, by a crash of the host for instance: it is gone then. */
export async function tryUnpackBlob(
  { store, userns }: Pick<FetchContext, 'store' | 'userns'>,
  { descriptor, diffId }: LayerJob,
): Promise<boolean> {
  try {
    await ensureLayer({ store, mapping: userns, descriptor, diffId });
    return true;
  } catch (error) {
    if (isFull(error)) throw storeFull(`unpack layer ${shortId(descriptor.digest)}`, store.root, error);
    if (!isContentError(error) || (await sha256File(store.blobPath(descriptor.digest))) === descriptor.digest)
      throw error;
    await store.removeBlob(descriptor.digest);
    return false;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof RrunError && error.code === 'STORE_FULL';
}

/* These may come from bytes that are not the ones that were asked for. */
function isContentError(error: unknown): boolean {
  return error instanceof RrunError && ['LAYER_INVALID', 'LAYER_UNSAFE', 'DIGEST_MISMATCH'].includes(error.code);
}

type Chunk = Buffer;

async function download(
  context: FetchContext,
  job: LayerJob,
  signal: AbortSignal,
  onChunk?: (chunk: Chunk) => Promise<void>,
): Promise<void> {
  const { store, client, tempDir, onProgress } = context;
  const { descriptor } = job;
  const layer = shortId(descriptor.digest);
  const action = `store blob ${descriptor.digest}`;
  const writer = await store.createBlob(tempDir, descriptor).catch((error: unknown) => {
    throw diskError(error, action, store.root);
  });
  try {
    for await (const chunk of client.fetchBlob(descriptor)) {
      signal.throwIfAborted();
      await Promise.all([writer.write(chunk), onChunk?.(chunk)]);
      onProgress({ kind: 'layer', layer, state: 'downloading', doneBytes: writer.size, totalBytes: descriptor.size });
    }
    if (onChunk !== undefined) onProgress({ kind: 'layer', layer, state: 'unpacking' });
    await writer.finish();
  } catch (error) {
    await writer.discard();
    throw diskError(error, action, store.root);
  }
}

async function downloadAndUnpack(context: FetchContext, job: LayerJob, signal: AbortSignal): Promise<void> {
  const { store, userns } = context;
  const { descriptor, diffId } = job;
  const source = new PassThrough({ highWaterMark: STREAM_BUFFER_BYTES });
  const failure: { error?: unknown } = {};
  const unpacked = unpackLayer({ store, mapping: userns, descriptor, diffId, source }).catch((error: unknown) => {
    failure.error = isFull(error) ? storeFull(`unpack layer ${shortId(descriptor.digest)}`, store.root, error) : error;
    source.destroy();
  });

  const feed = async (chunk: Chunk): Promise<void> => {
    if ('error' in failure) {
      // A bad layer is read to its end, so that "altered on the way" is told apart from "made like this"; a full disk is not.
      if (!isContentError(failure.error)) throw failure.error;
      return;
    }
    if (!source.write(chunk)) await Promise.race([once(source, 'drain'), unpacked]).catch(() => undefined);
  };
  try {
    await download(context, job, signal, feed);
  } catch (error) {
    source.destroy(error as Error);
    await unpacked;
    throw error;
  }
  source.end();
  await unpacked;
  if ('error' in failure) throw failure.error;
}

// Unpacks a layer into DATA/layers: the stream goes to a child inside the mapped user namespace (unpack-child.ts), which writes
// into a directory made aside; that gets its name by one rename when the digest of the tar is right.

import { createReadStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { RrunError } from '../errors.js';
import { runFailed, runInUserns } from '../helper/userns-run.js';
import type { UsernsChoice } from '../idmap/choose.js';
import type { Digest, DiffId, HostPath } from '../util/brand.js';
import { shortId } from '../util/digest.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { nodeEntry } from '../util/node-entry.js';
import { FULL_HINT } from './layer-error.js';
import {
  currentBootId,
  encodeLayerRecord,
  layerDir,
  layerTree,
  tryLoadLayer,
  type LayerPlaces,
} from './layer-record.js';
import type { LayerFacts } from './layer-writer.js';
import { giveToMappedRoot, letMappedRootPass } from './mapped-root.js';
import { RESULT_FD, UNPACK_COMMAND, type UnpackAnswer, type UnpackRequest } from './unpack-protocol.js';

/** What a store offers to the layers in it. */
export interface LayerStore extends LayerPlaces {
  blobPath(digest: Digest): HostPath;
  makeTemp(): Promise<{ dir: HostPath; release(): Promise<void> }>;
}

/** The mapping that layers are unpacked with, of a UsernsChoice. */
export type LayerMapping = Pick<UsernsChoice, 'layers' | 'layerKind'>;

export interface LayerSource {
  store: LayerStore;
  mapping: LayerMapping;
  descriptor: { mediaType: string; digest: Digest; size: number };
  diffId: DiffId;
}

/** The unpacked tree of a layer that is there and sound; undefined where it has to be unpacked. */
export function findLayer(store: LayerPlaces, diffId: DiffId, kind: LayerMapping['layerKind']): HostPath | undefined {
  return tryLoadLayer(store, diffId, kind) === undefined ? undefined : layerTree(store, diffId, kind);
}

/** Gives the tree of a layer, unpacking it from its blob where it is missing. */
export async function ensureLayer(request: LayerSource): Promise<HostPath> {
  const found = findLayer(request.store, request.diffId, request.mapping.layerKind);
  if (found !== undefined) return found;
  return await unpackLayer({ ...request, source: createReadStream(request.store.blobPath(request.descriptor.digest)) });
}

/**
 * Unpacks the compressed bytes of `source` while they come. The result is the layer's tree, in place and verified against
 * `diffId`; on any failure nothing is left, and `source` is destroyed.
 */
export async function unpackLayer(request: LayerSource & { source: Readable }): Promise<HostPath> {
  const { store, mapping, diffId, source } = request;
  const sourceFailed = watchSource(source);
  const temp = await store.makeTemp();
  try {
    const made = path.join(temp.dir, 'layer');
    await makeRoot(store, made, mapping.layers);
    const facts = await runChild(request, path.join(made, 'fs')).catch((error: unknown) => {
      throw sourceFailed() ?? error;
    });
    const record = { version: 1, diffId, kind: mapping.layerKind, bootId: currentBootId(), ...facts } as const;
    await writeFile(path.join(made, 'layer.json'), encodeLayerRecord(record), { flag: 'wx' });
    await place(request, made, path.join(temp.dir, 'old'));
    return layerTree(store, diffId, mapping.layerKind);
  } catch (error) {
    throw storeError(error, diffId);
  } finally {
    source.destroy();
    await temp.release();
  }
}

/* A stream that fails before anybody reads it would end the process. */
function watchSource(source: Readable): () => Error | undefined {
  let first: Error | undefined = source.errored ?? undefined;
  source.on('error', (error: Error) => (first ??= error));
  return () => first;
}

/* Not pipeline(): it would give the child's EPIPE to the source as if it were the source's own failure. */
function feed(source: Readable, sink: Writable): void {
  const stop = (): void => {
    if (!source.readableEnded) sink.destroy(); // the child then reads a stream that ends too early
  };
  source.once('error', stop);
  source.once('close', stop);
  // A child that refuses the layer ends before the stream does: EPIPE here, the reason in its answer.
  sink.once('error', () => source.unpipe(sink));
  if (source.destroyed) stop();
  else source.pipe(sink);
}

async function makeRoot(store: LayerStore, dir: string, layers: UsernsMapping): Promise<void> {
  const tree = path.join(dir, 'fs');
  await mkdir(dir);
  await mkdir(tree);
  giveToMappedRoot(layers, [tree]);
  const temp = path.dirname(dir);
  letMappedRootPass(layers, [path.dirname(store.layersDir), store.layersDir, path.dirname(temp), temp, dir]);
}

async function runChild(
  { mapping, diffId, source }: LayerSource & { source: Readable },
  root: string,
): Promise<LayerFacts> {
  const { uidMappings, gidMappings } = mapping.layers;
  const request: UnpackRequest = { root, kind: mapping.layerKind, uidMappings, gidMappings };
  const { child, done } = runInUserns({
    mapping: mapping.layers,
    argv: [process.execPath, nodeEntry(), UNPACK_COMMAND, JSON.stringify(request)],
    env: {}, // NODE_OPTIONS and the like are not for it
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  feed(source, child.stdio[0] as Writable);
  const [answer, complaint, result] = await Promise.all([
    readText(child.stdio[RESULT_FD] as Readable),
    readText(child.stdio[2] as Readable),
    done,
  ]);
  const parsed = parseAnswer(answer);
  if (parsed === undefined) throw childDied(result, complaint);
  if (!parsed.ok) throw new RrunError(parsed.code, parsed.message, { hint: parsed.hint });
  if (parsed.diffId !== diffId) {
    throw new RrunError(
      'DIGEST_MISMATCH',
      `cannot unpack layer ${shortId(diffId)}: its tar has digest ${parsed.diffId}, want ${diffId}`,
    );
  }
  return parsed.facts;
}

const MAX_COMPLAINT = 4096;

async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function parseAnswer(text: string): UnpackAnswer | undefined {
  return text.endsWith('\n') ? (JSON.parse(text) as UnpackAnswer) : undefined;
}

function childDied(result: Awaited<ReturnType<typeof runInUserns>['done']>, complaint: string): RrunError {
  const failed = runFailed('unpack a layer', result);
  const said = complaint.trim().slice(0, MAX_COMPLAINT);
  return said === '' ? failed : new RrunError(failed.code, `${failed.message}: ${said}`, { cause: failed });
}

/** The one that is first wins; a directory that a crash of the host has left unsound makes room. */
async function place({ store, mapping, diffId }: LayerSource, made: string, aside: string): Promise<void> {
  const target = layerDir(store, diffId, mapping.layerKind);
  if (await tryRename(made, target)) return;
  if (findLayer(store, diffId, mapping.layerKind) !== undefined) return;
  await rename(target, aside);
  if (!(await tryRename(made, target)) && findLayer(store, diffId, mapping.layerKind) === undefined) {
    throw new RrunError('STORE_UNUSABLE', `cannot unpack layer ${shortId(diffId)}: "${target}" cannot be replaced`);
  }
}

async function tryRename(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

function storeError(error: unknown, diffId: DiffId): unknown {
  if (error instanceof RrunError || !(error instanceof Error)) return error;
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException;
  const message = `cannot unpack layer ${shortId(diffId)}: ${syscall}: ${code}`;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new RrunError('STORE_FULL', message, { cause: error, hint: FULL_HINT });
  return syscall === '' ? error : new RrunError('STORE_UNUSABLE', message, { cause: error });
}

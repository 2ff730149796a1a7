// `cp` between the host and a container. The half inside the container is a child (copy-child.ts); this half reads and writes the host's
// files as the caller, holding directories by descriptors, since a directory of the host may be mounted in the container.

import fs from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { RrunError } from '../errors.js';
import { runFailed } from '../helper/userns-run.js';
import { TarReader } from '../layer/tar-reader.js';
import type { Store } from '../store/store.js';
import type { IdMapping, UsernsMapping } from '../util/id-mapping.js';
import { startCopy, type CopyProcess, type RootlessRequest } from './copy-process.js';
import { RESULT_FD, type CopyAnswer } from './copy-protocol.js';
import { chooseTarget, isContentPath, type CopySource } from './copy-target.js';
import { openHostDirectory, type Directory } from './directory.js';
import type { Container } from './list.js';
import { packTree, type Ids } from './tree-packer.js';
import { TreeWriter } from './tree-writer.js';

export interface CopyJob {
  container: Container;
  /** In the container, as typed. */
  inside: string;
  /** On the host, as typed; "-" is a tar on a standard stream. */
  outside: string;
  cwd: string;
  followLink: boolean;
  /** Keep owners. */
  archive: boolean;
}

/** Name of the topmost member between the two halves; both rename it. */
const ROOT_NAME = 'r';
const SYMLINKS_MAX = 40;
const MAX_COMPLAINT = 4096;

/** How much went over. */
export interface Copied {
  bytes: number;
  /** Devices that could not be made. */
  skipped: number;
}

/** Container → host. */
export async function copyFromContainer(store: Store, job: CopyJob): Promise<Copied> {
  const name = path.posix.basename(path.posix.resolve('/', job.inside));
  const toStream = job.outside === '-';
  const contentOnly = isContentPath(job.inside);
  const request = {
    direction: 'out' as const,
    path: byteString(job.inside),
    typed: `${job.container.record.name}:${job.inside}`,
    followLink: job.followLink,
    rootName: toStream ? byteString(contentOnly || name === '' ? '.' : name) : ROOT_NAME,
  };
  return await withChild(
    store,
    job,
    { request, stdin: 'ignore', stdout: toStream ? 'inherit' : 'pipe' },
    async (child) => {
      const { isDirectory } = await child.ready();
      if (toStream) return await child.finished();
      const target = openTarget(job, { isDirectory, contentOnly, name });
      const writer = new TreeWriter(target.base, {
        rename: { from: ROOT_NAME, to: target.name },
        specialBits: job.archive,
      });
      try {
        const reader = new TarReader(writer);
        for await (const piece of child.stdout) reader.push(piece as Buffer);
        const { bytes } = await child.finished();
        reader.finish();
        writer.finish();
        return { bytes, skipped: writer.skipped };
      } catch (error) {
        throw hostError(error, `copy to "${job.outside}"`);
      } finally {
        writer.close();
        target.base.close();
      }
    },
  );
}

/** Host → container. */
export async function copyToContainer(store: Store, job: CopyJob): Promise<Copied> {
  if (job.container.record.options.readOnly && job.container.state.status !== 'running') {
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot copy to container "${job.container.record.name}": its root file system is read-only`,
    );
  }
  const fromStream = job.outside === '-';
  const source = fromStream ? undefined : findSource(job);
  const request = {
    direction: 'in' as const,
    path: byteString(job.inside),
    typed: `${job.container.record.name}:${job.inside}`,
    source: source?.facts ?? ('archive' as const),
    keepOwner: (job.archive || fromStream) && job.container.record.userns.kind === 'ranges',
    rootName: ROOT_NAME,
  };
  return await withChild(
    store,
    job,
    { request, stdin: fromStream ? 'inherit' : 'pipe', stdout: 'ignore' },
    async (child) => {
      await child.ready();
      if (source === undefined) return await child.finished();
      const parent = openHostDirectory(path.dirname(source.path));
      try {
        const owner = insideIds(job.container.record.userns);
        const name = byteString(path.basename(source.path));
        const bytes = await feed(
          child.stdin,
          packTree(parent, name === '' ? '.' : name, { rootName: ROOT_NAME, owner }),
        );
        const { skipped } = await child.finished();
        return { bytes, skipped };
      } catch (error) {
        throw hostError(error, `copy "${job.outside}"`);
      } finally {
        parent.close();
      }
    },
  );
}

/** Where the host's source is, and what. */
function findSource(job: CopyJob): { path: string; facts: CopySource } {
  const typed = job.outside;
  const full = path.resolve(job.cwd, typed);
  const follow = job.followLink || /(^|\/)\.?$/.test(typed);
  const missing = (error: unknown): RrunError => hostError(error, `copy "${typed}"`);
  try {
    const real = follow ? fs.realpathSync(full) : full;
    const isDirectory = fs.lstatSync(real).isDirectory();
    if (typed.endsWith('/') && !isDirectory)
      throw new RrunError('USAGE', `cannot copy "${typed}": it is not a directory`);
    return {
      path: real,
      facts: { isDirectory, contentOnly: isContentPath(typed), name: byteString(path.basename(full)) },
    };
  } catch (error) {
    throw missing(error);
  }
}

function openTarget(job: CopyJob, source: CopySource): { base: Directory; name: string } {
  const typed = job.outside;
  try {
    const at = followLinks(path.resolve(job.cwd, typed));
    const found = fs.lstatSync(at, { throwIfNoEntry: false });
    const existing = found === undefined ? 'absent' : found.isDirectory() ? 'directory' : 'other';
    const target = chooseTarget({ ...source, name: byteString(source.name) }, typed, {
      existing,
      name: byteString(path.basename(at)),
    });
    return { base: openHostDirectory(target.into === 'destination' ? at : path.dirname(at)), name: target.name };
  } catch (error) {
    throw hostError(error, `copy to "${typed}"`);
  }
}

/** Docker writes through a symlink at the destination, also through one that leads nowhere yet. */
function followLinks(typed: string): string {
  let at = typed;
  for (let count = 0; count < SYMLINKS_MAX; count++) {
    if (fs.lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return at;
    at = path.resolve(path.dirname(at), fs.readlinkSync(at));
  }
  throw new RrunError('USAGE', `cannot copy to "${typed}": too many symbolic links`);
}

/** Ids of the host as the container knows them; what it does not know becomes root's. */
function insideIds({ uidMappings, gidMappings }: UsernsMapping): (ids: Ids) => Ids {
  return ({ uid, gid }) => ({ uid: inward(uidMappings, uid), gid: inward(gidMappings, gid) });
}

function inward(mappings: readonly IdMapping[], id: number): number {
  const found = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return found === undefined ? 0 : found.containerID + id - found.hostID;
}

async function feed(stream: Writable, pieces: Iterable<Buffer>): Promise<number> {
  let bytes = 0;
  let closed = false;
  // A child that refuses ends before its input does: EPIPE here, the reason in its answer.
  stream.on('error', () => (closed = true));
  stream.on('close', () => (closed = true));
  for (const piece of pieces) {
    if (closed) break;
    bytes += piece.length;
    if (!stream.write(piece))
      await new Promise<void>((resolve) => {
        stream.once('drain', resolve);
        stream.once('close', resolve);
      });
  }
  stream.end();
  return bytes;
}

interface ChildRun {
  request: RootlessRequest;
  stdin: 'ignore' | 'inherit' | 'pipe';
  stdout: 'ignore' | 'inherit' | 'pipe';
}

/** The child, seen from here. */
interface Child {
  stdin: Writable;
  stdout: Readable;
  ready(): Promise<CopyAnswer & { state: 'ready' }>;
  finished(): Promise<Copied>;
}

/** Runs `body` with the child, which is gone afterwards whatever happens. */
async function withChild<T>(store: Store, job: CopyJob, run: ChildRun, body: (child: Child) => Promise<T>): Promise<T> {
  const started = await startCopy(store, job.container, run.request, run);
  const { child, done, release } = started;
  const complaint = collect(child.stdio[2] as Readable);
  const answers = readAnswers(child.stdio[RESULT_FD] as Readable);
  const next = async <State extends CopyAnswer['state']>(state: State): Promise<CopyAnswer & { state: State }> => {
    const { value } = await answers.next();
    if (value === undefined) throw childDied(await done, await complaint);
    if (value.state === 'failed') throw new RrunError(value.code, value.message, { hint: value.hint });
    if (value.state !== state) throw new Error(`bug: the child of cp says "${value.state}", not "${state}"`);
    return value as CopyAnswer & { state: State };
  };
  try {
    return await body({
      stdin: child.stdio[0] as Writable,
      stdout: child.stdio[1] as Readable,
      ready: () => next('ready'),
      finished: () => next('done'),
    });
  } catch (error) {
    child.kill('SIGKILL');
    // What nobody reads any more would keep it from ever being closed.
    for (const stream of child.stdio) stream?.destroy();
    throw error;
  } finally {
    await done.catch(() => undefined);
    release();
  }
}

async function* readAnswers(stream: Readable): AsyncGenerator<CopyAnswer, undefined> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as CopyAnswer;
  }
  return undefined;
}

async function collect(stream: Readable): Promise<string> {
  let text = '';
  stream.on('data', (chunk) => (text = (text + String(chunk)).slice(0, MAX_COMPLAINT)));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('close', resolve));
  return text.trim();
}

function childDied(result: Awaited<CopyProcess['done']>, complaint: string): RrunError {
  const failed = runFailed('copy', result);
  return complaint === '' ? failed : new RrunError(failed.code, `${failed.message}: ${complaint}`, { cause: failed });
}

function hostError(error: unknown, action: string): RrunError {
  if (error instanceof RrunError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new RrunError('NOT_FOUND', `cannot ${action}: no such file or directory`, { cause: error });
  return new RrunError('CONFIG_INVALID', `cannot ${action}: ${syscall ?? ''}: ${code}`, { cause: error });
}

/** Text as the bytes that the kernel sees. */
function byteString(text: string): string {
  return Buffer.from(text).toString('latin1');
}

// The process that `cp` runs inside of a container: root of its ids, chrooted into its root file system, so that no link there can lead it
// out. Everything it needs is loaded before chroot, and it works synchronously after that.

import * as fs from 'node:fs';
import path from 'node:path';

import { RrunError } from '../errors.js';
import { TarReader } from '../layer/tar-reader.js';
import { chroot } from '../sys/file.js';
import { loadNative } from '../sys/native.js';
import { RESULT_FD, ROOT_FD, type CopyAnswer, type CopyRequest } from './copy-protocol.js';
import { chooseTarget, type Existing } from './copy-target.js';
import { openRootDirectory } from './directory.js';
import { packTree } from './tree-packer.js';
import { TreeWriter } from './tree-writer.js';

type OutRequest = CopyRequest & { direction: 'out' };
type InRequest = CopyRequest & { direction: 'in' };

const CHUNK = 256 * 1024;
const SYMLINKS_MAX = 40;

/** Runs the child; gives its exit code. `args`: the request as JSON. */
export function copyChild(args: readonly string[]): number {
  const request = JSON.parse(args[0] ?? '') as CopyRequest;
  try {
    loadNative();
    process.umask(0); // modes are exact at creation
    enterRoot(request.root);
    if (request.direction === 'out') copyOut(request);
    else copyIn(request);
    return 0;
  } catch (error) {
    answer(explain(error, request));
    return 1;
  }
}

function enterRoot(root: string): void {
  if (root === '') {
    process.chdir(`/proc/self/fd/${ROOT_FD}`);
    fs.closeSync(ROOT_FD);
    chroot('.');
  } else {
    chroot(root);
  }
}

function copyOut(request: OutRequest): void {
  const { parent, name } = locate(request.path, request.followLink || request.path.endsWith('/'));
  const directory = openRootDirectory(parent);
  const found = fs.lstatSync(directory.path(name));
  answer({ state: 'ready', isDirectory: found.isDirectory() });
  let bytes = 0;
  for (const piece of packTree(directory, name, { rootName: request.rootName })) {
    bytes += piece.length;
    writeAll(1, piece);
  }
  answer({ state: 'done', bytes, skipped: 0 });
}

function copyIn(request: InRequest): void {
  const { parent, name } = locate(request.path, true);
  const existing = existingAt(parent, name);
  const target = place(request, existing, name);
  const base = openRootDirectory(target.into === 'destination' ? joined(parent, name) : parent);
  answer({ state: 'ready', isDirectory: existing === 'directory' });
  const writer = new TreeWriter(base, {
    ...(request.source === 'archive' ? {} : { rename: { from: request.rootName, to: target.name } }),
    owner: request.keepOwner ? ({ uid, gid }) => ({ uid, gid }) : () => ({ uid: 0, gid: 0 }),
    specialBits: true,
  });
  try {
    const reader = new TarReader(writer);
    for (let piece = readSome(); piece !== undefined; piece = readSome()) reader.push(piece);
    reader.finish();
    writer.finish();
  } finally {
    writer.close();
  }
  answer({ state: 'done', bytes: writer.bytes, skipped: writer.skipped });
}

function place(request: InRequest, existing: Existing, name: string): { into: 'destination' | 'parent'; name: string } {
  if (request.source !== 'archive') return chooseTarget(request.source, request.typed, { existing, name });
  if (existing === 'directory') return { into: 'destination', name: '' };
  throw new RrunError('USAGE', `cannot copy to "${request.typed}": an archive goes into a directory that exists`);
}

interface Location {
  /** Absolute, a directory. */
  parent: string;
  /** "." for the root. */
  name: string;
}

/** Where a path leads: its directory, with the last component followed through symlinks if `follow`. */
function locate(typed: string, follow: boolean): Location {
  let at = absolute(typed);
  for (let count = 0; count <= SYMLINKS_MAX; count++) {
    const parent = path.posix.dirname(at);
    const name = at === '/' ? '.' : path.posix.basename(at);
    const target = follow ? tryReadlink(at) : undefined;
    if (target === undefined) return { parent, name };
    at = target.startsWith('/') ? absolute(target) : absolute(`${parent}/${target}`);
  }
  throw new RrunError('CONFIG_INVALID', `cannot copy "${text(typed)}": too many symbolic links`);
}

/** By text: ".." behind a symlink means the directory of the link, as Docker has it. */
function absolute(typed: string): string {
  return path.posix.resolve('/', typed);
}

function tryReadlink(at: string): string | undefined {
  try {
    return fs.readlinkSync(Buffer.from(at, 'latin1'), 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EINVAL' || code === 'ENOENT') return undefined; // no link, or nothing
    throw error;
  }
}

function existingAt(parent: string, name: string): Existing {
  const found = fs.lstatSync(Buffer.from(joined(parent, name), 'latin1'), { throwIfNoEntry: false });
  if (found === undefined) return 'absent';
  return found.isDirectory() ? 'directory' : 'other';
}

function joined(parent: string, name: string): string {
  return path.posix.join(parent, name);
}

const buffer = Buffer.allocUnsafe(CHUNK);

/** The next bytes of the tar; undefined at its end. They are valid until the next call. */
function readSome(): Buffer | undefined {
  for (;;) {
    try {
      const size = fs.readSync(0, buffer);
      return size === 0 ? undefined : buffer.subarray(0, size);
    } catch (error) {
      waitOrThrow(error);
    }
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      waitOrThrow(error);
    }
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** The pipe may be a non-blocking one. */
function waitOrThrow(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  Atomics.wait(pause, 0, 0, 1);
}

function answer(line: CopyAnswer): void {
  writeAll(RESULT_FD, Buffer.from(`${JSON.stringify(line)}\n`));
}

/** Errors of the file system as sentences; anything else is a bug and keeps its stack. */
function explain(error: unknown, request: CopyRequest): CopyAnswer {
  const verb = request.direction === 'out' ? 'copy' : 'copy to';
  if (error instanceof RrunError) {
    const { code, hint } = error;
    // The reader of archives calls every one of them a layer.
    const message =
      code === 'LAYER_INVALID' || code === 'LAYER_UNSAFE'
        ? `cannot ${verb} "${request.typed}": the archive cannot be used: ${error.message.slice(error.message.indexOf(': ') + 2)}`
        : error.message;
    return { state: 'failed', code, message, ...(hint === undefined ? {} : { hint }) };
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  if (code === 'ENOENT')
    return {
      state: 'failed',
      code: 'NOT_FOUND',
      message: `cannot ${verb} "${request.typed}": no such file or directory`,
    };
  if (code === 'EROFS')
    return {
      state: 'failed',
      code: 'CONFIG_INVALID',
      message: `cannot ${verb} "${request.typed}": the file system is read-only`,
    };
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return {
      state: 'failed',
      code: 'STORE_FULL',
      message: `cannot ${verb} "${request.typed}": ${syscall ?? ''}: ${code}`,
    };
  return {
    state: 'failed',
    code: 'CONFIG_INVALID',
    message: `cannot ${verb} "${request.typed}": ${syscall === undefined ? '' : `${syscall}: `}${code}`,
  };
}

function text(name: string): string {
  return Buffer.from(name, 'latin1').toString();
}

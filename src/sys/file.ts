// File calls that Node lacks. Paths are text or bytes.

import { checked, lastErrno, libc } from './native.js';
import { cString, shown } from './path-bytes.js';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** The same numbers on every architecture since Linux 5.6. */
const SYS_openat2 = 437;

export const RESOLVE = { noXdev: 0x01, noMagiclinks: 0x02, noSymlinks: 0x04, beneath: 0x08, inRoot: 0x10 } as const;
export const RENAME = { noReplace: 1, exchange: 2, whiteout: 4 } as const;
export const FILE_TYPE = {
  fifo: 0o010000,
  character: 0o020000,
  block: 0o060000,
  regular: 0o100000,
  socket: 0o140000,
} as const;

const chrootCall = libc('int chroot(const void *path)');
const mknodat = libc('int mknodat(int dirfd, const void *path, unsigned int mode, uint64_t device)');
const utimensatCall = libc('int utimensat(int dirfd, const void *path, const void *times, int flags)');
const futimensCall = libc('int futimens(int fd, const void *times)');
const renameat2Call = libc(
  'int renameat2(int olddirfd, const void *oldpath, int newdirfd, const void *newpath, unsigned int flags)',
);
const syncfsCall = libc('int syncfs(int fd)');
const openat2Call = libc('long syscall(long number, int dirfd, const void *path, const void *how, size_t size)');

/** Changes the root and the working directory of this process. Not to be undone. */
export function chroot(path: string): void {
  checked(chrootCall(cString(path)), 'chroot', `change the root to "${path}"`);
  process.chdir('/');
}

/** Makes a fifo, device or whiteout (character device 0:0, allowed to everybody since Linux 5.8). Gives the errno name where it fails. */
export function tryMknod(path: string | Buffer, mode: number, major = 0, minor = 0): string | undefined {
  return mknodat(AT_FDCWD, cString(path), mode, makeDevice(major, minor)) === 0 ? undefined : lastErrno();
}

/** dev_t as glibc and musl encode it (makedev(3)). */
export function makeDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

/** Seconds and nanoseconds since 1970. */
export interface Timestamp {
  seconds: number;
  nanoseconds: number;
}

/** Sets both times of an entry, not following a symbolic link. */
export function setTimes(path: string | Buffer, time: Timestamp): void {
  const result = utimensatCall(AT_FDCWD, cString(path), timespecs(time), AT_SYMLINK_NOFOLLOW);
  checked(result, 'utimensat', `set the times of "${shown(path)}"`);
}

/** Sets both times of an open file. */
export function setFileTimes(fd: number, time: Timestamp): void {
  checked(futimensCall(fd, timespecs(time)), 'futimens', `set the times of descriptor ${fd}`);
}

const times = Buffer.alloc(32);

/* Not by BigInt: this is done for every file of a layer. */
function timespecs({ seconds, nanoseconds }: Timestamp): Buffer {
  const high = Math.floor(seconds / 2 ** 32);
  for (const at of [0, 16]) {
    times.writeUInt32LE(seconds - high * 2 ** 32, at);
    times.writeInt32LE(high, at + 4);
    times.writeUInt32LE(nanoseconds, at + 8);
  }
  return times;
}

/** rename(2) with flags: RENAME.noReplace fails with EEXIST, RENAME.exchange swaps. */
export function renameWith(from: string, to: string, flags: number): void {
  checked(
    renameat2Call(AT_FDCWD, cString(from), AT_FDCWD, cString(to), flags),
    'renameat2',
    `rename "${from}" to "${to}"`,
  );
}

/** Writes back everything of the file system that the descriptor is on. */
export function syncFileSystem(fd: number): void {
  checked(syncfsCall(fd), 'syncfs', `sync the file system of descriptor ${fd}`);
}

/** Opens a path below `dirfd` without leaving it: `resolve` is made of RESOLVE flags (openat2(2), Linux 5.6). */
export function openBeneath(dirfd: number, path: string | Buffer, flags: number, resolve: number, mode = 0): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return checked(openat2Call(SYS_openat2, dirfd, cString(path), how, how.length), 'openat2', `open "${shown(path)}"`);
}

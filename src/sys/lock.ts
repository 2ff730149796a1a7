// Open-file-description locks (fcntl(2), F_OFD_SETLK): they belong to the open file, so they end with the last
// descriptor of it and are not lost when another part of the process closes the same file.

import { checked, lastErrno, libc } from './native.js';

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

const fcntl = libc('int fcntl(int fd, int command, void *lock)');

/** Takes a lock on the whole file; false when somebody else holds it. The descriptor must be open for writing. */
export function tryLock(fd: number, kind: 'read' | 'write' = 'write'): boolean {
  const result = fcntl(fd, F_OFD_SETLK, flock(kind === 'read' ? F_RDLCK : F_WRLCK));
  if (result === 0) return true;
  const errno = lastErrno();
  if (errno === 'EAGAIN' || errno === 'EACCES') return false;
  checked(result, 'fcntl(F_OFD_SETLK)', `lock descriptor ${fd}`);
  return false;
}

/** Gives the lock back; closing the last descriptor does the same. */
export function unlock(fd: number): void {
  checked(fcntl(fd, F_OFD_SETLK, flock(F_UNLCK)), 'fcntl(F_OFD_SETLK)', `unlock descriptor ${fd}`);
}

/** Whether another open file holds a lock that a write lock would have to wait for. Takes nothing. */
export function isLocked(fd: number): boolean {
  const lock = flock(F_WRLCK);
  checked(fcntl(fd, F_OFD_GETLK, lock), 'fcntl(F_OFD_GETLK)', `look at the lock of descriptor ${fd}`);
  return lock.readInt16LE(0) !== F_UNLCK;
}

/* struct flock of 64-bit Linux: type, whence (0: SEEK_SET), start and length 0 (the whole file), pid 0 as OFD locks want. */
function flock(type: number): Buffer {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(type, 0);
  return lock;
}

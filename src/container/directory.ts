// A directory whose entries are named one at a time, so that nobody who renames or swaps what is above can lead us elsewhere.
// Names are byte strings (latin1).

import { closeSync, constants, openSync } from 'node:fs';

export interface Directory {
  /** For system calls that do not follow a last symlink. */
  path(name: string): Buffer;
  /** A directory in it; throws ENOTDIR or ELOOP for anything else. */
  open(name: string): Directory;
  close(): void;
}

const OPEN_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Outside of any container: held by a descriptor, entries are reached through /proc/self/fd, symlinks among them never followed. `path` itself may be one. */
export function openHostDirectory(path: string | Buffer, follow = true): Directory {
  const fd = openSync(path, follow ? OPEN_FLAGS & ~constants.O_NOFOLLOW : OPEN_FLAGS);
  const inside = (name: string): Buffer => Buffer.from(`/proc/self/fd/${fd}/${name}`, 'latin1');
  return {
    path: inside,
    open: (name) => openHostDirectory(inside(name), false),
    close: () => closeSync(fd),
  };
}

/**
 * After chroot, where there is no /proc of ours. By path, through symlinks: those lead to other places of the container only, where it could
 * have put the files itself.
 */
export function openRootDirectory(path: string): Directory {
  closeSync(openSync(Buffer.from(path, 'latin1'), OPEN_FLAGS & ~constants.O_NOFOLLOW));
  const inside = (name: string): string => (path === '/' ? `/${name}` : `${path}/${name}`);
  return {
    path: (name) => Buffer.from(inside(name), 'latin1'),
    open: (name) => openRootDirectory(inside(name)),
    close: () => undefined,
  };
}

// Places to make things aside: DATA/tmp/<random>/ with a file `lock` whose lock its maker holds. A free lock means that the
// maker is gone and what it left is rubbish.

import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, rm, rmdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

import type { HostPath } from '../util/brand.js';
import { isMissing } from './disk-error.js';

export interface TempDir {
  dir: HostPath;
  /** Removes what is left in it and gives the lock back. */
  release(): Promise<void>;
}

/** Removes trees that contain files of subordinate ids, which plain unlink(2) may not. */
export type RemoveMapped = (paths: HostPath[]) => Promise<void>;

const LOCK = 'lock';

export async function makeTempDir(tmp: HostPath, removeMapped: RemoveMapped): Promise<TempDir> {
  const { tryLock } = await import('../sys/lock.js');
  for (;;) {
    const dir = path.join(tmp, randomBytes(8).toString('hex')) as HostPath;
    await mkdir(dir, { mode: 0o700 });
    const handle = await tryOpen(path.join(dir, LOCK), 'wx');
    // Between mkdir and the lock a sweeper may have taken this one for rubbish: then try again elsewhere.
    if (handle === undefined) continue;
    if (tryLock(handle.fd) && (await isSameFile(handle, path.join(dir, LOCK)))) {
      return { dir, release: () => removeTemp(dir, handle, removeMapped) };
    }
    await handle.close();
  }
}

/** Removes everything under `tmp` whose maker is gone. Costs one readdir where there is nothing. */
export async function sweepTemp(tmp: HostPath, removeMapped: RemoveMapped): Promise<void> {
  for (const name of await readdir(tmp)) {
    const dir = path.join(tmp, name) as HostPath;
    const handle = await tryOpen(path.join(dir, LOCK), 'r+');
    if (handle === undefined) {
      await removeUnlocked(dir, removeMapped);
      continue;
    }
    const { tryLock } = await import('../sys/lock.js');
    if (tryLock(handle.fd)) await removeTemp(dir, handle, removeMapped);
    else await handle.close();
  }
}

/**
 * Without a lock it is one that is just being made, and still empty, or one whose removal broke off. Only rmdir(2) cannot take the
 * first away from a maker that creates the lock at this moment.
 */
async function removeUnlocked(dir: HostPath, removeMapped: RemoveMapped): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    if (!(await exists(path.join(dir, LOCK)))) await removeTree(dir, removeMapped);
  }
}

async function exists(file: string): Promise<boolean> {
  const found = await lstat(file).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  return found !== undefined;
}

/** rm -rf, with the rights of the mapped root only where ours are not enough. */
export async function removeTree(dir: HostPath, removeMapped: RemoveMapped): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ENOTEMPTY: Node reports it when entries of a directory could not be removed or read.
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY') throw error;
    await removeMapped([dir]);
  }
}

async function removeTemp(dir: HostPath, handle: FileHandle, removeMapped: RemoveMapped): Promise<void> {
  try {
    await removeTree(dir, removeMapped);
  } finally {
    await handle.close();
  }
}

async function tryOpen(file: string, flags: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, flags, 0o600);
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}

async function isSameFile(handle: FileHandle, file: string): Promise<boolean> {
  try {
    const [ours, theirs] = await Promise.all([handle.stat(), lstat(file)]);
    return ours.ino === theirs.ino && ours.dev === theirs.dev;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

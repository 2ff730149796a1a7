// Places to make things aside: directories DATA/tmp/made.… whose names say which process makes them (maker.ts); those of the dead are
// rubbish. A maker therefore needs no lock, and at no moment could its place be taken for rubbish. Containers that are being
// removed lie there too: their remover holds the `lock` in them.

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';

import type { HostPath } from '../util/brand.js';
import { isMissing } from './disk-error.js';
import { isAtWork, newMakerName, parseMaker } from './maker.js';
import { lookAtLocks } from './seen-locks.js';

export interface TempDir {
  dir: HostPath;
  /** Removes it with what is left in it. */
  release(): Promise<void>;
}

/** Removes trees that contain files of subordinate ids, which plain unlink(2) may not. */
export type RemoveMapped = (paths: HostPath[]) => Promise<void>;

const LOCK = 'lock';

/** Whether `dir` is there and its maker at work. */
export function isBeingMade(dir: HostPath): boolean {
  const maker = parseMaker(path.basename(dir));
  return maker !== undefined && existsSync(dir) && isAtWork(maker, dir);
}

export function makeTempDir(tmp: HostPath, removeMapped: RemoveMapped): TempDir {
  const dir = path.join(tmp, newMakerName()) as HostPath;
  mkdirSync(dir, { mode: 0o700 });
  return { dir, release: () => removeTree(dir, removeMapped) };
}

/** Removes everything under `tmp` whose maker or remover is gone. Costs one readdir where there is nothing. */
export async function sweepTemp(tmp: HostPath, removeMapped: RemoveMapped): Promise<void> {
  const seemsLocked = lookAtLocks();
  for (const name of readdirSync(tmp)) {
    const dir = path.join(tmp, name) as HostPath;
    const maker = parseMaker(name);
    if (maker === undefined ? seemsLocked(path.join(dir, LOCK)) : isAtWork(maker, dir)) continue;
    if (maker === undefined) await sweepUnlocked(dir, removeMapped);
    else await removeTree(dir, removeMapped);
  }
}

async function sweepUnlocked(dir: HostPath, removeMapped: RemoveMapped): Promise<void> {
  const fd = tryOpen(path.join(dir, LOCK));
  const { tryLock } = await import('../sys/lock.js');
  try {
    if (fd === undefined || tryLock(fd)) await removeTree(dir, removeMapped);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** rm -rf, with the rights of the mapped root only where ours are not enough. */
export async function removeTree(dir: HostPath, removeMapped: RemoveMapped): Promise<void> {
  if (isGone(dir)) return;
  try {
    const { rm } = await import('node:fs/promises');
    await rm(dir, { recursive: true, force: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ENOTEMPTY: Node reports it when entries of a directory could not be removed or read.
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY') throw error;
    await removeMapped([dir]);
  }
}

/** Empty directories, what most makers leave, need no walk. */
function isGone(dir: HostPath): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function tryOpen(file: string): number | undefined {
  try {
    return openSync(file, 'r+');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

// Removes containers. One disappears at once, by a rename out of containers/, under the lock that a running one holds; what is left of it
// afterwards is rubbish under tmp/ that any later command clears away.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RrunError } from '../errors.js';
import { lookAtLocks, type SeemsLocked } from '../store/seen-locks.js';
import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';
import { listContainers } from './list.js';
import { releaseName } from './name-claim.js';
import { hasStartedAt } from './process-start.js';
import type { ContainerRecord } from './record.js';
import { removeRunDirectory } from './run-directory.js';
import { parseExit, parseLock } from './state.js';

export interface RemoveOptions {
  /** Kill it first if it runs. */
  force: boolean;
  /** Also its anonymous volumes. */
  volumes: boolean;
}

const POLL_MS = 10;
/** How long the monitor may take from the death of the container to its own. */
const MONITOR_WAIT_MS = 10_000;

/** Removes a container with all that it wrote. Throws IN_USE when it runs, unless `force`; NOT_FOUND when another was faster. */
export async function removeContainer(store: Store, record: ContainerRecord, options: RemoveOptions): Promise<void> {
  const dir = path.join(store.containersDir, record.id) as HostPath;
  const lockFd = await lockContainer(dir, record, options.force);
  try {
    const rubbish = disappear(store, dir, record.id);
    removeRunDirectory(rubbish, record.id);
    // From here the container is gone; a failure can only be reported, not undone.
    await releaseName(store, record.name, record.id);
    if (options.volumes) await removeAnonymousVolumes(store, record);
    await store.removeTree(rubbish);
  } finally {
    closeSync(lockFd);
  }
}

/** Takes the lock that a monitor holds while the container runs; kills it first with `force`. */
async function lockContainer(dir: HostPath, record: ContainerRecord, force: boolean): Promise<number> {
  const { tryLock } = await import('../sys/lock.js');
  const file = path.join(dir, 'lock');
  const fd = openLock(file, record);
  try {
    const deadline = Date.now() + MONITOR_WAIT_MS;
    const killed = new Set<string>();
    while (!tryLock(fd)) {
      if (!force) throw running(record);
      killContainer(dir, killed);
      if (Date.now() > deadline) {
        throw new RrunError(
          'HELPER_FAILED',
          `cannot remove container "${record.name}": its monitor has not let go of "${file}" for ${MONITOR_WAIT_MS / 1000} seconds`,
        );
      }
      await sleep(POLL_MS);
    }
    const now = statSync(file, { throwIfNoEntry: false });
    if (now?.ino !== fstatSync(fd).ino) throw alreadyGone(record);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openLock(file: string, record: ContainerRecord): number {
  try {
    return openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw alreadyGone(record);
    throw new RrunError('STORE_UNUSABLE', `cannot remove container "${record.name}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** SIGKILL to the container process; its monitor then writes the exit status and ends. Once per start. */
function killContainer(dir: HostPath, killed: Set<string>): void {
  const lock = parseLock(tryRead(path.join(dir, 'lock')));
  if (lock === undefined || killed.has(lock.startedAt)) return;
  if (parseExit(tryRead(path.join(dir, 'exit')))?.startedAt === lock.startedAt) return;
  // The lock may be held by another `rm` of a container that died long ago: its pid may be somebody else's by now.
  if (!hasStartedAt(lock.pid, Date.parse(lock.startedAt))) return;
  killed.add(lock.startedAt);
  try {
    process.kill(lock.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Makes the container vanish for everybody; what to delete afterwards is returned. */
function disappear(store: Store, dir: HostPath, id: string): HostPath {
  const rubbish = path.join(store.tmpDir, `removed-${id.slice(0, 12)}-${randomBytes(4).toString('hex')}`) as HostPath;
  try {
    // Its own `lock`, which we hold, is what a directory under tmp/ is recognised by.
    renameSync(dir, rubbish);
    return rubbish;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    // A full disk may have no room for one more entry in tmp/. Without a record a directory is no container either.
    unlinkSync(path.join(dir, 'container.json'));
    return dir;
  }
}

/** Removes the volumes that were made for this container alone and that no other container mounts. */
async function removeAnonymousVolumes(store: Store, record: ContainerRecord): Promise<void> {
  const own = record.volumes.filter((volume) => volume.anonymous);
  if (own.length === 0) return;
  const others = new Set<string | undefined>(
    (await listContainers(store)).flatMap((other) => other.record.volumes.map((volume) => volume.name)),
  );
  for (const { name } of own) {
    if (name !== undefined && !others.has(name)) await store.removeTree(path.join(store.volumesDir, name) as HostPath);
  }
}

/**
 * Removes what was to be removed at its end (--rm) but whose monitor was killed, `run --rm` that was killed before its launch, and
 * half-deleted directories. Called by commands that write; costs one readdir and a few stat calls where there is nothing to do.
 */
export async function sweepDead(store: Store): Promise<void> {
  const seemsLocked = lookAtLocks();
  const candidates = new Set(
    readdirSync(store.containersDir).filter((id) => isCandidate(path.join(store.containersDir, id), seemsLocked)),
  );
  if (candidates.size === 0) return;
  for (const { record, state, dir } of await listContainers(store, { only: candidates })) {
    if (state.status === 'running' || !record.options.rm) continue;
    if (state.status === 'created' && !wasAbandoned(dir)) continue;
    try {
      await removeContainer(store, record, { force: false, volumes: true });
    } catch (error) {
      // Somebody else started or removed it; anything else will be said by the next command that needs the store.
      if (!(error instanceof RrunError)) throw error;
    }
  }
}

/** Where --rm was given there is this file, so that a sweep need not read every record. */
export const AUTOREMOVE = 'autoremove';
/** Content of AUTOREMOVE for `run`: who made the container meant to start it at once. */
export const STARTS_AT_ONCE = 'run\n';
/** Longer than any `run` takes from the creation to the launch. */
const LAUNCH_MAX_MS = 120_000;

/* To know for sure a program is started: so only for those that seem to have ended, or never to have been launched. */
function isCandidate(dir: string, seemsLocked: SeemsLocked): boolean {
  if (!existsSync(path.join(dir, AUTOREMOVE))) return false;
  const lock = path.join(dir, 'lock');
  const neverStarted = statSync(lock, { throwIfNoEntry: false })?.size === 0;
  return neverStarted ? wasAbandoned(dir) : !seemsLocked(lock);
}

function wasAbandoned(dir: string): boolean {
  const created = statSync(path.join(dir, 'lock'), { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
  return Date.now() - created > LAUNCH_MAX_MS && tryRead(path.join(dir, AUTOREMOVE)) === STARTS_AT_ONCE;
}

function running(record: ContainerRecord): RrunError {
  return new RrunError('IN_USE', `cannot remove container "${record.name}": it is running`, {
    hint: `stop it first, or kill and remove it with "rrun rm -f ${record.name}"`,
  });
}

function alreadyGone(record: ContainerRecord): RrunError {
  return new RrunError('NOT_FOUND', `cannot remove container "${record.name}": no such container`);
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

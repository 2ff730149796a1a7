// Finds containers: all of them by readdir, or one by name, id or a unique beginning of its id. Takes no lock.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { RrunError } from '../errors.js';
import { heldLocks } from '../helper/userns-run.js';
import type { Store } from '../store/store.js';
import type { ContainerId, HostPath } from '../util/brand.js';
import { findClaimOf, readClaim } from './name-claim.js';
import { damagedRecord, isContainerId, parseRecord } from './record-file.js';
import type { ContainerRecord, ContainerState } from './record.js';
import { observeState } from './state.js';

export interface Container {
  record: ContainerRecord;
  dir: HostPath;
  state: ContainerState;
}

export interface ListOptions {
  /** Then the records of the others are not even read. */
  runningOnly?: boolean;
  /** Ids to look at; default: all. */
  only?: ReadonlySet<string>;
}

/** Every container of the store with its state, the newest first. */
export async function listContainers(store: Store, options: ListOptions = {}): Promise<Container[]> {
  const ids = listIds(store).filter((id) => options.only?.has(id) ?? true);
  if (ids.length === 0) return [];
  const held = await heldLocks(store.containersDir);
  const found: Container[] = [];
  for (const id of ids) {
    if (options.runningOnly === true && !held.has(id)) continue;
    const container = readContainer(store, id, held);
    if (container !== undefined && !(options.runningOnly === true && container.state.status !== 'running'))
      found.push(container);
  }
  return found.sort(newestFirst);
}

/** Finds one container by full id, name, or unique beginning of the id, in Docker's order. */
export async function tryFindContainer(store: Store, nameOrId: string): Promise<Container | undefined> {
  const id = resolveId(store, nameOrId);
  return id === undefined ? undefined : readContainer(store, id, await heldLocks(store.containersDir));
}

/** As tryFindContainer(); throws NOT_FOUND: "cannot VERB container …". */
export async function findContainer(store: Store, nameOrId: string, verb = 'find'): Promise<Container> {
  const container = await tryFindContainer(store, nameOrId);
  if (container === undefined)
    throw new RrunError('NOT_FOUND', `cannot ${verb} container "${nameOrId}": no such container`);
  return container;
}

/** Observes a container again, whose record is known. */
export async function observeAgain(store: Store, record: ContainerRecord): Promise<ContainerState> {
  const held = await heldLocks(store.containersDir);
  return observeState(path.join(store.containersDir, record.id), held.has(record.id));
}

function resolveId(store: Store, nameOrId: string): ContainerId | undefined {
  const wanted = nameOrId.startsWith('/') ? nameOrId.slice(1) : nameOrId;
  if (isContainerId(wanted)) return wanted;
  const claimed = readClaim(store, wanted)?.id;
  // A name whose container has gone is nobody's, and may as well be the beginning of an id.
  if (claimed !== undefined && isContainerId(claimed) && existsSync(path.join(store.containersDir, claimed)))
    return claimed;
  if (!/^[0-9a-f]{1,64}$/.test(wanted)) return undefined;
  const matches = listIds(store).filter((id) => id.startsWith(wanted));
  if (matches.length > 1) {
    throw new RrunError('USAGE', `cannot tell which container "${nameOrId}" is: ${matches.length} ids begin with it`, {
      hint: 'give more digits of the id, or the name',
    });
  }
  return matches[0];
}

function listIds(store: Store): ContainerId[] {
  try {
    return readdirSync(store.containersDir).filter(isContainerId);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new RrunError('STORE_UNUSABLE', `cannot list containers: ${(error as Error).message}`, { cause: error });
  }
}

/** Undefined when the container was removed in between. */
function readContainer(store: Store, id: ContainerId, held: ReadonlySet<string>): Container | undefined {
  const dir = path.join(store.containersDir, id) as HostPath;
  const file = path.join(dir, 'container.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new RrunError('STORE_UNUSABLE', `cannot read "${file}": ${(error as Error).message}`, { cause: error });
  }
  try {
    return { record: parseRecord(text, file), dir, state: observeState(dir, held.has(id)) };
  } catch (error) {
    if (!(error instanceof RrunError)) throw error;
    // A crash of the host can leave an empty file, as nothing is fsynced. It must be seen and be removed, and not be in the way of others.
    const record = damagedRecord(id, findClaimOf(store, id) ?? id.slice(0, 12), statSync(dir).mtime.toISOString());
    return { record, dir, state: { status: 'dead', pid: 0, exitCode: 255, error: error.message } };
  }
}

function newestFirst(left: Container, right: Container): number {
  if (left.record.created === right.record.created) return left.record.id < right.record.id ? -1 : 1;
  return left.record.created < right.record.created ? 1 : -1;
}

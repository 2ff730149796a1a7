// Starts the child of `cp` at the root of a container: a running one's as it is now, with all that is mounted in it; that of a stopped one
// mounted for the child alone, while the container's lock keeps others from starting it.

import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseSpec } from '../bundle/parse-spec.js';
import { RrunError } from '../errors.js';
import { step, type InitOp, type Plan, type PlanStep } from '../helper/plan.js';
import { runInUserns, spawnPlan, usernsSteps, type UsernsProcess, type UsernsRun } from '../helper/userns-run.js';
import { mountSteps } from '../launch/mount-steps.js';
import { rootfsSteps } from '../launch/rootfs-steps.js';
import { describeRootfs } from '../snapshot/prepare-rootfs.js';
import type { Store } from '../store/store.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { nodeEntry } from '../util/node-entry.js';
import { COPY_COMMAND, RESULT_FD, ROOT_FD, type CopyRequest } from './copy-protocol.js';
import { observeAgain, type Container } from './list.js';
import type { ContainerRecord } from './record.js';

/** Without the root, which is found here. */
export type RootlessRequest = CopyRequest extends infer Each
  ? Each extends CopyRequest
    ? Omit<Each, 'root'>
    : never
  : never;

export interface CopyProcess extends UsernsProcess {
  /** To be called when the child has ended. */
  release(): void;
}

/** linux/fcntl.h, the same number on all architectures that Node runs on. */
const O_PATH = 0o10000000;
const POLL_MS = 20;
const MAX_WAIT_MS = 10_000;

/** What becomes of the child's standard input and output. */
export interface Streams {
  stdin: 'ignore' | 'inherit' | 'pipe';
  stdout: 'ignore' | 'inherit' | 'pipe';
}

export async function startCopy(
  store: Store,
  container: Container,
  request: RootlessRequest,
  streams: Streams,
): Promise<CopyProcess> {
  if (container.state.status === 'dead') throw new RrunError('STORE_UNUSABLE', container.state.error ?? 'cannot copy');
  const deadline = Date.now() + MAX_WAIT_MS;
  for (;;) {
    const state = await observeAgain(store, container.record);
    if (state.status === 'running') {
      const root = await tryOpenRoot(store, container, state.pid);
      if (root !== undefined) return await startRunning(container, { root, pid: state.pid }, { request, streams });
    } else {
      const lock = await tryHold(container);
      if (lock !== undefined) return await startStopped(container, lock, { request, streams });
    }
    if (Date.now() > deadline) {
      throw new RrunError(
        'IN_USE',
        `cannot copy from or to container "${container.record.name}": it has been starting or ending for ${MAX_WAIT_MS / 1000} seconds`,
      );
    }
    await sleep(POLL_MS);
  }
}

/**
 * The root directory of a container process. Opened by its pid, so it counts only if the same start of the container still runs
 * afterwards, and if the process has already left the host's root.
 */
async function tryOpenRoot(store: Store, { record }: Container, pid: number): Promise<number | undefined> {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw new RrunError('SYSCALL', `cannot enter container "${record.name}": open "/proc/${pid}/root": ${code ?? ''}`, {
      cause: error,
    });
  }
  const now = await observeAgain(store, record);
  if (now.status === 'running' && now.pid === pid && !isHostRoot(fd)) return fd;
  closeSync(fd);
  return undefined;
}

function isHostRoot(fd: number): boolean {
  try {
    const [inside, host] = [fstatSync(fd), statSync('/')];
    return inside.ino === host.ino && inside.dev === host.dev;
  } catch (error) {
    // A FUSE file system of the container's own, which is closed to us.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return false;
    throw error;
  }
}

interface Start {
  request: RootlessRequest;
  streams: Streams;
}

async function startRunning(
  { record, dir }: Container,
  { root, pid }: { root: number; pid: number },
  start: Start,
): Promise<CopyProcess> {
  const { driver } = describeRootfs(record, dir);
  if (driver !== 'fuse-overlayfs') return startAt(root, record, start);
  // The kernel lets only processes of the user namespace that mounted it into a FUSE file system (fuse(4), allow_other).
  const plan: Plan = {
    monitor: [
      step('mode', 'foreground'),
      step('stdio', 'inherit', 'inherit'),
      step('pass-fd', RESULT_FD),
      step('pass-fd', ROOT_FD),
      step('join', pid, 'user'),
      step('clone'),
    ],
    keeper: [step('clone-init')],
    init: [
      step('caps', ...allCapabilities()),
      step('exec', process.execPath, ...childArgs({ ...start.request, root: '' } as CopyRequest)),
    ],
    cleanup: [],
  };
  const started = spawnPlan(plan, descriptors(start.streams, root));
  closeSync(root);
  return { ...started, release: () => undefined };
}

/** All five sets, the ambient one too: where 0 is not mapped, executing a program would drop them. */
function allCapabilities(): string[] {
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  return Array<string>(5).fill(((1n << BigInt(last + 1)) - 1n).toString(16));
}

/** With the root on a descriptor, which is closed here. `lock`: given back at the end. */
function startAt(root: number, record: ContainerRecord, { request, streams }: Start, lock?: number): CopyProcess {
  const started = runInUserns({
    mapping: workMapping(record.userns),
    argv: childArgs({ ...request, root: '' } as CopyRequest),
    env: {}, // NODE_OPTIONS and the like are not for it
    stdio: descriptors(streams, root),
  });
  closeSync(root);
  return { ...started, release: () => (lock === undefined ? undefined : closeSync(lock)) };
}

async function tryHold({ dir, record }: Container): Promise<number | undefined> {
  const { tryLock } = await import('../sys/lock.js');
  let fd: number;
  try {
    fd = openSync(path.join(dir, 'lock'), 'r+');
  } catch (error) {
    throw new RrunError('NOT_FOUND', `cannot copy from or to container "${record.name}": no such container`, {
      cause: error,
    });
  }
  if (tryLock(fd)) return fd;
  closeSync(fd);
  return undefined;
}

async function startStopped(
  { record, dir }: Container,
  lock: number,
  { request, streams }: Start,
): Promise<CopyProcess> {
  try {
    const rootfs = describeRootfs(record, dir);
    const isMounted = rootfs.driver === 'overlay' || rootfs.driver === 'fuse-overlayfs';
    // Opened by the caller: with nomap the container's root may not even pass through the caller's directories.
    if (!isMounted && record.volumes.length === 0)
      return startAt(openSync(rootfs.target, O_PATH | constants.O_DIRECTORY), record, { request, streams }, lock);
    const steps = rootfsSteps(rootfs);
    const mapping = workMapping(record.userns);
    const plan: Plan = {
      monitor: [
        step('mode', 'foreground'),
        step('stdio', 'inherit', 'inherit'),
        step('pass-fd', RESULT_FD),
        step('clone', 'user', 'pid'),
        ...usernsSteps(mapping),
      ],
      keeper: [...steps.keeper, step('clone-init', 'mount')],
      init: [
        step('private'),
        step('user', 0, 0),
        ...steps.init,
        ...volumeSteps(
          record.volumes.map(({ destination }) => destination),
          dir,
        ),
        step('exec', process.execPath, ...childArgs({ ...request, root: rootfs.target } as CopyRequest)),
      ],
      cleanup: [],
    };
    return { ...spawnPlan(plan, descriptors(streams)), release: () => closeSync(lock) };
  } catch (error) {
    closeSync(lock);
    throw error;
  }
}

/** As Docker does, the volumes of a stopped container are there, too. */
function volumeSteps(destinations: readonly string[], dir: string): PlanStep<InitOp>[] {
  if (destinations.length === 0) return [];
  const file = path.join(dir, 'config.json');
  const { mounts = [] } = parseSpec(readFileSync(file, 'utf8'), file);
  return mounts.filter(({ destination }) => destinations.includes(destination)).flatMap(mountSteps);
}

/** Root of this namespace owns what the container's root owns; where only one id is mapped, all files are that one's. */
function workMapping(mapping: UsernsMapping): UsernsMapping {
  if (mapping.kind === 'ranges') return mapping;
  return {
    ...mapping,
    uidMappings: mapping.uidMappings.map((each) => ({ ...each, containerID: 0 })),
    gidMappings: mapping.gidMappings.map((each) => ({ ...each, containerID: 0 })),
  };
}

function childArgs(request: CopyRequest): string[] {
  return [process.execPath, nodeEntry(), COPY_COMMAND, JSON.stringify(request)];
}

/** Standard streams, RESULT_FD, and the root on ROOT_FD where it is open. */
function descriptors({ stdin, stdout }: Streams, root?: number): UsernsRun['stdio'] {
  const pipes: UsernsRun['stdio'] = [stdin, stdout, 'pipe', 'pipe'];
  if (root === undefined) return pipes;
  if (pipes.length !== ROOT_FD) throw new Error('bug: the root is on another descriptor');
  return [...pipes, root];
}

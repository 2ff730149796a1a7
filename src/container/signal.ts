// Signals to a running container, and waiting for its end. The process is found by the content of `lock`, never by name.

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { signalName } from '../bundle/stop-signal.js';
import { RrunError } from '../errors.js';
import { lookAtLocks } from '../store/seen-locks.js';
import type { Store } from '../store/store.js';
import { observeAgain, type Container } from './list.js';
import { hasStartedAt } from './process-start.js';
import type { ContainerState } from './record.js';

const SIGKILL = 9;
const POLL_MS = 10;
const SLOW_POLL_MS = 100;
/** Polled often for this long: most containers that are told to stop do so at once. */
const HURRY_MS = 1000;
/** How long the kernel and the monitor may take with what was killed. */
const KILL_WAIT_MS = 10_000;

export interface StopOptions {
  signal: number;
  /** Time to end before it is killed; Infinity: never. */
  timeoutMs: number;
}

/** Sends a signal to the container process. Throws NOT_RUNNING: "cannot VERB container …". */
export function signalContainer({ record, state }: Container, number: number, verb = 'kill'): void {
  if (state.status !== 'running' || !trySignal(state, number)) throw notRunning(verb, record.name);
}

/** Stops a container that runs: the signal, then SIGKILL. One that does not run is left alone, as with Docker. */
export async function stopContainer(store: Store, container: Container, options: StopOptions): Promise<void> {
  if (container.state.status !== 'running') return;
  if (options.timeoutMs > 0) {
    trySignal(container.state, options.signal);
    if (await hasEnded(store, container, options.timeoutMs)) return;
  }
  trySignal(container.state, SIGKILL);
  if (await hasEnded(store, container, KILL_WAIT_MS)) return;
  throw new RrunError(
    'HELPER_FAILED',
    `cannot stop container "${container.record.name}": it has not ended ${KILL_WAIT_MS / 1000} seconds after ${signalName(SIGKILL)}`,
  );
}

/** Waits until the container, with its monitor, has ended. False: it has not, in that time. */
export async function hasEnded(store: Store, container: Container, timeoutMs: number): Promise<boolean> {
  const lock = path.join(container.dir, 'lock');
  const begun = Date.now();
  for (;;) {
    // /proc/locks costs a read where the exact answer costs a process; only a lock that seems free is asked about.
    if (!lookAtLocks()(lock) && (await isOver(store, container))) return true;
    const waited = Date.now() - begun;
    if (waited >= timeoutMs) return false;
    await sleep(Math.min(waited < HURRY_MS ? POLL_MS : SLOW_POLL_MS, timeoutMs - waited));
  }
}

/** It does not run, or runs again: that start is over in either case. */
async function isOver(store: Store, { record, state }: Container): Promise<boolean> {
  const now = await observeAgain(store, record);
  return now.status !== 'running' || now.startedAt !== state.startedAt;
}

export function notRunning(verb: string, name: string): RrunError {
  return new RrunError('NOT_RUNNING', `cannot ${verb} container "${name}": it is not running`, { exitCode: 1 });
}

/** False when the process has gone. */
function trySignal({ pid, startedAt = '' }: ContainerState, number: number): boolean {
  if (!hasStartedAt(pid, Date.parse(startedAt))) return false;
  try {
    return process.kill(pid, number);
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    throw new RrunError('SYSCALL', `cannot signal process ${pid}: kill: ${code}`, { cause: error });
  }
}

// What a container does, observed each time from its lock, the content of `lock` and the `exit` file; nothing here is stored,
// nothing here takes a lock or needs koffi.
//
//   lock held, content "PID STARTED"          running, unless `exit` already tells of that STARTED
//   lock free, `exit` tells of the same STARTED   exited, as `exit` says
//   lock free, no such `exit`                  it ended without a record (kill -9 of the monitor, power loss): 137
//   content of `lock` empty                    created, never started

import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import type { ContainerState } from './record.js';

/** Exit code of what was killed without anybody left to tell: 128 + SIGKILL. */
const KILLED = 137;

interface LockContent {
  pid: number;
  startedAt: string;
}

interface ExitContent {
  exitCode: number;
  startedAt: string;
  finishedAt: string;
}

/** Observes the container whose directory is `dir`; `held` says whether its lock is held (heldLocks() of helper/). */
export function observeState(dir: string, held: boolean): ContainerState {
  const lock = parseLock(readIfThere(path.join(dir, 'lock')));
  const exit = parseExit(readIfThere(path.join(dir, 'exit')));
  if (lock === undefined) {
    // A start that failed before the command existed leaves its exit code and no start.
    return { status: 'created', pid: 0, exitCode: exit?.exitCode ?? 0 };
  }
  if (exit?.startedAt === lock.startedAt) {
    return {
      status: 'exited',
      pid: 0,
      exitCode: exit.exitCode,
      startedAt: exit.startedAt,
      finishedAt: exit.finishedAt,
    };
  }
  if (held) return { status: 'running', pid: lock.pid, exitCode: 0, startedAt: lock.startedAt };
  return {
    status: 'exited',
    pid: 0,
    exitCode: KILLED,
    startedAt: lock.startedAt,
    finishedAt: lastSign(dir, lock.startedAt),
    error: 'the monitor of the container was killed, and the container with it',
  };
}

/** "PID STARTED\n"; undefined when the container has never been started. */
export function parseLock(text: string | undefined): LockContent | undefined {
  const match = /^(\d{1,10}) (\S{1,64})\n?$/.exec(text ?? '');
  return match === null ? undefined : { pid: Number(match[1]), startedAt: match[2] ?? '' };
}

/** "CODE STARTED FINISHED\n"; undefined when there is none. */
export function parseExit(text: string | undefined): ExitContent | undefined {
  const match = /^(\d{1,3}) (\S{1,64}) (\S{1,64})\n?$/.exec(text ?? '');
  if (match === null) return undefined;
  return { exitCode: Number(match[1]), startedAt: match[2] ?? '', finishedAt: match[3] ?? '' };
}

/** The last time at which the container is known to have lived: its last line in the log, else its start. */
function lastSign(dir: string, startedAt: string): string {
  const logged = statSync(path.join(dir, 'log'), { throwIfNoEntry: false })?.mtime.toISOString();
  return logged !== undefined && logged > startedAt ? logged : startedAt;
}

// Synchronous on purpose: these files are tiny, and a thousand promises cost several times the system calls.
function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

// Waits for the end of a container and says its exit code.

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Store } from '../store/store.js';
import { observeAgain, type Container } from './list.js';
import { hasEnded } from './signal.js';
import { parseExit } from './state.js';

const KILLED = 137;
const POLL_MS = 10;
/** How long the removal of what a container wrote may take. */
const LAST_WORD_MS = 10_000;

/** The exit code of a container that has ended, now or once it will have; 0 for one that was never started, as with Docker. */
export async function waitForExit(store: Store, container: Container): Promise<number> {
  const { dir, state } = container;
  if (state.status !== 'running') return state.exitCode;
  const exit = tryOpen(path.join(dir, 'exit.tmp'));
  try {
    await hasEnded(store, container, Infinity);
    if (existsSync(path.join(dir, 'container.json'))) return (await observeAgain(store, container.record)).exitCode;
    return (exit === undefined ? undefined : await readLeft(exit)) ?? KILLED;
  } finally {
    if (exit !== undefined) closeSync(exit);
  }
}

/** A container that removes itself (--rm) is gone before its monitor writes the code, to a file that has no name any more. */
async function readLeft(fd: number): Promise<number | undefined> {
  const text = Buffer.alloc(256);
  for (const deadline = Date.now() + LAST_WORD_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    const found = parseExit(text.toString('latin1', 0, readSync(fd, text, 0, text.length, 0)));
    if (found !== undefined) return found.exitCode;
  }
  return undefined;
}

/** The file that the monitor keeps open for the exit status; see state_open() of helpers/rrun. */
function tryOpen(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}

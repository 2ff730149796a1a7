// The two short locks of a store. `commit.lock`: who makes references, containers or layers known holds it shared for the
// moment of doing so; who removes what nothing refers to holds it alone, and marks it. `index.lock`: writers of index.json.
// Readers take neither.

import { chmodSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RrunError } from '../errors.js';
import type { HostPath } from '../util/brand.js';

const POLL_MS = 5;
const MAX_WAIT_MS = 60_000;

/** Runs `body` while holding the lock of `file`, which is released by the kernel if we die. */
export async function withFileLock<T>(file: HostPath, kind: 'read' | 'write', body: () => Promise<T>): Promise<T> {
  const { tryLock } = await import('../sys/lock.js');
  const handle = await open(file, 'a+', 0o600);
  try {
    // Polled, because a waiting fcntl would block all of Node.
    const deadline = Date.now() + MAX_WAIT_MS;
    while (!tryLock(handle.fd, kind)) {
      if (Date.now() > deadline) {
        throw new RrunError(
          'STORE_UNUSABLE',
          `cannot lock "${path.basename(file)}" of the store: another rrun has held it for a minute`,
          {
            hint: 'look for an rrun process that hangs, or for a network file system without locks',
          },
        );
      }
      await sleep(POLL_MS);
    }
    return await body();
  } finally {
    await handle.close();
  }
}

/* The mark is a bit of the file's mode: everybody can see it, and setting it needs no room on a full disk. */
const UNMARKED = 0o600;
const MARKED = 0o700;

/** Marks the locked `file` while `body` runs, for those who look without taking the lock. */
export async function whileMarked<T>(file: HostPath, body: () => Promise<T>): Promise<T> {
  chmodSync(file, MARKED);
  try {
    return await body();
  } finally {
    unmark(file);
  }
}

/** Also by who holds the lock and finds the mark of one that was killed. */
export function unmark(file: HostPath): void {
  chmodSync(file, UNMARKED);
}

export function isMarked(file: HostPath): boolean {
  return ((statSync(file, { throwIfNoEntry: false })?.mode ?? UNMARKED) & 0o777) === MARKED;
}

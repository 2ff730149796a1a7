// What a container has printed, and goes on to print: `logs`.

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RrunError } from '../errors.js';
import type { Store } from '../store/store.js';
import type { Container } from './list.js';
import { LogFile, type LogEntry } from './log-file.js';
import { hasEnded } from './signal.js';

export interface LogRequest {
  /** Until the container has ended. */
  follow: boolean;
  /** Only the last so many lines; undefined: all. */
  tail: number | undefined;
  /** In the form of the log. */
  since: string | undefined;
  until: string | undefined;
}

const POLL_MS = 50;

/** Gives each entry to `print`. */
export async function readLogs(
  store: Store,
  container: Container,
  request: LogRequest,
  print: (entry: LogEntry) => void,
): Promise<void> {
  const file = openLog(container);
  if (file === undefined) return;
  try {
    if (request.tail !== undefined) file.seekToTail(request.tail);
    for (;;) {
      // First this, then the last look: what was written in between is not lost.
      const isOver = !request.follow || (await hasEnded(store, container, 0));
      for (const entry of file.read()) {
        if (request.until !== undefined && entry.time > request.until) return;
        if (request.since === undefined || entry.time >= request.since) print(entry);
      }
      if (isOver || isPast(request.until)) return;
      await sleep(POLL_MS);
    }
  } finally {
    file.close();
  }
}

function isPast(until: string | undefined): boolean {
  return until !== undefined && new Date().toISOString() > until;
}

/** Undefined: it was never started. */
function openLog({ record, dir }: Container): LogFile | undefined {
  const { logDriver } = record.options;
  if (logDriver !== 'json-file') {
    throw new RrunError(
      'NOT_FOUND',
      `cannot show the logs of container "${record.name}": --log-driver ${logDriver} keeps none`,
    );
  }
  try {
    return new LogFile(path.join(dir, 'log'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new RrunError(
      'STORE_UNUSABLE',
      `cannot show the logs of container "${record.name}": ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

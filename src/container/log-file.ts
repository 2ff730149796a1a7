// Reads the json-file log of a container: forward record by record, and from behind for the last lines.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface LogEntry {
  /** Ends in a newline, unless it is a part of a line that was too long, or the last one. */
  log: string;
  stream: 'stdout' | 'stderr';
  /** UTC with nanoseconds. */
  time: string;
}

const BLOCK = 65536;
const NEWLINE = 10;

export class LogFile {
  readonly #fd: number;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Goes on with the last `count` lines of what is there now. */
  seekToTail(count: number): void {
    const { size } = fstatSync(this.#fd);
    this.#offset = size;
    for (let span = BLOCK; count > 0; span *= 4) {
      const begin = Math.max(0, size - span);
      const found = tailOffset(this.#readAt(begin, size - begin), count);
      this.#offset = begin + (found ?? 0);
      if (found !== undefined || begin === 0) return;
    }
  }

  /** What has been written since the last call, in order. A record that is still being written is left for the next one. */
  *read(): Generator<LogEntry> {
    for (;;) {
      const block = this.#readAt(this.#offset, BLOCK);
      if (block.length === 0) return;
      this.#offset += block.length;
      const data = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
      let begin = 0;
      for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, begin)) {
        const entry = tryParseEntry(data.toString('utf8', begin, end));
        begin = end + 1;
        if (entry !== undefined) yield entry;
      }
      this.#rest = data.subarray(begin);
    }
  }

  #readAt(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const got = readSync(this.#fd, bytes, filled, length - filled, offset + filled);
      if (got === 0) break;
      filled += got;
    }
    return bytes.subarray(0, filled);
  }
}

/** Where the last `count` lines of `data` begin; undefined: it may have begun before. A line may be several records. */
export function tailOffset(data: Buffer, count: number): number | undefined {
  let lines = 0;
  let end = data.lastIndexOf(NEWLINE);
  while (end > 0) {
    const before = data.lastIndexOf(NEWLINE, end - 1);
    // The last record counts as the end of a line, whether it is or not.
    if (lines === 0 || endsLine(data.toString('latin1', Math.max(before + 1, end - 256), end))) {
      if (lines === count) return end + 1;
      lines += 1;
    }
    end = before;
  }
  return undefined;
}

/** Whether the text of a record ends in a newline, which an odd number of backslashes in front of the "n" tells. */
function endsLine(record: string): boolean {
  const slashes = /(\\+)n","stream":"std(?:out|err)","time":"[^"]*"\}$/.exec(record)?.[1]?.length ?? 0;
  return slashes % 2 === 1;
}

/** Undefined for what a full disk has cut off. */
function tryParseEntry(text: string): LogEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { log, stream, time } = (value ?? {}) as Partial<Record<keyof LogEntry, unknown>>;
  if (typeof log !== 'string' || typeof time !== 'string') return undefined;
  return { log, stream: stream === 'stderr' ? 'stderr' : 'stdout', time };
}

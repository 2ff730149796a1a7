// Standard output and error without Node's streams: those are slow to load and put the caller's pipe into non-blocking mode.

import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { SyscallError } from '../errors.js';
import type { RrunError } from '../errors.js';
import type { Output } from './command.js';

/** The reader of our output has gone; printError() ends the command without a word, as SIGPIPE would have ended us. */
export class OutputClosed extends Error {}

/** Writes to a descriptor, all of it, before it returns. */
export class DescriptorOutput implements Output {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(text: string): void {
    let rest: Uint8Array = Buffer.from(text, 'utf8');
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'EPIPE') throw new OutputClosed('reader is gone', { cause: error });
        if (code !== 'EAGAIN') throw this.#failure(code ?? 'EIO', error);
        // Somebody else made this pipe or terminal non-blocking: wait for the reader.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }

  #failure(code: string, cause: unknown): RrunError {
    return new SyscallError(`write to ${this.#fd === 2 ? 'standard error' : 'standard output'}`, 'write', code, {
      cause,
    });
  }

  get isTTY(): boolean {
    return isatty(this.#fd);
  }

  get columns(): number | undefined {
    if (!this.isTTY) return undefined;
    const stream = this.#fd === 2 ? process.stderr : process.stdout;
    return stream.columns > 0 ? stream.columns : 80;
  }
}

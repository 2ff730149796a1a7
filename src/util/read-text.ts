// Small files of the host, read at once: a promise for each costs several times its system calls.

import { readFileSync } from 'node:fs';

/** Text of a file; '' where it is absent or cannot be read. */
export function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

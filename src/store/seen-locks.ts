// Which locks are held, as far as /proc/locks shows: enough to leave something alone, not enough to take it.

import { readFileSync, statSync } from 'node:fs';

/** True only where somebody on this host holds a lock on `file` (or, by a rare chance, on a file of the same number elsewhere). */
export function seemsLocked(file: string): boolean {
  try {
    const { ino } = statSync(file);
    return heldInodes(readFileSync('/proc/locks', 'utf8')).has(ino);
  } catch {
    return false;
  }
}

/** proc_locks(5): "1: OFDLCK ADVISORY  WRITE -1 08:01:131 0 EOF"; who only waits has an arrow before the kind. */
function heldInodes(locks: string): Set<number> {
  return new Set([...locks.matchAll(/^\d+: OFDLCK .* [\da-f]+:[\da-f]+:(\d+) /gm)].map(([, inode]) => Number(inode)));
}

// Which locks are held, as far as /proc/locks shows: enough to leave something alone, not enough to take it.

import { readFileSync, statSync } from 'node:fs';

/** True only where somebody on this host holds a lock on the file (or, by a rare chance, on one of the same number elsewhere). */
export type SeemsLocked = (file: string) => boolean;

/** Looks at the locks of now, once. */
export function lookAtLocks(): SeemsLocked {
  let held: ReadonlySet<number> | undefined;
  return (file) => {
    try {
      const { ino } = statSync(file);
      return (held ??= heldInodes()).has(ino);
    } catch {
      return false;
    }
  };
}

/** proc_locks(5): "1: OFDLCK ADVISORY  WRITE -1 08:01:131 0 EOF"; who only waits has an arrow before the kind. */
function heldInodes(): Set<number> {
  const held = new Set<number>();
  for (const [, inode] of tryRead('/proc/locks').matchAll(/^\d+: OFDLCK .* [\da-f]+:[\da-f]+:(\d+) /gm))
    held.add(Number(inode));
  return held;
}

function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

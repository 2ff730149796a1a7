// Tells whether a pid that was written down is still that process: pids are given out again.

import { readFileSync } from 'node:fs';

/** /proc/PID/stat counts in 1/100 s on every architecture that Linux runs Node on (USER_HZ). */
const TICK_MS = 10;
/** How far a start that was written down may be from the one that the kernel knows: the clock may have been set in between. */
const START_TOLERANCE_MS = 30_000;

/** Whether process `pid` lives and started at about that time. */
export function hasStartedAt(pid: number, timeMs: number): boolean {
  const stat = tryRead(`/proc/${pid}/stat`);
  const boot = /^btime (\d+)$/m.exec(tryRead('/proc/stat') ?? '')?.[1];
  if (stat === undefined || boot === undefined) return false;
  // The program's name, field 2, may contain spaces and parentheses; field 22 is the start (proc_pid_stat(5)).
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return Math.abs(Number(boot) * 1000 + ticks * TICK_MS - timeMs) <= START_TOLERANCE_MS;
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

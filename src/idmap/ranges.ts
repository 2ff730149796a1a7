// Arithmetic on id ranges: what may be mapped, cut and laid out the way the kernel takes it. Pure; decides nothing.

import type { IdMapping } from '../util/id-mapping.js';

/** `count` ids from `start`. */
export interface IdRange {
  start: number;
  count: number;
}

/** (uid_t)-1 is no id: the kernel refuses an extent that reaches it (user_namespaces(7)). */
export const MAX_ID = 4294967294;

/** The kernel takes at most 340 extents (Linux 4.15) and less than one page of text. */
const MAX_EXTENTS = 340;
const MAX_MAP_BYTES = 4095;

/** Reads the text of /proc/PID/uid_map. */
export function parseIdMap(text: string): IdMapping[] {
  const mappings: IdMapping[] = [];
  for (const line of text.split('\n')) {
    const [containerID, hostID, size] = line.trim().split(/\s+/).map(Number);
    if (containerID === undefined || hostID === undefined || size === undefined) continue;
    if ([containerID, hostID, size].every(Number.isSafeInteger)) mappings.push({ containerID, hostID, size });
  }
  return mappings;
}

/** The text that is written to /proc/PID/uid_map. */
export function formatIdMap(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}

/** True where every id of the initial user namespace is mapped to itself, that is: not nested. */
export function isFullMap(mappings: readonly IdMapping[]): boolean {
  const [only] = mappings;
  return mappings.length === 1 && only?.containerID === 0 && only.hostID === 0 && only.size >= MAX_ID;
}

export function countIds(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Ranges in their order, without ids that an earlier range or `taken` has: the kernel refuses a map
 * that names one outside id twice (EINVAL), and files often do.
 */
export function withoutOverlap(ranges: readonly IdRange[], taken: readonly IdRange[] = []): IdRange[] {
  const seen = [...taken];
  const kept: IdRange[] = [];
  for (const range of ranges) {
    let parts = [range];
    for (const other of seen) parts = parts.flatMap((part) => subtract(part, other));
    kept.push(...parts);
    seen.push(range);
  }
  return kept;
}

function subtract(range: IdRange, other: IdRange): IdRange[] {
  const end = range.start + range.count;
  const otherEnd = other.start + other.count;
  if (otherEnd <= range.start || other.start >= end) return [range];
  const parts: IdRange[] = [];
  if (other.start > range.start) parts.push({ start: range.start, count: other.start - range.start });
  if (otherEnd < end) parts.push({ start: otherEnd, count: end - otherEnd });
  return parts;
}

/**
 * What of the ranges exists in our own user namespace, split at the borders of its extents: an extent of a
 * child's map must lie inside one extent of the parent's (kernel/user_namespace.c, map_write), else EPERM.
 */
export function clipToMap(ranges: readonly IdRange[], own: readonly IdMapping[]): IdRange[] {
  const extents = [...own].sort((a, b) => a.containerID - b.containerID);
  return ranges.flatMap((range) =>
    extents.flatMap(({ containerID, size }) => {
      const start = Math.max(range.start, containerID);
      const end = Math.min(range.start + range.count, containerID + size);
      return end > start ? [{ start, count: end - start }] : [];
    }),
  );
}

/** The first `count` ids of the ranges, and the others. */
export function splitRanges(ranges: readonly IdRange[], count: number): [IdRange[], IdRange[]] {
  const head: IdRange[] = [];
  const tail: IdRange[] = [];
  let left = count;
  for (const range of ranges) {
    const taken = Math.min(left, range.count);
    if (taken > 0) head.push({ start: range.start, count: taken });
    if (taken < range.count) tail.push({ start: range.start + taken, count: range.count - taken });
    left -= taken;
  }
  return [head, tail];
}

/** Maps the ids from `first` on, without a gap, to the ranges in their order. */
export function layOut(first: number, ranges: readonly IdRange[]): IdMapping[] {
  const mappings: IdMapping[] = [];
  let next = first;
  for (const { start, count } of ranges) {
    const size = Math.min(count, MAX_ID + 1 - next);
    if (size <= 0) break;
    mappings.push({ containerID: next, hostID: start, size });
    next += size;
  }
  return mappings;
}

/** As many leading extents as one write to uid_map can hold. */
export function capExtents(mappings: readonly IdMapping[]): IdMapping[] {
  const kept = mappings.slice(0, MAX_EXTENTS);
  while (kept.length > 1 && formatIdMap(kept).length > MAX_MAP_BYTES) kept.pop();
  return kept;
}

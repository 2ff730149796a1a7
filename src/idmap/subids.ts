// Where a user's subordinate ids are written: /etc/subuid and /etc/subgid (subuid(5)), or what nsswitch.conf names.

import { readOrEmpty } from '../util/read-text.js';
import { readOutput } from '../util/spawn.js';
import { findProgram } from './programs.js';
import { MAX_ID, type IdRange } from './ranges.js';

export interface SubidEntry extends IdRange {
  /** Login name or uid in digits; also in /etc/subgid it is the user's. */
  owner: string;
}

export interface SubidFile {
  entries: SubidEntry[];
  /** One sentence for each line that cannot be used; the line is ignored, as shadow does. */
  problems: string[];
}

export interface SubidOwner {
  uid: number;
  name?: string | undefined;
}

export interface SubidRanges {
  uids: IdRange[];
  gids: IdRange[];
  /** What gave them, for messages: "/etc/subuid" or "getsubids". */
  source: string;
  problems: string[];
  /** First id that no entry of either file uses, for a line to suggest. */
  firstFree: number;
}

export interface SubidPaths {
  subuid: string;
  subgid: string;
  nsswitch: string;
  /** Asks libsubid; default: getsubids(1) of PATH, looked for only where nsswitch.conf names another source. */
  getsubids?: string;
}

export const SUBID_PATHS: SubidPaths = { subuid: '/etc/subuid', subgid: '/etc/subgid', nsswitch: '/etc/nsswitch.conf' };

/** Directory services answer slowly at times; a launch must not hang on one that does not answer at all. */
const GETSUBIDS_TIMEOUT_MS = 10_000;

export function parseSubids(text: string, path: string): SubidFile {
  const entries: SubidEntry[] = [];
  const problems: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const entry = parseLine(line);
    if (typeof entry === 'string') problems.push(`${path}:${index + 1}: ${entry}`);
    else entries.push(entry);
  }
  return { entries, problems };
}

function parseLine(line: string): SubidEntry | string {
  const [owner, startText, countText, ...rest] = line.split(':');
  if (!owner || startText === undefined || countText === undefined || rest.length > 0) {
    return `want "user:first id:count", got "${line.slice(0, 80)}"`;
  }
  if (!/^\d{1,10}$/.test(startText) || !/^\d{1,10}$/.test(countText))
    return 'first id and count must be decimal numbers';
  const start = Number(startText);
  const count = Number(countText);
  if (count === 0) return 'the range is empty';
  if (start + count - 1 > MAX_ID) return `the range ends above ${MAX_ID}`;
  return { owner, start, count };
}

/** The owner's ranges, by name and by number, in the order of the file. */
export function rangesOf(file: SubidFile, owner: SubidOwner): IdRange[] {
  return file.entries
    .filter((entry) => entry.owner === owner.name || entry.owner === String(owner.uid))
    .map(({ start, count }) => ({ start, count }));
}

/** The source that nsswitch.conf names for subordinate ids; "files" unless it says otherwise. */
export function parseSubidSource(nsswitch: string): string {
  return /^[ \t]*subid[ \t]*:[ \t]*(\w+)/m.exec(nsswitch)?.[1] ?? 'files';
}

/** Reads the ranges of a user; an empty list is a normal answer. */
export async function loadSubids(owner: SubidOwner, paths: SubidPaths = SUBID_PATHS): Promise<SubidRanges> {
  const uidFile = parseSubids(readOrEmpty(paths.subuid), paths.subuid);
  const gidFile = parseSubids(readOrEmpty(paths.subgid), paths.subgid);
  const problems = [...uidFile.problems, ...gidFile.problems];
  const firstFree = findFree([...uidFile.entries, ...gidFile.entries]);
  // With another source in nsswitch.conf, newuidmap asks that source only and never the files (shadow, lib/nss.c).
  const service = parseSubidSource(readOrEmpty(paths.nsswitch));
  const program = service === 'files' ? undefined : (paths.getsubids ?? findProgram('getsubids'));
  if (program !== undefined && owner.name !== undefined) {
    const [uids, gids] = await Promise.all([
      askGetsubids(program, [owner.name]),
      askGetsubids(program, ['-g', owner.name]),
    ]);
    if (uids.length > 0)
      return { uids, gids, source: `the "${service}" source of ${paths.nsswitch}`, problems, firstFree };
  }
  return { uids: rangesOf(uidFile, owner), gids: rangesOf(gidFile, owner), source: paths.subuid, problems, firstFree };
}

function findFree(ranges: readonly IdRange[]): number {
  const end = ranges.reduce((max, { start, count }) => Math.max(max, start + count), 100_000);
  return end + 65_535 <= MAX_ID ? end : 100_000;
}

/** Reads lines such as "0: ana 100000 65536". */
export function parseGetsubids(output: string): IdRange[] {
  return [...output.matchAll(/^\d+:\s+\S+\s+(\d+)\s+(\d+)\s*$/gm)]
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }))
    .filter(({ start, count }) => count > 0 && start + count - 1 <= MAX_ID);
}

/** It exits with 1 where the user has no range: no answer, not an error. */
async function askGetsubids(program: string, args: string[]): Promise<IdRange[]> {
  const { code, stdout } = await readOutput(program, args, { timeoutMs: GETSUBIDS_TIMEOUT_MS });
  return code === 0 ? parseGetsubids(stdout) : [];
}

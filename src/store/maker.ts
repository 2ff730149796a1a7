// Who makes a temporary directory, as a name: made.PLACE.PID.START.COUNT. A process is alive when /proc shows its pid with its start, but
// only to those who see the same processes; PLACE says whom that are.

import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';

import type { HostPath } from '../util/brand.js';

export interface Maker {
  place: string;
  pid: string;
  start: string;
}

/** Those whom we cannot see work elsewhere (another host with the same disk, another container) or did so before a reboot. */
const UNSEEN_MAX_MS = 86_400_000;
const NAME = /^made\.([\w-]+)\.(\d+)\.(\d+)\.\d+$/;

let self: Maker | undefined;
let count = 0;

/** A name that nobody else makes. */
export function newMakerName(): string {
  self ??= { place: readPlace(), ...readSelf() };
  return `made.${self.place}.${self.pid}.${self.start}.${count++}`;
}

export function parseMaker(name: string): Maker | undefined {
  const [, place, pid, start] = NAME.exec(name) ?? [];
  return place === undefined || pid === undefined || start === undefined ? undefined : { place, pid, start };
}

/** Whether the maker of `dir` still lives; where that cannot be known, whether it is young enough. */
export function isAtWork(maker: Maker, dir: HostPath): boolean {
  if (maker.place === readPlace()) {
    const found = readStat(maker.pid);
    return found !== undefined && found.start === maker.start && !found.ended;
  }
  const stats = lstatSync(dir, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs < UNSEEN_MAX_MS;
}

let place: string | undefined;

/** Boot, and what pids and start times mean: which /proc it is, and in which PID and time namespace we read it. */
function readPlace(): string {
  place ??= [
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    statSync('/proc').dev,
    namespaceOf('pid'),
    namespaceOf('time'),
  ].join('-');
  return place;
}

function namespaceOf(kind: string): string {
  try {
    return /\d+/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[0] ?? '';
  } catch {
    return ''; // a kernel without this kind
  }
}

/* By /proc/self, since a /proc of another PID namespace gives us another pid than process.pid. */
function readSelf(): Pick<Maker, 'pid' | 'start'> {
  const found = readStat('self');
  if (found === undefined) throw new Error('cannot read "/proc/self/stat": is /proc mounted?');
  return found;
}

/** proc_pid_stat(5): the pid, the program's name (with spaces and parentheses in it), the state, …, as 22nd the start. */
function readStat(process: string): { pid: string; start: string; ended: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${process}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    pid: text.slice(0, text.indexOf(' ')),
    start: fields[19] ?? '',
    ended: fields[0] === 'Z' || fields[0] === 'X',
  };
}

// What the payload prints about itself (test/payload/payload.c), with the reading of a few of its texts.

import { describe, type Home, type RunOptions } from './run-rrun.js';

export interface Facts {
  argv: string[];
  env: string[];
  uids: [number, number, number];
  gids: [number, number, number];
  groups: number[];
  uidMap: string;
  gidMap: string;
  setgroups: string;
  pid: number;
  ppid: number;
  sid: number;
  pgid: number;
  umask: number;
  nice: number;
  noNewPrivs: number;
  dumpable: number;
  cwd: string;
  hostname: string;
  domainname: string;
  release: string;
  mountinfo: string;
  cgroup: string;
  oomScoreAdj: string;
  root: string;
  exe: string;
  fds: Record<string, string>;
  fdFlags: [number, number, number];
  namespaces: Record<string, string>;
  status: Record<string, string>;
  rlimits: Record<string, [number, number]>;
  ignoredSignals: number[];
  isatty: [number, number, number];
  ttyname: string | null;
  winsize: [number, number] | null;
  controllingTerminal: boolean;
}

/** Runs the payload with `options` of `rrun run` and returns its facts. */
export async function factsOf(home: Home, options: readonly string[] = [], run: RunOptions = {}): Promise<Facts> {
  const args = ['run', '--rm', ...options, 'payload'];
  const result = await home.run(args, run);
  if (result.status !== 0) throw new Error(describe(args, result));
  return parseFacts(result.stdout);
}

export function parseFacts(text: string): Facts {
  return JSON.parse(text) as Facts;
}

export interface Mount {
  target: string;
  options: string[];
  type: string;
  source: string;
  superOptions: string[];
}

/** Mounts by target, from /proc/self/mountinfo (proc(5)). */
export function mountsOf(facts: Facts): Map<string, Mount> {
  const mounts = new Map<string, Mount>();
  for (const line of facts.mountinfo.split('\n').filter((each) => each !== '')) {
    const [before = '', after = ''] = line.split(' - ');
    const fields = before.split(' ');
    const [type = '', source = '', superOptions = ''] = after.split(' ');
    const target = fields[4] ?? '';
    mounts.set(target, {
      target,
      options: (fields[5] ?? '').split(','),
      type,
      source,
      superOptions: superOptions.split(','),
    });
  }
  return mounts;
}

/** A map of /proc/self/uid_map as [inside, outside, count] rows. */
export function mapRows(text: string): [number, number, number][] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
}

const CAPABILITY_BITS: Record<string, number> = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  NET_RAW: 13,
  SYS_CHROOT: 18,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
  MKNOD: 27,
  AUDIT_WRITE: 29,
  SETFCAP: 31,
};

/** The mask of /proc/self/status for these capabilities. */
export function capMask(names: readonly string[]): string {
  let mask = 0n;
  for (const name of names) {
    const bit = CAPABILITY_BITS[name];
    if (bit === undefined) throw new Error(`bug: no bit for ${name}`);
    mask |= 1n << BigInt(bit);
  }
  return mask.toString(16).padStart(16, '0');
}

/** Docker's default set. */
export const DEFAULT_CAPABILITIES = [
  ...[
    'CHOWN',
    'DAC_OVERRIDE',
    'FOWNER',
    'FSETID',
    'KILL',
    'SETGID',
    'SETUID',
    'SETPCAP',
    'NET_BIND_SERVICE',
    'NET_RAW',
  ],
  ...['SYS_CHROOT', 'MKNOD', 'AUDIT_WRITE', 'SETFCAP'],
];

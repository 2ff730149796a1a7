// The mounts and hidden paths that every container gets, as Docker has them, adapted to what a user namespace may mount.

import { existsSync, readdirSync } from 'node:fs';
import type { Decision } from '../util/decision.js';
import type { SpecMount } from './spec.wire.js';

export interface DefaultMountChoices {
  privileged: boolean;
  /** Whether gid 5 (tty) is mapped: devpts refuses gid= otherwise. */
  hasTtyGroup: boolean;
  /** The container has a network namespace that its user namespace owns: sysfs can be mounted only then. */
  ownNetwork: boolean;
  ownPid: boolean;
  ipc: 'private' | 'shareable' | 'none' | 'host' | 'container';
  shmBytes: number;
  hasCgroup2: boolean;
  writableCgroups: boolean;
}

const NO_EXTRAS = ['nosuid', 'noexec', 'nodev'];

export function defaultMounts(choices: DefaultMountChoices, decisions: Decision[]): SpecMount[] {
  return [
    procMount(choices, decisions),
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    devptsMount(choices, decisions),
    sysMount(choices, decisions),
    ...cgroupMount(choices, decisions),
    ...ipcMounts(choices, decisions),
  ];
}

function procMount({ ownPid }: DefaultMountChoices, decisions: Decision[]): SpecMount {
  if (ownPid) return { destination: '/proc', type: 'proc', source: 'proc', options: NO_EXTRAS };
  decisions.push({
    topic: 'mount /proc',
    choice: 'bound from the host',
    why: 'proc can be mounted only for a PID namespace of our own',
  });
  return { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', 'rprivate', ...NO_EXTRAS] };
}

function devptsMount({ hasTtyGroup }: DefaultMountChoices, decisions: Decision[]): SpecMount {
  const options = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(hasTtyGroup ? ['gid=5'] : [])];
  if (!hasTtyGroup)
    decisions.push({
      topic: 'mount /dev/pts',
      choice: 'without gid=5',
      why: 'group 5 (tty) is not mapped in the user namespace',
    });
  return { destination: '/dev/pts', type: 'devpts', source: 'devpts', options };
}

function sysMount({ ownNetwork, privileged }: DefaultMountChoices, decisions: Decision[]): SpecMount {
  const access = privileged ? 'rw' : 'ro';
  if (ownNetwork) return { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...NO_EXTRAS, access] };
  decisions.push({
    topic: 'mount /sys',
    choice: 'bound from the host',
    why: 'sysfs can be mounted only for a network namespace of our own',
  });
  return { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'rprivate', ...NO_EXTRAS, access] };
}

function cgroupMount(
  { hasCgroup2, privileged, writableCgroups }: DefaultMountChoices,
  decisions: Decision[],
): SpecMount[] {
  if (!hasCgroup2) {
    decisions.push({ topic: 'mount /sys/fs/cgroup', choice: 'none', why: 'this host has no cgroup v2 hierarchy' });
    return [];
  }
  const access = privileged || writableCgroups ? 'rw' : 'ro';
  return [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...NO_EXTRAS, access] }];
}

/** mqueue and shm belong to the IPC namespace: shared with the host they are bound, with another container they are found there. */
function ipcMounts({ ipc, shmBytes }: DefaultMountChoices, decisions: Decision[]): SpecMount[] {
  const bind = (path: string): SpecMount => ({
    destination: path,
    type: 'bind',
    source: path,
    options: ['rbind', 'rprivate', ...NO_EXTRAS],
  });
  if (ipc === 'host') {
    decisions.push({ topic: 'mount /dev/shm', choice: 'bound from the host', why: '--ipc=host' });
    return ['/dev/mqueue', '/dev/shm'].filter((path) => existsSync(path)).map(bind);
  }
  const mqueue: SpecMount = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: NO_EXTRAS };
  if (ipc === 'none') {
    decisions.push({ topic: 'mount /dev/shm', choice: 'none', why: '--ipc=none' });
    return [mqueue];
  }
  if (ipc === 'container') {
    decisions.push({
      topic: 'mount /dev/shm',
      choice: 'of its own',
      why: 'a mount cannot be carried over from another mount namespace; System V and message queues are shared',
    });
  }
  const size = shmBytes === 0 ? [] : [`size=${shmBytes}`];
  return [
    mqueue,
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...NO_EXTRAS, 'mode=1777', ...size] },
  ];
}

/** Docker's list (moby daemon/pkg/oci/defaults.go), with the advisories that added to it. */
const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts', // GHSA-6fw5-f8r9-fgfm
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap', // GHSA-jq35-85cj-fj4p
  '/sys/firmware',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
const CPU_DIR = '/sys/devices/system/cpu';

export interface HiddenPathsRequest {
  privileged: boolean;
  /** Paths of --security-opt mask=, added. */
  mask: readonly string[];
  /** Paths or "ALL" of --security-opt unmask= and systempaths=unconfined; "/proc/*" covers what is below. */
  unmask: readonly string[];
}

export function hiddenPaths({ privileged, mask, unmask }: HiddenPathsRequest): {
  maskedPaths: string[];
  readonlyPaths: string[];
} {
  if (privileged) return { maskedPaths: [...mask], readonlyPaths: [] };
  const isKept = (path: string) => !unmask.some((pattern) => covers(pattern, path));
  const masked = [...MASKED_PATHS, ...thermalThrottlePaths()].filter(isKept);
  return { maskedPaths: [...new Set([...masked, ...mask])], readonlyPaths: READONLY_PATHS.filter(isKept) };
}

function covers(pattern: string, path: string): boolean {
  if (pattern.toUpperCase() === 'ALL') return true;
  if (pattern.endsWith('/*')) return path.startsWith(pattern.slice(0, -1));
  return pattern === path;
}

/** The same advisory as /proc/interrupts: one counter directory for each processor that has them. */
function thermalThrottlePaths(): string[] {
  if (!existsSync(`${CPU_DIR}/cpu0/thermal_throttle`)) return [];
  return readdirSync(CPU_DIR)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${CPU_DIR}/${name}/thermal_throttle`)
    .filter((path) => existsSync(path));
}

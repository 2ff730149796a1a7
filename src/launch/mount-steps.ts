// Mounts of config.json → plan steps (runtime-spec, config.md, "mounts" and "Linux mount options").

import { NO_LINKS_OPTION } from '../bundle/mount-requests.js';
import type { SpecMount } from '../bundle/spec.wire.js';
import { RrunError } from '../errors.js';
import { step, type InitOp, type PlanStep } from '../helper/plan.js';

type InitStep = PlanStep<InitOp>;

/** Option of the spec → flag of the plan that sets it; null: it is what a mount has anyhow. */
const FLAGS: Readonly<Record<string, string | null>> = {
  ro: 'ro',
  rw: null,
  nosuid: 'nosuid',
  suid: null,
  nodev: 'nodev',
  dev: null,
  noexec: 'noexec',
  exec: null,
  noatime: 'noatime',
  atime: null,
  nodiratime: 'nodiratime',
  diratime: null,
  relatime: 'relatime',
  norelatime: null,
  strictatime: 'strictatime',
  nostrictatime: null,
  sync: 'sync',
  async: null,
  dirsync: 'dirsync',
  nosymfollow: 'nosymfollow',
  symfollow: null,
  defaults: null,
};
const RECURSIVE_FLAGS: Readonly<Record<string, string>> = {
  rro: 'ro',
  rnosuid: 'nosuid',
  rnodev: 'nodev',
  rnoexec: 'noexec',
  rnoatime: 'noatime',
  rnodiratime: 'nodiratime',
  rstrictatime: 'strictatime',
};
const PROPAGATIONS = new Set([
  'private',
  'rprivate',
  'slave',
  'rslave',
  'shared',
  'rshared',
  'unbindable',
  'runbindable',
]);
/** Accepted without effect, as other runtimes do: SELinux labels need a policy, the rest is advice. */
const IGNORED = /^(z|Z|x-.*|nofail|_netdev|copy|nocopy|U|tmpcopyup|notmpcopyup)$/;

interface ParsedOptions {
  noLinks: boolean;
  bind: boolean;
  recursive: boolean;
  flags: string[];
  recursiveFlags: string[];
  propagation: string[];
  data: string[];
}

function parseOptions({ destination, options = [] }: SpecMount): ParsedOptions {
  const parsed: ParsedOptions = {
    noLinks: false,
    bind: false,
    recursive: false,
    flags: [],
    recursiveFlags: [],
    propagation: [],
    data: [],
  };
  for (const option of options) {
    const flag = FLAGS[option];
    const recursive = RECURSIVE_FLAGS[option];
    if (option === 'bind' || option === 'rbind') {
      parsed.bind = true;
      parsed.recursive ||= option === 'rbind';
    } else if (typeof flag === 'string') parsed.flags.push(flag);
    else if (flag === null) parsed.flags = parsed.flags.filter((set) => set !== opposite(option));
    else if (recursive !== undefined) parsed.recursiveFlags.push(recursive);
    else if (PROPAGATIONS.has(option)) parsed.propagation.push(option);
    else if (option === NO_LINKS_OPTION) parsed.noLinks = true;
    else if (option === 'idmap' || option === 'ridmap') throw idmapRefused(destination);
    else if (!IGNORED.test(option)) parsed.data.push(option);
  }
  return parsed;
}

/** The flag that an option takes back: "rw" → "ro", "suid" → "nosuid". */
function opposite(option: string): string {
  if (option === 'rw') return 'ro';
  return option.startsWith('no') ? option.slice(2) : `no${option}`;
}

function idmapRefused(destination: string): RrunError {
  return new RrunError(
    'CONFIG_INVALID',
    `cannot mount "${destination}" with the option idmap: the kernel lets only root of the host map the ids of a mount`,
  );
}

/** Steps that mount `mount` inside the rootfs. Bind sources are the host's, absolute. */
export function mountSteps(mount: SpecMount): InitStep[] {
  const parsed = parseOptions(mount);
  const steps = parsed.bind || mount.type === 'bind' ? bindSteps(mount, parsed) : [typedMount(mount, parsed)];
  return [...steps, ...parsed.propagation.map((kind) => step('propagation' as const, mount.destination, kind))];
}

function bindSteps(
  { destination, source = '' }: SpecMount,
  { recursive, flags, recursiveFlags, noLinks }: ParsedOptions,
): InitStep[] {
  const down = [...(recursive ? ['rec'] : []), ...(noLinks ? ['nolinks'] : []), ...recursiveFlags];
  // Flags without an "r" are for the mount itself, not for what is mounted below it.
  const own = flags.filter((flag) => !recursiveFlags.includes(flag));
  return [
    step('bind', source, destination, down.join(','), 'auto'),
    ...(own.length === 0 ? [] : [step('remount' as const, destination, own.join(','))]),
  ];
}

function typedMount(
  { destination, type = 'none', source = type }: SpecMount,
  { flags, data }: ParsedOptions,
): InitStep {
  // cgroup v2 only: the user namespace of a container may not mount v1 hierarchies. Where it may not mount v2 either, /sys shows what there is.
  if (type === 'cgroup') return step('mount', 'cgroup2', source, destination, [...flags, 'optional'].join(','), '');
  return step('mount', type, source, destination, flags.join(','), data.join(','));
}

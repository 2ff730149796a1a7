// Facts about this machine, as they are now: what `rrun info` prints and what hints are checked against. Decides nothing.

import { open, readFile, stat } from 'node:fs/promises';
import { release, userInfo } from 'node:os';
import { isFullMap, parseIdMap } from '../idmap/ranges.js';
import { ociArchitecture } from './architecture.js';
import { loadCgroupFacts, type CgroupFacts } from './cgroups.js';
import { loadProgramFacts, type ProgramFact } from './program-facts.js';

export interface DeviceFact {
  path: string;
  /** Why it cannot be opened for reading and writing; absent where it can. */
  problem?: string;
}

export interface HostFacts {
  kernel: string;
  /** As OCI images name it: "amd64". */
  architecture: string;
  /** PRETTY_NAME and ID of os-release(5). */
  osName: string;
  osId: string;
  user: { uid: number; gid: number; name?: string; groups: number[] };
  /** Runs in a user namespace already. */
  nested: boolean;
  /** What it runs inside of, where that can be told: "docker", "podman", "wsl"… */
  container?: string;
  /** Job id of a batch system, with its variable. */
  batchJob?: string;
  /** user.max_user_namespaces; absent on kernels without. */
  maxUserNamespaces?: number;
  /** kernel.unprivileged_userns_clone of Debian's and Arch's kernels. */
  unprivilegedUsernsClone?: number;
  /** kernel.apparmor_restrict_unprivileged_userns of Ubuntu. */
  apparmorRestrictsUserns: boolean;
  securityModules: string[];
  selinux: 'enforcing' | 'permissive' | 'off';
  /** Actions of seccomp filters; empty where the kernel has none. */
  seccompActions: string[];
  noNewPrivs: boolean;
  /** Of overlay, fuse and squashfs, those that are there or may be loaded by a mount. */
  filesystems: string[];
  cgroup: CgroupFacts;
  devices: DeviceFact[];
  programs: ProgramFact[];
  /** systemd is the init; its user manager answers on a bus. */
  systemd: { init: boolean; userBus: boolean };
  /** XDG_RUNTIME_DIR as set. */
  runtimeDir?: string;
}

const BATCH_VARIABLES = ['SLURM_JOB_ID', 'PBS_JOBID', 'LSB_JOBID', 'JOB_ID', 'FLUX_JOB_ID'] as const;

export interface FactsRequest {
  /** Ask every program for its version; costs tens of milliseconds. Default true. */
  versions?: boolean;
}

export async function loadHostFacts(request: FactsRequest = {}): Promise<HostFacts> {
  const uid = process.getuid?.() ?? 0;
  const [sysctls, security, system, cgroup, devices, programs] = await Promise.all([
    loadSysctls(),
    loadSecurity(),
    loadSystem(uid),
    loadCgroupFacts(uid),
    Promise.all(['/dev/fuse', '/dev/net/tun', '/dev/kvm'].map(loadDevice)),
    loadProgramFacts({ versions: request.versions !== false }),
  ]);
  return {
    kernel: release(),
    architecture: ociArchitecture(process.arch),
    ...system,
    ...sysctls,
    ...security,
    cgroup,
    devices,
    programs,
    ...environmentFacts(),
  };
}

/** undefined where there is no such file: another kernel, or /proc is hidden. */
async function readText(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function readNumber(path: string): Promise<number | undefined> {
  const text = await readText(path);
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

type Sysctls = Pick<HostFacts, 'maxUserNamespaces' | 'unprivilegedUsernsClone' | 'apparmorRestrictsUserns'>;

async function loadSysctls(): Promise<Sysctls> {
  const [max, clone, apparmor] = await Promise.all([
    readNumber('/proc/sys/user/max_user_namespaces'),
    readNumber('/proc/sys/kernel/unprivileged_userns_clone'),
    readNumber('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
  ]);
  return {
    ...(max === undefined ? {} : { maxUserNamespaces: max }),
    ...(clone === undefined ? {} : { unprivilegedUsernsClone: clone }),
    apparmorRestrictsUserns: apparmor === 1,
  };
}

type Security = Pick<HostFacts, 'securityModules' | 'selinux' | 'seccompActions' | 'noNewPrivs'>;

async function loadSecurity(): Promise<Security> {
  const [modules, enforce, actions, status] = await Promise.all([
    readText('/sys/kernel/security/lsm'),
    readText('/sys/fs/selinux/enforce'),
    readText('/proc/sys/kernel/seccomp/actions_avail'),
    readText('/proc/self/status'),
  ]);
  return {
    securityModules: (modules ?? '').split(',').filter((name) => name !== ''),
    selinux: enforce === undefined ? 'off' : enforce === '1' ? 'enforcing' : 'permissive',
    seccompActions: (actions ?? '').split(' ').filter((name) => name !== ''),
    noNewPrivs: /^NoNewPrivs:\s*1$/m.test(status ?? ''),
  };
}

type System = Pick<HostFacts, 'osName' | 'osId' | 'nested' | 'container' | 'filesystems' | 'systemd'>;

async function loadSystem(uid: number): Promise<System> {
  const [osRelease, uidMap, filesystems, container, isSystemd, userBus] = await Promise.all([
    readText('/etc/os-release'),
    readText('/proc/self/uid_map'),
    readText('/proc/filesystems'),
    findContainer(),
    exists('/run/systemd/system'),
    exists(`${process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${uid}`}/bus`),
  ]);
  const known = new Set((filesystems ?? '').split('\n').map((line) => line.split('\t').at(-1)));
  return {
    osName: osReleaseValue(osRelease ?? '', 'PRETTY_NAME') ?? 'Linux',
    osId: osReleaseValue(osRelease ?? '', 'ID') ?? 'linux',
    nested: !isFullMap(parseIdMap(uidMap ?? '')),
    ...(container === undefined ? {} : { container }),
    filesystems: ['overlay', 'fuse', 'squashfs'].filter((name) => known.has(name)),
    systemd: { init: isSystemd, userBus },
  };
}

export function osReleaseValue(text: string, key: string): string | undefined {
  const value = new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
  return value?.replace(/^(["'])(.*)\1$/, '$2');
}

/** The marks that container managers leave. */
async function findContainer(): Promise<string | undefined> {
  const marks = [
    ['/run/.containerenv', 'podman'],
    ['/.dockerenv', 'docker'],
    ['/run/systemd/container', undefined],
  ] as const;
  for (const [path, name] of marks) {
    if (!(await exists(path))) continue;
    return name ?? (await readText(path));
  }
  return (await readText('/proc/sys/kernel/osrelease'))?.toLowerCase().includes('microsoft') === true
    ? 'wsl'
    : undefined;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function loadDevice(path: string): Promise<DeviceFact> {
  try {
    await (await open(path, 'r+')).close();
    return { path };
  } catch (error) {
    return { path, problem: (error as NodeJS.ErrnoException).code ?? 'EIO' };
  }
}

function environmentFacts(): Pick<HostFacts, 'user' | 'batchJob' | 'runtimeDir'> {
  const variable = BATCH_VARIABLES.find((name) => (process.env[name] ?? '') !== '');
  const runtimeDir = process.env['XDG_RUNTIME_DIR'];
  const name = tryUserName();
  return {
    user: {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      groups: process.getgroups?.() ?? [],
      ...(name === undefined ? {} : { name }),
    },
    ...(variable === undefined ? {} : { batchJob: `${variable}=${process.env[variable] ?? ''}` }),
    ...(runtimeDir === undefined ? {} : { runtimeDir }),
  };
}

function tryUserName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined; // no entry in the password database
  }
}

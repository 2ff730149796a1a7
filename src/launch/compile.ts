// config.json + where things are → launch plan. Decides nothing that bundle/, snapshot/ or network/ have decided: it orders it.

import path from 'node:path';

import { loadSeccomp } from '../bundle/seccomp.js';
import type { Spec, SpecNamespaceType } from '../bundle/spec.wire.js';
import { RrunError } from '../errors.js';
import { step, type CleanupOp, type InitOp, type MonitorOp, type Plan, type PlanStep } from '../helper/plan.js';
import { usernsSteps } from '../helper/userns-run.js';
import type { NetworkChoice } from '../network/choose-network.js';
import type { RootfsMount } from '../snapshot/prepare-rootfs.js';
import type { HostPath } from '../util/brand.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { mountSteps } from './mount-steps.js';
import { processSteps } from './process-steps.js';
import { rootfsSteps } from './rootfs-steps.js';

/** Who holds the container: see design.md, "Monitor → keeper → command". */
export type LaunchMode = 'foreground' | 'terminal' | 'detached';

export interface LaunchRequest {
  id: string;
  /** containers/<id>, with lock, exit and log. */
  dir: HostPath;
  /** RUN/<id>, where the attach socket is. */
  runDir: HostPath;
  cacheDir: HostPath;
  spec: Spec;
  mapping: UsernsMapping;
  rootfs: RootfsMount;
  network: NetworkChoice;
  mode: LaunchMode;
  stdin: 'pipe' | 'null' | 'inherit';
  output: 'pipe' | 'inherit';
  attachStdin: boolean;
  log: boolean;
  detachKeys: readonly number[];
  sigProxy: boolean;
  /** Printed when a detached container has started. */
  announce?: string;
  /** Handed to the process that says what failed. */
  onFailure: readonly string[];
  /** Directories of the rootfs that must exist: the image's VOLUMEs. */
  rootfsDirs: readonly string[];
  cleanup: PlanStep<CleanupOp>[];
}

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const DEVICE_LINKS = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
  ['/proc/kcore', '/dev/core'],
] as const;
const SLIRP_TIMEOUT_S = 10;

/** Compiles the plan; loads (and if need be compiles) the seccomp filter on the way. */
export async function compileLaunch(request: LaunchRequest): Promise<Plan> {
  const { spec, mapping, rootfs, cacheDir, dir } = request;
  const seccomp = spec.linux?.seccomp;
  const seccompFile = seccomp === undefined ? undefined : await loadSeccomp(seccomp, cacheDir);
  const namespaces = readNamespaces(spec);
  const files = rootfsSteps(rootfs);
  const joined = namespaces.joined !== undefined;
  const outside = namespaces.fresh.filter((type) => OUTSIDE.has(type));
  return {
    monitor: [
      ...monitorSteps(request),
      ...(joined
        ? [step('join' as const, namespaces.joined?.pid ?? 0, 'user', ...(namespaces.joined?.types ?? []))]
        : []),
      step('clone', ...(joined ? [] : cloneOutside(namespaces))),
      ...(joined ? [] : usernsSteps(mapping)),
      ...networkSteps(request.network),
    ],
    keeper: [
      ...(joined && outside.length > 0 ? [step('unshare' as const, ...outside)] : []),
      ...files.keeper,
      ...(spec.process?.oomScoreAdj === undefined ? [] : [step('oom-score-adj' as const, spec.process.oomScoreAdj)]),
      step('clone-init', ...namespaces.fresh.filter((type) => !OUTSIDE.has(type) && type !== 'user')),
    ],
    init: [
      step('private'),
      ...files.init,
      ...request.rootfsDirs.map((path) => step('mkdir' as const, path, '755')),
      ...(spec.mounts ?? []).flatMap((mount) => mountSteps(absoluteSource(mount, dir))),
      ...deviceSteps(spec),
      step('pivot'),
      ...insideSteps(spec, namespaces.fresh),
      ...processSteps(spec, { singleId: mapping.kind === 'single', seccompFile }),
    ],
    cleanup: request.cleanup,
  };
}

function monitorSteps(request: LaunchRequest): PlanStep<MonitorOp>[] {
  const { spec, dir, runDir, mode } = request;
  return [
    step('mode', mode),
    step('id', request.id),
    step('lock', path.join(dir, 'lock')),
    step('exit-file', path.join(dir, 'exit')),
    ...(request.log ? [step('log' as const, path.join(dir, 'log'))] : []),
    step('socket', path.join(runDir, 'attach')),
    step('stdio', request.stdin, request.output),
    ...(spec.process?.terminal === true ? [step('tty' as const)] : []),
    ...(request.attachStdin ? [step('attach-stdin' as const)] : []),
    step('detach-keys', Buffer.from(request.detachKeys).toString('hex')),
    ...(request.sigProxy ? [] : [step('no-sig-proxy' as const)]),
    ...(request.announce === undefined ? [] : [step('announce' as const, request.announce)]),
    step('on-failure', ...request.onFailure),
  ];
}

/** Namespaces that the keeper is cloned into, or unshares; the others belong to the command alone. */
const OUTSIDE: ReadonlySet<SpecNamespaceType> = new Set(['network', 'ipc', 'uts']);

interface Namespaces {
  fresh: SpecNamespaceType[];
  joined: { pid: number; types: SpecNamespaceType[] } | undefined;
}

function readNamespaces(spec: Spec): Namespaces {
  const all = spec.linux?.namespaces ?? [];
  const fresh = all.filter(({ path: of }) => of === undefined).map(({ type }) => type);
  const byPath = all.filter(({ path: of }) => of !== undefined);
  const pids = new Set(byPath.map(({ path: of }) => /^\/proc\/(\d+)\/ns\/\w+$/.exec(of ?? '')?.[1]));
  if (byPath.length === 0) return { fresh, joined: undefined };
  const [pid] = pids;
  if (pids.size !== 1 || pid === undefined) {
    throw new RrunError(
      'CONFIG_INVALID',
      'cannot join namespaces of more than one container: each has a user namespace of its own',
    );
  }
  return {
    fresh: fresh.filter((type) => type !== 'user'),
    joined: { pid: Number(pid), types: byPath.map(({ type }) => type) },
  };
}

/** With a PID namespace of its own the keeper is init of an outer one, and takes everything along when it dies. */
function cloneOutside({ fresh }: Namespaces): SpecNamespaceType[] {
  return ['user', ...(fresh.includes('pid') ? (['pid'] as const) : []), ...fresh.filter((type) => OUTSIDE.has(type))];
}

function networkSteps({ slirp }: NetworkChoice): PlanStep<MonitorOp>[] {
  return slirp === undefined ? [] : [step('spawn', 'slirp4netns', SLIRP_TIMEOUT_S, slirp.program, ...slirp.args)];
}

function absoluteSource<M extends { source?: string; type?: string; options?: string[] }>(mount: M, dir: string): M {
  const isBind =
    mount.type === 'bind' || mount.options?.some((option) => option === 'bind' || option === 'rbind') === true;
  return isBind && mount.source !== undefined ? { ...mount, source: path.resolve(dir, mount.source) } : mount;
}

/** The devices that every container has (runtime-spec, config-linux.md, "Default Devices"), bound: mknod needs root of the host. */
function deviceSteps(spec: Spec): PlanStep<InitOp>[] {
  const dev = spec.mounts?.find(({ destination }) => path.posix.normalize(destination) === '/dev');
  if (dev?.type === 'bind' || dev?.options?.some((option) => option === 'bind' || option === 'rbind') === true)
    return [];
  const taken = new Set(spec.mounts?.map(({ destination }) => destination));
  return [
    ...DEVICES.filter((name) => !taken.has(`/dev/${name}`)).map((name) =>
      step('bind' as const, `/dev/${name}`, `/dev/${name}`, '', 'file'),
    ),
    ...DEVICE_LINKS.map(([text, link]) => step('symlink' as const, text, link)),
  ];
}

/** What is done with the rootfs as "/". Kernel settings before /proc/sys becomes read-only. */
function insideSteps(spec: Spec, fresh: readonly SpecNamespaceType[]): PlanStep<InitOp>[] {
  const { linux } = spec;
  return [
    ...(spec.process?.terminal === true ? [step('console' as const)] : []),
    ...(fresh.includes('network') ? [step('loopback' as const)] : []),
    ...(spec.hostname === undefined ? [] : [step('hostname' as const, spec.hostname)]),
    ...(spec.domainname === undefined ? [] : [step('domainname' as const, spec.domainname)]),
    ...Object.entries(linux?.sysctl ?? {}).map(([key, value]) => step('sysctl' as const, sysctlPath(key), value)),
    ...(linux?.maskedPaths ?? []).map((masked) => step('mask' as const, masked)),
    ...(linux?.readonlyPaths ?? []).map((readonly) => step('readonly' as const, readonly)),
  ];
}

/** "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/…" (sysctl(8): a slash keeps the dots behind it). */
function sysctlPath(key: string): string {
  const slash = key.indexOf('/');
  const dot = key.indexOf('.');
  return slash >= 0 && (dot < 0 || slash < dot) ? key : key.replaceAll('.', '/');
}

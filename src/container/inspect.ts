// The document of `inspect` for a container: Docker's field names and types, so that programs written for it find what they look for.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { ContainerOptions } from '../bundle/options.js';
import type { Spec } from '../bundle/spec.wire.js';
import { parseSize } from '../util/size.js';
import { hostConfigLimits, ulimitDocuments } from './inspect-host.js';
import { mountDocuments } from './inspect-mounts.js';
import { networkDocument } from './inspect-network.js';
import { goMap, NEVER, type JsonObject } from './json.js';
import type { Container } from './list.js';
import type { ContainerRecord, ContainerState } from './record.js';

const DEFAULT_SHM_SIZE = 64 << 20;

/** The whole document. Fields that belong to what rrun does not have carry Docker's empty value. */
export function inspectContainer({ record, dir, state }: Container): JsonObject {
  const spec = readSpec(dir);
  const file = (name: string, left = false): string => (left ? '' : path.join(dir, name));
  const { options } = record;
  return {
    Id: record.id,
    Created: record.created,
    Path: record.args[0] ?? '',
    Args: record.args.slice(1),
    State: stateDocument(state),
    Image: record.imageId ?? '',
    ResolvConfPath: file('resolv.conf'),
    HostnamePath: file('hostname', options.noHostname),
    HostsPath: file('hosts', options.noHosts),
    LogPath: file('log', options.logDriver !== 'json-file'),
    Name: `/${record.name}`,
    RestartCount: 0,
    Driver: record.storageDriver,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: spec.process?.apparmorProfile ?? '',
    ExecIDs: null,
    HostConfig: hostConfigDocument(record, spec),
    GraphDriver: graphDriverDocument(record, dir),
    Mounts: mountDocuments(record, spec),
    Config: configDocument(record, spec),
    NetworkSettings: networkDocument(record, state),
  };
}

function readSpec(dir: string): Spec {
  try {
    return JSON.parse(readFileSync(path.join(dir, 'config.json'), 'utf8')) as Spec;
  } catch (error) {
    // Cut short by a crash of the host; what is known otherwise is still shown.
    if (error instanceof SyntaxError) return { ociVersion: '', root: { path: '' } };
    throw error;
  }
}

function stateDocument(state: ContainerState): JsonObject {
  return {
    Status: state.status,
    Running: state.status === 'running',
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error ?? '',
    StartedAt: state.startedAt ?? NEVER,
    FinishedAt: state.finishedAt ?? NEVER,
  };
}

function graphDriverDocument(record: ContainerRecord, dir: string): JsonObject {
  if (record.storageDriver === 'rootfs')
    return { Data: goMap({ RootDir: record.options.rootfs ?? '' }), Name: 'rootfs' };
  const merged = path.join(dir, 'rootfs');
  // A container whose owners cannot be shifted is a copy, whatever the driver of the store.
  if (record.storageDriver === 'vfs' || !existsSync(path.join(dir, 'upper')))
    return { Data: goMap({ Dir: merged }), Name: 'vfs' };
  return {
    Data: goMap({
      LowerDir: record.lower.join(':'),
      MergedDir: merged,
      UpperDir: path.join(dir, 'upper'),
      WorkDir: path.join(dir, 'work'),
    }),
    Name: record.storageDriver,
  };
}

function configDocument(record: ContainerRecord, spec: Spec): JsonObject {
  const { options, image } = record;
  const attached = !options.detach;
  return {
    Hostname: spec.hostname ?? '',
    Domainname: spec.domainname ?? options.domainname ?? '',
    User: options.user ?? image.user,
    AttachStdin: attached && options.interactive,
    AttachStdout: attached,
    AttachStderr: attached,
    ...(image.exposedPorts.length > 0 ? { ExposedPorts: emptySet(image.exposedPorts) } : {}),
    Tty: options.tty,
    OpenStdin: options.interactive,
    StdinOnce: attached && options.interactive,
    Env: spec.process?.env ?? [],
    Cmd: shownCommand(record),
    Image: record.imageName ?? '',
    Volumes: image.volumes.length === 0 ? null : emptySet(image.volumes),
    WorkingDir: spec.process?.cwd ?? '/',
    Entrypoint: shownEntrypoint(record),
    OnBuild: image.onBuild,
    Labels: goMap(record.labels),
    StopSignal: record.stopSignal,
    ...(options.stopTimeout === undefined ? {} : { StopTimeout: options.stopTimeout }),
  };
}

function shownEntrypoint({ options, image }: ContainerRecord): string[] | null {
  if (options.entrypoint === undefined) return image.entrypoint;
  return options.entrypoint === '' ? null : [options.entrypoint];
}

function shownCommand({ options, image }: ContainerRecord): string[] | null {
  if (options.command.length > 0) return options.command;
  return options.entrypoint === undefined ? image.cmd : null;
}

function hostConfigDocument(record: ContainerRecord, spec: Spec): JsonObject {
  const { options } = record;
  return {
    Binds: orNull(options.volumes),
    ContainerIDFile: options.cidfile ?? '',
    LogConfig: { Type: options.logDriver, Config: goMap(options.logOpts) },
    NetworkMode: record.network,
    PortBindings: goMap({}),
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: options.rm,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: orNull(options.capAdd),
    CapDrop: orNull(options.capDrop),
    CgroupnsMode: 'private',
    Dns: options.dns,
    DnsOptions: options.dnsOption,
    DnsSearch: options.dnsSearch,
    ExtraHosts: orNull(options.addHost),
    GroupAdd: orNull(options.groupAdd),
    IpcMode: options.ipc ?? 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: options.oomScoreAdj ?? 0,
    PidMode: options.pid ?? '',
    Privileged: options.privileged,
    PublishAllPorts: false,
    ReadonlyRootfs: options.readOnly,
    SecurityOpt: orNull(options.securityOpt),
    ...tmpfsDocument(options),
    UTSMode: options.uts ?? '',
    UsernsMode: options.userns ?? '',
    ShmSize: parseSize(options.shmSize ?? '') ?? DEFAULT_SHM_SIZE,
    ...(Object.keys(options.sysctls).length > 0 ? { Sysctls: goMap(options.sysctls) } : {}),
    Runtime: 'rrun',
    Isolation: '',
    ...hostConfigLimits(),
    Devices: options.devices.map(deviceDocument),
    Ulimits: ulimitDocuments(spec),
    ...(options.init ? { Init: true } : {}),
    Annotations: Object.keys(options.annotations).length > 0 ? goMap(options.annotations) : null,
    MaskedPaths: spec.linux?.maskedPaths ?? null,
    ReadonlyPaths: spec.linux?.readonlyPaths ?? null,
  };
}

function tmpfsDocument(options: ContainerOptions): JsonObject {
  if (options.tmpfs.length === 0) return {};
  const entries = options.tmpfs.map((typed) => {
    const mark = typed.indexOf(':');
    return mark < 0 ? [typed, ''] : [typed.slice(0, mark), typed.slice(mark + 1)];
  });
  return { Tmpfs: goMap(Object.fromEntries(entries) as Record<string, string>) };
}

function deviceDocument(typed: string): JsonObject {
  const [host = '', inside = host, permissions = 'rwm'] = typed.split(':');
  // The middle word is left out in "/dev/x:r".
  if (!inside.startsWith('/')) return { PathOnHost: host, PathInContainer: host, CgroupPermissions: inside };
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
}

function orNull(list: readonly string[]): string[] | null {
  return list.length === 0 ? null : [...list];
}

function emptySet(keys: readonly string[]): JsonObject {
  return goMap(Object.fromEntries(keys.map((key) => [key, {}])));
}

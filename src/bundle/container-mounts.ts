// All mounts of a container: the defaults, the network's files, and what the user and the image ask for.

import type { Decision } from '../util/decision.js';
import { parseSize } from '../util/size.js';
import { RrunError } from '../errors.js';
import { isMapped } from './choose-groups.js';
import type { ImageProcessConfig, SpecContext, SpecFacts, VolumeUse } from './context.js';
import { defaultMounts } from './default-mounts.js';
import { deviceMounts, parseDevice, privilegedDevices } from './devices.js';
import { parseMount } from './mount-option.js';
import { blankRequest, parseTmpfs, parseVolume, type MountRequest } from './mount-requests.js';
import type { NamespaceChoice } from './namespaces.js';
import type { ContainerOptions } from './options.js';
import { normalizePath } from './rootfs-path.js';
import { APT_SANDBOX_PATH } from './single-id.js';
import type { SpecMount, SpecUser } from './spec.wire.js';
import { makeUserMounts, mergeMounts } from './user-mounts.js';

const DEFAULT_SHM_BYTES = 64 << 20;
const TTY_GID = 5;

export interface MountSources {
  options: ContainerOptions;
  image: ImageProcessConfig;
  context: SpecContext;
  facts: SpecFacts;
  namespaces: NamespaceChoice;
  user: SpecUser;
  writableCgroups: boolean;
  timezone?: SpecMount | undefined;
}

export interface ContainerMounts {
  mounts: SpecMount[];
  volumes: VolumeUse[];
  rootfsDirs: string[];
}

export async function containerMounts(sources: MountSources, decisions: Decision[]): Promise<ContainerMounts> {
  const { options, image, context, user } = sources;
  const cwd = context.cwd ?? process.cwd();
  const typed = [
    ...options.volumes.map((volume) => parseVolume(volume, cwd)),
    ...options.mounts.map((mount) => parseMount(mount, cwd)),
    ...options.tmpfs.map(parseTmpfs),
  ];
  const imageVolumes = imageVolumePaths(image).filter((path) => !typed.some(({ destination }) => destination === path));
  // A volume of the image stays writable under --read-only; else a plain directory of the writable layer serves (copy-up: issue 3).
  const extra = options.readOnly ? imageVolumes.map((path) => blankRequest(path, 'volume', path)) : [];
  const requests: MountRequest[] = [...typed, ...extra];
  const base = baseMounts(sources, decisions);
  const ours = [...fileMounts(sources), ...deviceChoices(options, decisions)];
  // Last: this makes directories, and everything that can be refused has been.
  const { volumesDir, dryRun = false } = context;
  const made = await makeUserMounts(requests, { volumesDir, dryRun, uid: user.uid, gid: user.gid });
  decideMounts(made.volumes, imageVolumes, options.readOnly, decisions);
  return {
    mounts: mergeMounts(base, withoutCovered([...ours, ...made.mounts], made.mounts)),
    volumes: made.volumes,
    rootfsDirs: options.readOnly ? [] : imageVolumes,
  };
}

function baseMounts(
  { options, context, facts, namespaces, writableCgroups }: MountSources,
  decisions: Decision[],
): SpecMount[] {
  return defaultMounts(
    {
      privileged: options.privileged,
      hasTtyGroup: isMapped(TTY_GID, context.mapping.gidMappings),
      ownNetwork: namespaces.ownNetwork,
      ownPid: namespaces.ownPid,
      ipc: namespaces.ipc,
      shmBytes: shmBytes(options.shmSize),
      hasCgroup2: facts.hasCgroup2,
      writableCgroups,
    },
    decisions,
  );
}

function shmBytes(typed: string | undefined): number {
  if (typed === undefined || typed === '') return DEFAULT_SHM_BYTES;
  const bytes = parseSize(typed);
  if (bytes === undefined)
    throw new RrunError('CONFIG_INVALID', `cannot use --shm-size "${typed}": invalid size, want for example 64m`);
  return bytes;
}

/** hosts, hostname and resolv.conf are the container's own files, read-only where its root is. */
function fileMounts({ options, context, timezone }: MountSources): SpecMount[] {
  const { hosts, hostname, resolvConf, aptSandbox } = context.files;
  const access = options.readOnly ? ['ro'] : [];
  const bind = (destination: string, source: string | undefined, more: string[]): SpecMount[] =>
    source === undefined ? [] : [{ destination, type: 'bind', source, options: ['bind', 'rprivate', ...more] }];
  return [
    ...bind('/etc/resolv.conf', resolvConf, access),
    ...bind('/etc/hostname', hostname, access),
    ...bind('/etc/hosts', hosts, access),
    ...bind(APT_SANDBOX_PATH, aptSandbox, ['ro']),
    ...(timezone === undefined ? [] : [timezone]),
  ];
}

function deviceChoices(options: ContainerOptions, decisions: Decision[]): SpecMount[] {
  const asked = options.devices.flatMap(deviceMounts);
  const limited = options.devices.find((device) => parseDevice(device).permissions !== 'rwm');
  if (limited !== undefined) {
    decisions.push({
      topic: 'device permissions',
      choice: 'not narrowed',
      why: `"${limited}": only root's device cgroup could; the node's own mode holds`,
    });
  }
  if (!options.privileged) return asked;
  const all = privilegedDevices().filter(
    ({ destination }) => !asked.some((device) => device.destination === destination),
  );
  decisions.push({
    topic: 'devices',
    choice: `${all.length} of the host`,
    why: '--privileged: all that the caller may open',
  });
  return [...asked, ...all];
}

function imageVolumePaths(image: ImageProcessConfig): string[] {
  const paths = Object.keys(image.Volumes ?? {});
  const bad = paths.find((path) => path.includes('\0'));
  if (bad !== undefined)
    throw new RrunError('IMAGE_INVALID', `cannot use volume ${JSON.stringify(bad)} of the image: it contains NUL`);
  return [...new Set(paths.map(normalizePath))].filter((path) => path !== '/').sort();
}

/** A mount of the user on /etc/hosts or on a device replaces ours. */
function withoutCovered(mounts: readonly SpecMount[], users: readonly SpecMount[]): SpecMount[] {
  const taken = new Set(users.map(({ destination }) => destination));
  return mounts.filter((mount) => users.includes(mount) || !taken.has(mount.destination));
}

function decideMounts(
  volumes: readonly VolumeUse[],
  imageVolumes: readonly string[],
  readOnly: boolean,
  decisions: Decision[],
): void {
  for (const { destination, name, anonymous, source } of volumes) {
    if (name === undefined) continue;
    decisions.push({
      topic: `volume ${destination}`,
      choice: anonymous ? 'anonymous' : name,
      why: `kept in ${source}`,
    });
  }
  if (imageVolumes.length === 0 || readOnly) return;
  decisions.push({
    topic: 'volumes of the image',
    choice: imageVolumes.join(', '),
    why: 'directories of the writable layer',
  });
}

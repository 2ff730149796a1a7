// Device nodes: nobody but host root can make them, so each is the host's node bound into the container's /dev.

import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { RrunError } from '../errors.js';
import { normalizePath } from './rootfs-path.js';
import type { Spec, SpecMount } from './spec.wire.js';

/** What every runtime supplies (runtime-spec config-linux.md, "Default Devices"). */
const DEFAULT_DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty'];
const DEFAULT_LINKS: readonly [string, string][] = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
  ['/dev/ptmx', 'pts/ptmx'],
];

export interface RuntimeDevices {
  /** Same path on the host and inside. */
  binds: string[];
  /** [path, target]. */
  links: (readonly [string, string])[];
}

/**
 * What the runtime adds to config.json's mounts: the default devices, those of linux.devices, and the usual links.
 * Nothing where /dev is bound from the host: the nodes would appear on the host.
 */
export function runtimeDevices(spec: Spec): RuntimeDevices {
  const isOnDev = (destination: string) => normalizePath(destination) === '/dev';
  const dev = spec.mounts?.findLast(({ destination }) => isOnDev(destination));
  if (
    dev === undefined ||
    dev.type === 'bind' ||
    dev.options?.some((option) => option === 'bind' || option === 'rbind')
  )
    return { binds: [], links: [] };
  const taken = new Set(spec.mounts?.map(({ destination }) => normalizePath(destination)));
  const wanted = [...DEFAULT_DEVICES, ...(spec.linux?.devices ?? []).map((device) => normalizePath(device.path))];
  return {
    binds: [...new Set(wanted)].filter((device) => !taken.has(device)),
    links: DEFAULT_LINKS.filter(([link]) => !taken.has(link)),
  };
}

/** `--device HOST[:CONTAINER][:PERMISSIONS]`; a directory stands for all devices in it, as with Docker. */
export function deviceMounts(typed: string): SpecMount[] {
  const { host, container } = parseDevice(typed);
  const kind = deviceKind(host);
  if (kind === 'device') return [deviceMount(host, container)];
  if (kind === 'directory') {
    const found = listDevices(host);
    if (found.length > 0)
      return found.map((device) => deviceMount(device, path.join(container, path.relative(host, device))));
  }
  throw deviceError(typed, kind === 'missing' ? 'no such file or directory' : 'not a device node');
}

/** Devices of the host that the caller may open: with --privileged these are bound, the rest would only give EACCES. */
export function privilegedDevices(root = '/dev'): SpecMount[] {
  const isOurs = (device: string) =>
    !DEFAULT_DEVICES.includes(device) && !/^\/dev\/(console|ptmx|pts\/.*)$/.test(device);
  return listDevices(root)
    .filter((device) => isOurs(device) && isAccessible(device))
    .map((device) => deviceMount(device, device));
}

/** "PATH[:PATH][:rwm]"; the second field may also be the permissions. */
export function parseDevice(typed: string): { host: string; container: string; permissions: string } {
  const parts = typed.split(':');
  const [host = '', second, third] = parts;
  if (parts.length > 3 || host === '') throw deviceError(typed, 'want HOST[:CONTAINER][:PERMISSIONS]');
  if (!host.startsWith('/')) {
    if (/^[\w.-]+\/[\w.-]+=/.test(typed)) throw deviceError(typed, 'CDI devices are not supported yet');
    throw deviceError(typed, 'want an absolute path');
  }
  const secondIsPermissions = parts.length === 2 && second !== undefined && isPermissions(second);
  const permissions = third ?? (secondIsPermissions ? second : 'rwm');
  if (!isPermissions(permissions)) throw deviceError(typed, `invalid mode "${permissions}", want letters of rwm`);
  const container = second === undefined || second === '' || secondIsPermissions ? host : second;
  if (!container.startsWith('/')) throw deviceError(typed, `"${container}" is not an absolute path`);
  return { host: normalizePath(host), container: normalizePath(container), permissions };
}

function isPermissions(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

function deviceMount(host: string, container: string): SpecMount {
  return { destination: container, type: 'bind', source: host, options: ['bind', 'rprivate', 'nosuid', 'noexec'] };
}

function deviceKind(file: string): 'device' | 'directory' | 'other' | 'missing' {
  try {
    const found = statSync(file);
    return found.isCharacterDevice() || found.isBlockDevice() ? 'device' : found.isDirectory() ? 'directory' : 'other';
  } catch {
    return 'missing';
  }
}

/** Not below pts, shm, mqueue and the like: these are file systems of the container's own. */
function listDevices(dir: string): string[] {
  const names = readNames(dir).filter(
    ({ name }) => !['pts', 'shm', 'mqueue', 'hugepages', 'fd', '.lxc', '.lxd-mounts'].includes(name),
  );
  return names.flatMap((entry) => {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) return listDevices(file);
    return entry.isCharacterDevice() || entry.isBlockDevice() ? [file] : [];
  });
}

function readNames(dir: string) {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

function isAccessible(file: string): boolean {
  return [constants.R_OK, constants.W_OK].some((mode) => {
    try {
      accessSync(file, mode);
      return true;
    } catch {
      return false;
    }
  });
}

function deviceError(typed: string, why: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use device "${typed}": ${why}`);
}

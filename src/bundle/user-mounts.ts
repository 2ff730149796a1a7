// Mount requests → mounts of config.json. Makes the volumes and host directories that Docker makes on demand.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { RrunError } from '../errors.js';
import type { HostPath } from '../util/brand.js';
import { makeDirectories } from '../util/make-directories.js';
import type { VolumeUse } from './context.js';
import { mountError, NO_LINKS_OPTION, type MountRequest } from './mount-requests.js';
import { pathDepth } from './rootfs-path.js';
import type { SpecMount } from './spec.wire.js';

export interface UserMountContext {
  volumesDir: HostPath;
  /** Look, but make nothing. */
  dryRun?: boolean;
  /** Owner for `U`. */
  uid: number;
  gid: number;
}

export interface UserMounts {
  mounts: SpecMount[];
  volumes: VolumeUse[];
}

/** Refuses a destination that is asked for twice, then makes what is missing on the host. */
export async function makeUserMounts(
  requests: readonly MountRequest[],
  context: UserMountContext,
): Promise<UserMounts> {
  const seen = new Set<string>();
  for (const { typed, destination } of requests) {
    if (seen.has(destination)) throw mountError(typed, `duplicate mount point: ${destination}`);
    seen.add(destination);
  }
  const made: UserMounts = { mounts: [], volumes: [] };
  for (const request of requests) {
    if (request.type === 'tmpfs') made.mounts.push(tmpfsMount(request));
    else await addBind(request, context, made);
  }
  return made;
}

function tmpfsMount({ destination, flags, readonly }: MountRequest): SpecMount {
  const options = [...flags, ...(readonly ? ['ro'] : [])];
  return { destination, type: 'tmpfs', source: 'tmpfs', options };
}

async function addBind(request: MountRequest, context: UserMountContext, made: UserMounts): Promise<void> {
  const use = request.type === 'volume' ? await ensureVolume(request, context) : await hostDirectory(request, context);
  if (request.chown) use.chown = { uid: context.uid, gid: context.gid };
  made.volumes.push(use);
  made.mounts.push({
    destination: request.destination,
    type: 'bind',
    source: use.source,
    options: bindOptions(request),
  });
}

/** A read-only bind is read-only all the way down ("rro", mount_setattr(2)) unless bind-recursive says otherwise, as Docker 25 has it. */
function bindOptions({ readonly, recursive, propagation, flags, subpath }: MountRequest): string[] {
  const access = !readonly ? [] : recursive === 'writable' || recursive === 'disabled' ? ['ro'] : ['ro', 'rro'];
  return [
    recursive === 'disabled' ? 'bind' : 'rbind',
    ...access,
    propagation,
    ...flags,
    ...(subpath === undefined ? [] : [NO_LINKS_OPTION]),
  ];
}

async function hostDirectory(
  { typed, source = '', destination, createSource }: MountRequest,
  { dryRun = false }: UserMountContext,
): Promise<VolumeUse> {
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => error.code ?? 'EIO');
  if (found === 'ENOENT' && createSource) {
    if (!dryRun) makeDirectory(typed, source);
  } else if (found === 'ENOENT' || found === 'ENOTDIR') {
    throw mountError(
      typed,
      `bind source path does not exist: ${source}`,
      'create it first, or use -v, which creates a missing directory',
    );
  } else if (typeof found === 'string') {
    throw mountError(typed, `cannot look at "${source}": ${found}`);
  }
  return { destination, source: source as HostPath, anonymous: false, created: false, copyUp: false };
}

function makeDirectory(typed: string, directory: string): void {
  try {
    makeDirectories(directory);
  } catch (error) {
    throw mountError(typed, `cannot create "${directory}": ${(error as NodeJS.ErrnoException).code}`);
  }
}

async function ensureVolume(
  request: MountRequest,
  { volumesDir, dryRun = false }: UserMountContext,
): Promise<VolumeUse> {
  const anonymous = request.source === undefined;
  const name = request.source ?? randomBytes(32).toString('hex');
  const data = path.join(volumesDir, name, '_data');
  // One without a name is made only when its container exists, or a maker that is killed would leave it for ever.
  const created = dryRun || anonymous ? !existsSync(data) : await makeVolume(name, data);
  const source = request.subpath === undefined ? data : await insideVolume(request, data, request.subpath);
  const use = { destination: request.destination, name, source: source as HostPath, anonymous, created };
  return { ...use, copyUp: !request.noCopy };
}

/** Whether it was not there yet. */
async function makeVolume(name: string, data: string): Promise<boolean> {
  const first = await mkdir(data, { recursive: true, mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    throw new RrunError('STORE_UNUSABLE', `cannot create volume "${name}": mkdir "${data}": ${error.code}`, {
      cause: error,
    });
  });
  return first !== undefined;
}

async function insideVolume({ typed }: MountRequest, data: string, subpath: string): Promise<string> {
  const root = await realpath(data);
  const target = await realpath(path.join(root, subpath)).catch((error: NodeJS.ErrnoException) => {
    throw mountError(typed, `cannot use volume-subpath "${subpath}": ${error.code}`);
  });
  if (target !== root && !target.startsWith(`${root}/`))
    throw mountError(typed, `volume-subpath "${subpath}" leads out of the volume`);
  return target;
}

/**
 * Defaults that the user's mounts do not replace, then everything else, shallow destinations first: a mount on /etc
 * must not hide the one on /etc/hosts. A mount on /dev also takes away what would be mounted below it.
 */
export function mergeMounts(defaults: readonly SpecMount[], others: readonly SpecMount[]): SpecMount[] {
  const taken = new Set(others.map(({ destination }) => destination));
  const kept = defaults.filter(
    ({ destination }) => !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/')),
  );
  return [...kept, ...[...others].sort((a, b) => pathDepth(a.destination) - pathDepth(b.destination))];
}

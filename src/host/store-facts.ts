// What lies under a directory of ours: the file system, its room, and whether it is known to make trouble.

import { readFile, realpath, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findMount } from '../idmap/programs.js';

export interface StoreFacts {
  path: string;
  /** As mountinfo names it: "ext4", "nfs4", "tmpfs". */
  fsType: string;
  mountPoint: string;
  mountOptions: string[];
  freeBytes: number;
  totalBytes: number;
  /** Absent where the file system counts none (btrfs). */
  freeInodes?: number;
  /** A sentence for each thing that will or may go wrong here. */
  warnings: string[];
}

const NETWORK_FILESYSTEMS = new Set([
  'nfs',
  'nfs4',
  'lustre',
  'gpfs',
  'beegfs',
  'cifs',
  'smb3',
  'ceph',
  'afs',
  'panfs',
  '9p',
  'wekafs',
  'fuse.sshfs',
  'fuse.glusterfs',
]);
const MEMORY_FILESYSTEMS = new Set(['tmpfs', 'ramfs']);
const LITTLE_ROOM_BYTES = 1024 ** 3;

/** Works on a directory that is not there yet: its nearest existing parent counts. */
export async function loadStoreFacts(path: string): Promise<StoreFacts> {
  const existing = await nearestExisting(path);
  const [{ bavail, bsize, blocks, files, ffree }, mountinfo] = await Promise.all([
    statfs(existing),
    readFile('/proc/self/mountinfo', 'utf8').catch(() => ''),
  ]);
  const mount = findMount(mountinfo, existing);
  const facts = {
    path,
    fsType: mount?.fsType ?? 'unknown',
    mountPoint: mount?.mountPoint ?? '/',
    mountOptions: mount?.options ?? [],
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    ...(files > 0 ? { freeInodes: ffree } : {}),
  };
  return { ...facts, warnings: storeWarnings(facts) };
}

async function nearestExisting(path: string): Promise<string> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    const found = await realpath(candidate).catch(() => undefined);
    if (found !== undefined || candidate === dirname(candidate)) return found ?? '/';
  }
}

export function storeWarnings(facts: Omit<StoreFacts, 'warnings'>): string[] {
  const warnings: string[] = [];
  if (NETWORK_FILESYSTEMS.has(facts.fsType)) {
    warnings.push(
      `"${facts.path}" is on ${facts.fsType}: owners of other ids and attributes may be refused there; a node-local --root is better`,
    );
  }
  if (MEMORY_FILESYSTEMS.has(facts.fsType))
    warnings.push(`"${facts.path}" is on ${facts.fsType}: images take memory and are lost at reboot`);
  if (facts.fsType === 'ecryptfs') warnings.push(`"${facts.path}" is on ecryptfs: long file names fail there`);
  if (facts.mountOptions.includes('ro')) warnings.push(`"${facts.mountPoint}" is mounted read-only`);
  if (facts.mountOptions.includes('noexec'))
    warnings.push(`"${facts.mountPoint}" is mounted noexec: no program of an image will run`);
  if (facts.freeBytes < LITTLE_ROOM_BYTES)
    warnings.push(`"${facts.mountPoint}" has only ${Math.floor(facts.freeBytes / 1024 ** 2)} MiB left`);
  if (facts.freeInodes !== undefined && facts.freeInodes < 10_000)
    warnings.push(`"${facts.mountPoint}" has only ${facts.freeInodes} inodes left`);
  return warnings;
}

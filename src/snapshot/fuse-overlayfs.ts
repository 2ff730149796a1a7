// Public wrapper of fuse-overlayfs, exported as "rrun/fuse-overlayfs": options → arguments, version, features, mount and unmount.
// A launch only takes the arguments from here: there the C program starts fuse-overlayfs inside the container's namespaces.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { RrunError } from '../errors.js';
import { findProgram } from '../idmap/programs.js';

/** What versions in use differ in. */
export type FuseOverlayfsFeature =
  'volatile' | 'squash-to-root' | 'squash-to-id' | 'xattr-permissions' | 'noacl' | 'user-overlay-xattrs';

/** First version that has it (NEWS of fuse-overlayfs). */
const FEATURE_SINCE: Record<FuseOverlayfsFeature, [major: number, minor: number]> = {
  'xattr-permissions': [1, 2],
  volatile: [1, 3],
  'squash-to-root': [1, 3],
  'squash-to-id': [1, 4],
  noacl: [1, 8],
  'user-overlay-xattrs': [1, 8],
};

/** `size` ids from `onDisk`, as fuse-overlayfs sees the owner in its user namespace, are presented as `presented`…. */
export interface FuseIdMapping {
  onDisk: number;
  presented: number;
  size: number;
}

/** The options of fuse-overlayfs(1). */
export interface FuseOverlayfsOptions {
  /** Directories to merge, topmost first. None may contain ":". */
  lower: readonly string[];
  /** Where changes go; without it the mount is read-only. */
  upper?: string;
  /** Needed with `upper`, on the same file system, empty. */
  work?: string;
  /** Shifts owners at mount time. Ranges must not overlap: of overlapping ones the last would win without a word. */
  uidMapping?: readonly FuseIdMapping[];
  gidMapping?: readonly FuseIdMapping[];
  /** Every entry belongs to 0:0. */
  squashToRoot?: boolean;
  /** Every entry belongs to this uid or gid; goes before squashToRoot. */
  squashToUid?: number;
  squashToGid?: number;
  /** Directories report one link: saves counting on slow file systems. */
  staticNlink?: boolean;
  /** No POSIX ACLs. */
  noAcl?: boolean;
  /** Owners and modes are kept in an extended attribute: 1 as root of the host (user.containers.override_stat), 2 in a user namespace. */
  xattrPermissions?: 1 | 2;
  /** No attributes at all. */
  noXattrs?: boolean;
  /** Nothing is synced: for what is thrown away. */
  volatile?: boolean;
  /** Seconds that the kernel may keep names and attributes. */
  timeoutSeconds?: number;
  /** The kernel's writeback cache; its default is on. */
  writeback?: boolean;
  readOnly?: boolean;
  /** Stay in the foreground. Otherwise the program ends when the mount is there, and a daemon serves it. */
  foreground?: boolean;
  debug?: boolean;
}

/** The argument list for mounting on `target`; throws USAGE for what fuse-overlayfs would misread. */
export function fuseOverlayfsArgs(options: FuseOverlayfsOptions, target: string): string[] {
  checkDirectories(options);
  const words: string[] = [`lowerdir=${options.lower.map(escaped).join(':')}`];
  if (options.upper !== undefined) words.push(`upperdir=${escaped(options.upper)}`);
  if (options.work !== undefined) words.push(`workdir=${escaped(options.work)}`);
  if (options.uidMapping !== undefined) words.push(`uidmapping=${formatFuseMapping(options.uidMapping)}`);
  if (options.gidMapping !== undefined) words.push(`gidmapping=${formatFuseMapping(options.gidMapping)}`);
  if (options.squashToRoot === true) words.push('squash_to_root');
  if (options.squashToUid !== undefined) words.push(`squash_to_uid=${options.squashToUid}`);
  if (options.squashToGid !== undefined) words.push(`squash_to_gid=${options.squashToGid}`);
  if (options.staticNlink === true) words.push('static_nlink');
  if (options.noAcl === true) words.push('noacl');
  if (options.xattrPermissions !== undefined) words.push(`xattr_permissions=${options.xattrPermissions}`);
  if (options.noXattrs === true) words.push('noxattrs=1');
  if (options.volatile === true) words.push('volatile');
  if (options.timeoutSeconds !== undefined) words.push(`timeout=${options.timeoutSeconds}`);
  if (options.writeback !== undefined) words.push(`writeback=${options.writeback ? 1 : 0}`);
  if (options.readOnly === true) words.push('ro');
  const flags = [...(options.foreground === true ? ['-f'] : []), ...(options.debug === true ? ['--debug'] : [])];
  return [...flags, '-o', words.join(','), target];
}

/** "onDisk:presented:size", the triples separated by ":" too, since "," separates mount options. */
export function formatFuseMapping(mapping: readonly FuseIdMapping[]): string {
  const sorted = [...mapping].sort((a, b) => a.onDisk - b.onDisk);
  for (const [i, { onDisk }] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before !== undefined && before.onDisk + before.size > onDisk) {
      throw new RrunError('USAGE', `cannot mount with fuse-overlayfs: the id mapping has ${onDisk} twice`);
    }
  }
  return mapping.map(({ onDisk, presented, size }) => `${onDisk}:${presented}:${size}`).join(':');
}

function checkDirectories({ lower, upper, work }: FuseOverlayfsOptions): void {
  if (lower.length === 0) throw new RrunError('USAGE', 'cannot mount with fuse-overlayfs: no lower directory is given');
  if ((upper === undefined) !== (work === undefined)) {
    throw new RrunError(
      'USAGE',
      'cannot mount with fuse-overlayfs: an upper directory needs a work directory, and the other way round',
    );
  }
  const colon = lower.find((directory) => directory.includes(':'));
  if (colon !== undefined) throw new RrunError('USAGE', `cannot mount "${colon}" with fuse-overlayfs: it contains ":"`);
}

/* libfuse takes "\" from in front of any character. */
function escaped(directory: string): string {
  return directory.replace(/[\\,]/g, '\\$&');
}

/** Version and what follows from it. */
export interface FuseOverlayfsInfo {
  program: string;
  /** "1.10"; undefined where it cannot be told. */
  version: string | undefined;
  features: Set<FuseOverlayfsFeature>;
}

/** Finds fuse-overlayfs in PATH and asks for its version; undefined where there is none. */
export async function findFuseOverlayfs(program?: string): Promise<FuseOverlayfsInfo | undefined> {
  const path = program ?? findProgram('fuse-overlayfs');
  if (path === undefined) return undefined;
  const output = await run(path, ['--version']).catch(() => '');
  const version = parseFuseOverlayfsVersion(output);
  return { program: path, version, features: fuseOverlayfsFeatures(version) };
}

/** Reads what `fuse-overlayfs --version` prints. */
export function parseFuseOverlayfsVersion(output: string): string | undefined {
  return /^fuse-overlayfs: version (\S+)/m.exec(output)?.[1];
}

/** Features of a version ("1.10", "1.7.1-dev"). Of an unknown one: none. */
export function fuseOverlayfsFeatures(version: string | undefined): Set<FuseOverlayfsFeature> {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  const has = ([wantMajor, wantMinor]: [number, number]): boolean =>
    Number(major) > wantMajor || (Number(major) === wantMajor && Number(minor) >= wantMinor);
  const all = Object.entries(FEATURE_SINCE) as [FuseOverlayfsFeature, [number, number]][];
  return new Set(all.filter(([, since]) => major !== undefined && has(since)).map(([feature]) => feature));
}

/** A mount that this process made. */
export interface FuseOverlayfsMount {
  target: string;
  unmount(): Promise<void>;
}

/** Mounts; returns when the mount is there. The serving process lives until unmount(). */
export async function mountFuseOverlayfs(
  options: Omit<FuseOverlayfsOptions, 'foreground'>,
  target: string,
  program?: string,
): Promise<FuseOverlayfsMount> {
  const info = await findFuseOverlayfs(program);
  if (info === undefined) {
    throw new RrunError('PROGRAM_MISSING', 'cannot mount with fuse-overlayfs: not found in PATH', {
      hint: 'install the package fuse-overlayfs',
    });
  }
  try {
    await run(info.program, fuseOverlayfsArgs(options, target));
  } catch (cause) {
    throw new RrunError('SYSCALL', `cannot mount "${target}" with fuse-overlayfs: ${failureText(cause)}`, { cause });
  }
  return { target, unmount: () => unmount(target) };
}

async function unmount(target: string): Promise<void> {
  const program = findProgram('fusermount3') ?? findProgram('fusermount') ?? 'umount';
  try {
    await run(program, program === 'umount' ? [target] : ['-u', target]);
  } catch (cause) {
    throw new RrunError('SYSCALL', `cannot unmount "${target}": ${failureText(cause)}`, { cause });
  }
}

async function run(program: string, args: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(program, args);
  return stdout + stderr;
}

function failureText(cause: unknown): string {
  const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
  return said === '' ? String(cause instanceof Error ? cause.message : cause) : said;
}

// Turns what the disk answered into a sentence with the place, the space and the owner in it.

import { existsSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';

import { RrunError } from '../errors.js';
import type { HostPath } from '../util/brand.js';
import { humanSize } from '../util/units.js';

const FULL_HINT = 'free space there, remove images with "rrun rmi", or choose another place with --root';

/** `action` in words, after "cannot": "store blob sha256:…". An RrunError passes through unchanged. */
export function diskError(error: unknown, action: string, root: HostPath): RrunError {
  if (error instanceof RrunError) return error;
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  switch (errno) {
    case 'ENOSPC':
      return new RrunError('STORE_FULL', `cannot ${action}: ${fullness(root)}`, {
        hint: FULL_HINT,
        cause: error,
      });
    case 'EDQUOT':
      return new RrunError('STORE_FULL', `cannot ${action}: the disk quota for "${root}" is used up`, {
        hint: 'see "quota -s", remove images with "rrun rmi", or choose another place with --root',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new RrunError('STORE_UNUSABLE', `cannot ${action}: ${ownership(root)}: ${errno}`, {
        hint: 'choose a directory of your own with --root',
        cause: error,
      });
    case 'EROFS':
      return new RrunError('STORE_UNUSABLE', `cannot ${action}: "${root}" is on a read-only file system`, {
        hint: 'choose another place with --root',
        cause: error,
      });
    case '':
      throw error; // not from the disk: a bug, which keeps its stack
    default:
      return new RrunError('STORE_UNUSABLE', `cannot ${action}: ${systemCall(error)}${errno}`, { cause: error });
  }
}

/** For what others report as full: by now they have given the space back, so what is free says nothing. */
export function storeFull(action: string, root: HostPath, cause: unknown): RrunError {
  const { blocks, bsize } = statfsSync(root);
  return new RrunError(
    'STORE_FULL',
    `cannot ${action}: no space left on the file system of "${root}", which has ${humanSize(blocks * bsize)}`,
    {
      hint: FULL_HINT,
      cause,
    },
  );
}

/** True for "no such file or directory", where that is a normal answer. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function systemCall(error: unknown): string {
  const { syscall, path } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return '';
  return path === undefined ? `${syscall}: ` : `${syscall} "${path}": `;
}

function fullness(root: HostPath): string {
  try {
    const { bavail, blocks, bsize, ffree, files } = statfsSync(root);
    if (files > 0 && ffree === 0) return `the file system of "${root}" has none of its ${files} inodes left`;
    return `the file system of "${root}" is full: ${humanSize(bavail * bsize)} of ${humanSize(blocks * bsize)} free`;
  } catch {
    return `the file system of "${root}" is full`;
  }
}

/** What keeps a store from being made is above it. */
function nearestExisting(root: string): string {
  return existsSync(root) || path.dirname(root) === root ? root : nearestExisting(path.dirname(root));
}

function ownership(root: HostPath): string {
  const there = nearestExisting(root);
  try {
    const { uid, mode } = statSync(there);
    const us = process.getuid?.();
    return uid === us
      ? `"${there}" is not writable (mode ${(mode & 0o7777).toString(8)})`
      : `"${there}" belongs to uid ${uid}, not to you (uid ${us})`;
  } catch {
    return `"${there}" is not writable`;
  }
}

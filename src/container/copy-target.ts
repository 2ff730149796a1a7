// Where a copy goes: Docker's rules for sources and destinations, the same in both directions. Pure functions.

import { RrunError } from '../errors.js';

/** What is copied. */
export interface CopySource {
  isDirectory: boolean;
  /** The path ended in "/.": what is in the directory, not the directory itself. */
  contentOnly: boolean;
  /** Last component; '' for the root. */
  name: string;
}

/** What is at the destination, symlinks resolved. */
export type Existing = 'directory' | 'other' | 'absent';

export interface CopyTarget {
  /** The destination is a directory that exists, and the copy goes into it; else into its parent. */
  into: 'destination' | 'parent';
  /** Name that the copy gets there; '' for what a directory contains, merged into the destination. */
  name: string;
}

/** `typed` is the destination as typed, `path` the same without a final slash or symlink. Throws where Docker does. */
export function chooseTarget(
  source: CopySource,
  typed: string,
  destination: { existing: Existing; name: string },
): CopyTarget {
  const fail = (why: string): RrunError => new RrunError('USAGE', `cannot copy to "${typed}": ${why}`);
  const wantsDirectory = /(^|\/)\.?$/.test(typed);
  if (destination.existing === 'directory') {
    return { into: 'destination', name: source.isDirectory && source.contentOnly ? '' : source.name };
  }
  if (destination.existing === 'other') {
    if (source.isDirectory) throw fail('cannot copy a directory to a file');
    if (wantsDirectory) throw fail('it is not a directory');
  } else if (!source.isDirectory && wantsDirectory) {
    throw fail('the destination directory must exist');
  }
  return { into: 'parent', name: destination.name };
}

/** Whether the path asks for the content of the directory. */
export function isContentPath(typed: string): boolean {
  return typed === '.' || typed.endsWith('/.');
}

/** Splits `CONTAINER:PATH`; undefined for a path of the host: absolute ones, those that begin with a dot, and those without a colon. */
export function parseContainerPath(typed: string): { container: string; path: string } | undefined {
  const colon = typed.indexOf(':');
  if (typed.startsWith('/') || typed.startsWith('.') || colon < 1) return undefined;
  return { container: typed.slice(0, colon), path: typed.slice(colon + 1) };
}

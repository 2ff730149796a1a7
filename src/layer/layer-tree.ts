// The tree of a layer while it is written: directories that exist, entries that replace others, whiteouts.
// This process has chrooted into it, so "/" is the layer and no path leads further.

import * as fs from 'node:fs';

import { FILE_TYPE, tryMknod } from '../sys/file.js';
import { trySetXattr } from '../sys/xattr.js';
import { memberInvalid, quoteName } from './layer-error.js';
import { joinPath, parentPath, systemPath } from './member-path.js';

/** Native overlay reads the first; fuse-overlayfs does since 1.8, and the second one always. */
const OPAQUE_XATTRS = ['user.overlay.opaque', 'user.fuseoverlayfs.opaque'] as const;
/** path_resolution(7): more links in a row are a loop. */
const MAX_LINKS = 40;

export class LayerTree {
  /** 'files': this file system has no device 0:0 or no attributes, so whiteouts are AUFS's .wh. files. */
  whiteouts: 'native' | 'files' = 'native';
  hasOpaque = false;
  /** Directories known to be real ones, not links to some. */
  readonly #dirs = new Set<string>(['']);
  /** Those that no member has listed yet. */
  readonly #implied = new Set<string>();
  /** What this layer has removed from those below. */
  readonly #hidden = new Set<string>();

  isDirectory(path: string): boolean {
    return this.#dirs.has(path);
  }

  impliedDirs(): string[] {
    return [...this.#implied].sort();
  }

  /** Makes an entry that is no directory by `make`, in the place of whatever this layer had there. */
  create(path: string, make: (place: string | Buffer) => void): void {
    const place = systemPath(path);
    this.#ensureDirectory(parentPath(path), path);
    this.#unhide(path);
    try {
      make(place);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      this.#remove(path);
      make(place);
    }
  }

  /** Makes a directory that a member lists; one that is there already stays, with what is in it. */
  makeDirectory(path: string, mode: number): void {
    this.#ensureDirectory(parentPath(path), path);
    if (!this.#dirs.has(path)) {
      const wasHidden = this.#unhide(path);
      if (!tryMkdir(path, mode) && !isRealDirectory(path)) {
        this.#remove(path);
        fs.mkdirSync(systemPath(path), mode);
      }
      this.#dirs.add(path);
      if (wasHidden) this.markOpaque(path);
    }
    this.#implied.delete(path);
  }

  /** Whiteout of `path`. It means the layers below only: what this layer itself has there stays (image-spec layer.md). */
  hide(path: string): void {
    this.#ensureDirectory(parentPath(path), path);
    const existing = fs.lstatSync(systemPath(path), { throwIfNoEntry: false });
    if (existing?.isDirectory() === true) this.markOpaque(path);
    if (existing !== undefined) return;
    this.#hidden.add(path);
    if (this.whiteouts === 'native' && tryMknod(systemPath(path), FILE_TYPE.character) === undefined) return;
    this.#writeMarker(whiteoutFile(path));
  }

  /** Hides everything that the layers below have in the directory. */
  markOpaque(path: string): void {
    this.#ensureDirectory(path, path);
    this.hasOpaque = true;
    const place = systemPath(path);
    if (
      this.whiteouts === 'native' &&
      OPAQUE_XATTRS.every((name) => trySetXattr(place, name, Buffer.from('y')) === undefined)
    )
      return;
    this.#writeMarker(joinPath(path, '.wh..wh..opq'));
  }

  #writeMarker(path: string): void {
    this.whiteouts = 'files';
    fs.writeFileSync(systemPath(path), '', { mode: 0o644 });
  }

  #unhide(path: string): boolean {
    if (!this.#hidden.delete(path)) return false;
    tryUnlink(path);
    if (this.whiteouts === 'files') tryUnlink(whiteoutFile(path));
    return true;
  }

  /** `member` is named in the error. */
  #ensureDirectory(path: string, member: string, links = 0): void {
    if (this.#dirs.has(path)) return;
    this.#ensureDirectory(parentPath(path), member, links);
    const wasHidden = this.#unhide(path);
    if (tryMkdir(path, 0o755)) {
      this.#dirs.add(path);
      if (wasHidden) this.markOpaque(path);
      else this.#implied.add(path);
    } else if (isRealDirectory(path)) {
      this.#dirs.add(path);
    } else {
      this.#ensureLinkTarget(path, member, links);
    }
  }

  /* A link to a directory is followed inside the layer, as Docker does; where the target is in a layer below, it is implied here. */
  #ensureLinkTarget(path: string, member: string, links: number): void {
    const place = systemPath(path);
    if (fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() === true) return;
    if (links >= MAX_LINKS || !fs.lstatSync(place).isSymbolicLink()) {
      throw memberInvalid(member, `its parent ${quoteName(path)} is no directory`);
    }
    const target = fs.readlinkSync(place, 'latin1');
    this.#ensureDirectory(resolveLink(parentPath(path), target), member, links + 1);
  }

  #remove(path: string): void {
    removeTree(path);
    if (!this.#dirs.has(path)) return;
    const below = `${path}/`;
    for (const set of [this.#dirs, this.#implied, this.#hidden]) {
      for (const entry of set) if (entry === path || entry.startsWith(below)) set.delete(entry);
    }
  }
}

export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function tryMkdir(path: string, mode: number): boolean {
  try {
    fs.mkdirSync(systemPath(path), mode);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function tryUnlink(path: string): void {
  try {
    fs.unlinkSync(systemPath(path));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function isRealDirectory(path: string): boolean {
  return fs.lstatSync(systemPath(path)).isDirectory();
}

/* By text, and ".." at the root stays there, as the kernel has it in a chroot. */
function resolveLink(parent: string, target: string): string {
  const parts = target.startsWith('/') || parent === '' ? [] : parent.split('/');
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function whiteoutFile(path: string): string {
  return joinPath(parentPath(path), `.wh.${path.slice(path.lastIndexOf('/') + 1)}`);
}

function removeTree(path: string): void {
  const place = systemPath(path);
  if (!fs.lstatSync(place).isDirectory()) {
    fs.unlinkSync(place);
    return;
  }
  for (const name of fs.readdirSync(place, 'latin1')) removeTree(joinPath(path, name));
  fs.rmdirSync(place);
}

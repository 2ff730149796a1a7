// Reads a file of an image from its layer directories, without mounting them: /etc/passwd and /etc/group, to learn ids by name.
// The directories hold foreign content: no symlink is ever followed by the kernel, all are resolved inside of the stack.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';

import { RrunError } from '../errors.js';
import { tryLoadTreeRecord } from '../layer/layer-record.js';
import { getXattr } from '../sys/xattr.js';

/** As the kernel (path_resolution(7)). */
const SYMLINKS_MAX = 40;
/** More than any passwd file needs; a larger one is not read. */
const SIZE_MAX = 4 << 20;

/** A directory of one layer. */
interface LayerDir {
  path: string;
  /** It and those in it may hide what is below. Known by layer, since asking a directory for its attribute loads koffi. */
  mayHide: boolean;
}

/** A directory of the merged tree: those of the layers that make it up, the topmost first. */
type MergedDir = readonly LayerDir[];

/**
 * Text of `file` (absolute inside of the rootfs) in the stack `layers`, the topmost first. Undefined where there is none, where it is no
 * regular file and where the caller may not read it: what is looked up by id then needs no file.
 */
export function tryReadStackFile(layers: readonly string[], file: string): string | undefined {
  const root: MergedDir = layers.map((tree, index) => ({
    path: tree,
    mayHide: index < layers.length - 1 && hasOpaque(tree),
  }));
  const stack: MergedDir[] = [root];
  const todo = file.split('/').filter(Boolean);
  let symlinks = 0;
  while (todo.length > 0) {
    const name = todo.shift() ?? '';
    const here = stack.at(-1) ?? root;
    if (name === '.' || name === '') continue;
    if (name === '..') {
      if (stack.length > 1) stack.pop();
      continue;
    }
    const found = lookUp(here, name);
    if (found === undefined) return undefined;
    if (found.stats.isSymbolicLink()) {
      if (++symlinks > SYMLINKS_MAX) return undefined;
      const target = readlinkSync(found.path);
      if (target.startsWith('/')) stack.splice(1);
      todo.unshift(...target.split('/').filter(Boolean));
    } else if (found.stats.isDirectory()) {
      stack.push(found.dirs);
    } else {
      return todo.length === 0 && found.stats.isFile() ? tryReadFile(found.path) : undefined;
    }
  }
  return undefined;
}

/** Whether directories of a layer may be opaque; a tree that is not ours may have anything. */
function hasOpaque(tree: string): boolean {
  return tryLoadTreeRecord(tree)?.hasOpaque ?? true;
}

interface Found {
  path: string;
  stats: Stats;
  /** For a directory: those of all layers that are merged in it. */
  dirs: LayerDir[];
}

/** `name` in a merged directory: the topmost entry decides; only directories are merged, down to the first whiteout or file. */
function lookUp(here: MergedDir, name: string): Found | undefined {
  let top: Found | undefined;
  for (const { path: dir, mayHide } of here) {
    const candidate = path.join(dir, name);
    const stats = tryLstat(candidate);
    if (stats === undefined) {
      if (existsSync(path.join(dir, `.wh.${name}`))) break;
      continue;
    }
    if (stats === 'unreadable' || isWhiteout(stats)) break;
    if (top === undefined) top = { path: candidate, stats, dirs: [] };
    if (!stats.isDirectory()) break;
    if (top.stats.isDirectory()) top.dirs.push({ path: candidate, mayHide });
    if (mayHide && isOpaque(candidate)) break;
  }
  return top;
}

/** Overlay's own form: a character device 0/0 (kernel, filesystems/overlayfs.rst). */
function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}

/** Whether a directory hides those below it, in either form. */
function isOpaque(dir: string): boolean {
  if (existsSync(path.join(dir, '.wh..wh..opq'))) return true;
  try {
    return getXattr(dir, 'user.overlay.opaque')?.toString() === 'y';
  } catch (error) {
    if (error instanceof RrunError) return false; // unreadable: what is below is as good an answer as none
    throw error;
  }
}

function tryLstat(file: string): Stats | 'unreadable' | undefined {
  try {
    return lstatSync(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'unreadable';
  }
}

function tryReadFile(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(fd);
    return stats.isFile() && stats.size <= SIZE_MAX ? readFileSync(fd, 'utf8') : undefined;
  } finally {
    closeSync(fd);
  }
}

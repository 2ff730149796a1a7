// Copies layers one over the other into a directory: what the vfs driver mounts. Owners may be shifted on the way. Paths are
// byte strings (layer/member-path.ts) relative to the root directory of this process.

import * as fs from 'node:fs';

import { joinPath, systemPath } from '../layer/member-path.js';
import { FILE_TYPE, setTimes, tryMknod } from '../sys/file.js';
import { getXattr, listXattrs, trySetXattr } from '../sys/xattr.js';
import type { IdShift, Shift } from './shift.js';

const WHITEOUT_FILE = '.wh.';
const OPAQUE_FILE = '.wh..wh..opq';
/** How overlay file systems mark things; the copy has no use for it. */
const CONTROL_XATTR = /^user\.(?:overlay|fuseoverlayfs)\./;
const PIECE = 1 << 20;

export class LayerCopier {
  readonly #shift: Shift | undefined;
  /** First copy of a file with several links, by device and inode. */
  readonly #links = new Map<string, string>();
  #implied: ReadonlySet<string> = new Set();
  #tree = '';

  constructor(shift?: Shift) {
    this.#shift = shift;
  }

  /** Lays the tree of one layer over what is in `target`. */
  copy(tree: string, target: string, implied: ReadonlySet<string>): void {
    this.#implied = implied;
    this.#tree = tree;
    this.#links.clear();
    this.#copyInto(tree, target);
  }

  /** Gives the root directory of the copy to root of the image. */
  ownRoot(target: string): void {
    const place = systemPath(target);
    const mode = fs.lstatSync(place).mode & 0o7777;
    fs.lchownSync(place, shifted(this.#shift?.uid, 0), shifted(this.#shift?.gid, 0));
    fs.chmodSync(place, mode);
  }

  #copyInto(from: string, to: string): void {
    for (const name of fs.readdirSync(systemPath(from), 'latin1')) {
      const target = joinPath(to, name);
      if (name === OPAQUE_FILE) continue;
      if (name.startsWith(WHITEOUT_FILE)) remove(joinPath(to, name.slice(WHITEOUT_FILE.length)));
      else this.#entry(joinPath(from, name), target);
    }
  }

  #entry(from: string, to: string): void {
    const stats = fs.lstatSync(systemPath(from), { bigint: true });
    if (stats.isDirectory()) {
      this.#directory(from, to, stats);
      return;
    }
    remove(to);
    if (stats.isCharacterDevice()) return; // overlay's whiteout; a layer holds no other devices
    const first = stats.nlink > 1n ? this.#links.get(`${stats.dev}:${stats.ino}`) : undefined;
    if (first !== undefined) {
      fs.linkSync(systemPath(first), systemPath(to));
      return;
    }
    if (stats.isFile()) copyFile(from, to, stats);
    else if (stats.isSymbolicLink())
      fs.symlinkSync(fs.readlinkSync(systemPath(from), 'buffer') as unknown as string, systemPath(to));
    else if (stats.isFIFO()) tryMknod(systemPath(to), FILE_TYPE.fifo | 0o600);
    else return; // a socket is of no use to another process
    if (stats.nlink > 1n) this.#links.set(`${stats.dev}:${stats.ino}`, to);
    this.#attributes(from, to, stats);
  }

  #directory(from: string, to: string, stats: fs.BigIntStats): void {
    const existing = fs.lstatSync(systemPath(to), { throwIfNoEntry: false });
    const stays = existing?.isDirectory() === true && !isOpaque(from);
    if (existing !== undefined && !stays) remove(to);
    if (!stays) fs.mkdirSync(systemPath(to), 0o700);
    this.#copyInto(from, to);
    if (stays && this.#implied.has(from.slice(this.#tree.length + 1))) return;
    this.#attributes(from, to, stats);
  }

  /* Owner first: chown clears the setuid bits and security.capability. Times last. */
  #attributes(from: string, to: string, stats: fs.BigIntStats): void {
    const [source, place] = [systemPath(from), systemPath(to)];
    fs.lchownSync(place, shifted(this.#shift?.uid, Number(stats.uid)), shifted(this.#shift?.gid, Number(stats.gid)));
    if (!stats.isSymbolicLink()) fs.chmodSync(place, Number(stats.mode & 0o7777n));
    for (const name of listXattrs(source)) {
      if (CONTROL_XATTR.test(name.toString('latin1'))) continue;
      const value = getXattr(source, name);
      if (value !== undefined) trySetXattr(place, name, value);
    }
    setTimes(place, {
      seconds: Number(stats.mtimeNs / 1_000_000_000n),
      nanoseconds: Number(stats.mtimeNs % 1_000_000_000n),
    });
  }
}

function shifted(shift: IdShift | undefined, id: number): number {
  if (shift === undefined) return id;
  const found = shift.find(({ onDisk, size }) => id >= onDisk && id < onDisk + size);
  return found === undefined ? id : found.presented + id - found.onDisk;
}

function isOpaque(directory: string): boolean {
  if (getXattr(systemPath(directory), 'user.overlay.opaque')?.toString() === 'y') return true;
  return fs.lstatSync(systemPath(joinPath(directory, OPAQUE_FILE)), { throwIfNoEntry: false }) !== undefined;
}

/** rm -rf; links are not followed. */
function remove(path: string): void {
  const stats = fs.lstatSync(systemPath(path), { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    fs.unlinkSync(systemPath(path));
    return;
  }
  for (const name of fs.readdirSync(systemPath(path), 'latin1')) remove(joinPath(path, name));
  fs.rmdirSync(systemPath(path));
}

function copyFile(from: string, to: string, stats: fs.BigIntStats): void {
  if (stats.blocks * 512n < stats.size) copySparse(from, to, Number(stats.size));
  // A reflink where the file system can (btrfs, XFS), else a plain copy.
  else fs.copyFileSync(systemPath(from), systemPath(to), fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
}

/* Blocks of zeros become holes. */
function copySparse(from: string, to: string, size: number): void {
  const source = fs.openSync(systemPath(from), 'r');
  const target = fs.openSync(systemPath(to), 'wx', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(PIECE);
    for (let at = 0; ;) {
      const read = fs.readSync(source, buffer, 0, PIECE, at);
      if (read === 0) break;
      writeUnlessZero(target, buffer.subarray(0, read), at);
      at += read;
    }
    fs.ftruncateSync(target, size);
  } finally {
    fs.closeSync(source);
    fs.closeSync(target);
  }
}

const BLOCK = 4096;
const zeros = Buffer.alloc(BLOCK);

function writeUnlessZero(fd: number, piece: Buffer, position: number): void {
  for (let at = 0; at < piece.length; at += BLOCK) {
    const block = piece.subarray(at, at + BLOCK);
    if (!block.equals(zeros.subarray(0, block.length))) fs.writeSync(fd, block, 0, block.length, position + at);
  }
}

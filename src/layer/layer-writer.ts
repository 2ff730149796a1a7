// Writes the members of a layer: types, data, owners, modes, attributes, times, in the order that the kernel wants.
// This process has chrooted into the empty new layer (layer-tree.ts).

import * as fs from 'node:fs';

import { RrunError } from '../errors.js';
import { FILE_TYPE, setFileTimes, setTimes, tryMknod, type Timestamp } from '../sys/file.js';
import { trySetXattr } from '../sys/xattr.js';
import { FULL_HINT, memberInvalid, quoteName } from './layer-error.js';
import { errnoOf, LayerTree } from './layer-tree.js';
import { classifyMember, cleanPath, systemPath } from './member-path.js';
import type { OwnerCheck } from './ownership.js';
import type { TarMember } from './tar-member.js';
import type { TarSink } from './tar-reader.js';

export interface WriterLimits {
  /** Bytes of all files together; and of one, holes included. */
  totalBytes: number;
  members: number;
}

/** More than the largest published images by far; a bomb is stopped here. */
export const LIMITS: WriterLimits = { totalBytes: 64 * 2 ** 30, members: 8_000_000 };

/** What layer.json tells of the tree. */
export interface LayerFacts {
  sizeBytes: number;
  entries: number;
  /** Directories that no member lists but members lie in, as byte strings; they take after the layer below. */
  impliedDirs: string[];
  /** Whether the root directory itself is a member. */
  rootListed: boolean;
  skippedDevices: number;
  skippedXattrs: number;
  /** 'files': the whiteouts are .wh. files, which native overlay does not read. */
  whiteouts: 'native' | 'files';
  /** Whether any directory hides what lies below it. */
  hasOpaque: boolean;
}

interface OpenFile {
  fd: number;
  member: TarMember;
  path: string;
  /** Of a sparse file: the region being written, and how much of it is there. */
  region: number;
  done: number;
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const SPECIAL_BITS = 0o7000;
const S_ISGID = 0o2000;

/** Attributes by which overlay file systems steer; an image must not set them. */
const CONTROL_XATTR = /^(?:user|trusted)\.(?:overlay|fuseoverlayfs|containers)\./;
/** How the kernel says that there are no such attributes here, or that they are not for us. */
const XATTR_REFUSED = new Set(['ENOTSUP', 'EPERM', 'EACCES', 'EINVAL']);

export class LayerWriter implements TarSink {
  readonly #tree = new LayerTree();
  readonly #owners: OwnerCheck | undefined;
  readonly #limits: WriterLimits;
  readonly #dirTimes = new Map<string, Timestamp>();
  readonly #counts = { entries: 0, sizeBytes: 0, skippedDevices: 0, skippedXattrs: 0, rootListed: false };
  /** A directory with the setgid bit hands on its group and the bit: from then on every owner and mode is set. */
  #setgidSeen = false;
  #file: OpenFile | undefined;

  /** Without `owners`, everything stays with the caller (a single mapped id). */
  constructor(owners: OwnerCheck | undefined, limits: WriterLimits = LIMITS) {
    this.#owners = owners;
    this.#limits = limits;
  }

  /** To be called when all members are there. */
  finish(): LayerFacts {
    // Only now: making an entry changes the times of its directory.
    for (const [path, time] of this.#dirTimes) if (this.#tree.isDirectory(path)) setDirectoryTimes(path, time);
    return {
      ...this.#counts,
      impliedDirs: this.#tree.impliedDirs(),
      whiteouts: this.#tree.whiteouts,
      hasOpaque: this.#tree.hasOpaque,
    };
  }

  member(member: TarMember): void {
    this.#counts.entries++;
    this.#counts.sizeBytes += member.sizeBytes;
    this.#checkLimits(member);
    explained(member, () => {
      const path = cleanPath(member.name);
      const role = classifyMember(path);
      if (role.kind === 'entry') this.#entry(member, path);
      else if (role.kind === 'whiteout') this.#tree.hide(role.hides);
      else if (role.kind === 'opaque') this.#tree.markOpaque(role.directory);
    });
  }

  data(piece: Buffer): void {
    const file = this.#file;
    if (file === undefined) return; // whiteouts may have a body too
    explained(file.member, () => {
      if (Array.isArray(file.member.sparse)) writeSparse(file, file.member.sparse, piece);
      else writeAll(file.fd, piece, null);
    });
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    try {
      explained(file.member, () => {
        this.#finishFile(file);
      });
    } finally {
      fs.closeSync(file.fd);
    }
  }

  #checkLimits(member: TarMember): void {
    const { members, totalBytes } = this.#limits;
    if (this.#counts.entries > members) throw memberInvalid(member.name, `the layer has more than ${members} members`);
    if (this.#counts.sizeBytes > totalBytes || member.realSizeBytes > totalBytes) {
      throw memberInvalid(member.name, `the layer has more than ${totalBytes} bytes`);
    }
  }

  #entry(member: TarMember, path: string): void {
    if (path === '' && member.type !== 'directory')
      throw memberInvalid(member.name, 'it is in the place of the root directory');
    this.#owners?.verify(path, member.uid, member.gid);
    switch (member.type) {
      case 'directory':
        this.#directory(member, path);
        break;
      case 'file':
        this.#tree.create(path, (place) => {
          this.#file = { fd: fs.openSync(place, CREATE, member.mode & 0o777), member, path, region: 0, done: 0 };
        });
        break;
      case 'symlink':
        this.#tree.create(path, (place) => {
          fs.symlinkSync(linkTarget(member), place);
        });
        this.#finishByPath(member, systemPath(path));
        break;
      case 'link':
        this.#hardLink(member, path);
        break;
      case 'fifo':
        this.#tree.create(path, makeFifo);
        this.#finishByPath(member, systemPath(path));
        break;
      case 'character':
      case 'block':
        // Not even tried: a user namespace may make no devices but 0:0, and that would be a whiteout in disguise.
        this.#counts.skippedDevices++;
    }
  }

  #directory(member: TarMember, path: string): void {
    if (path === '') this.#counts.rootListed = true;
    else this.#tree.makeDirectory(path, member.mode);
    const place = systemPath(path);
    if (this.#mustChown(member)) fs.lchownSync(place, member.uid, member.gid);
    fs.chmodSync(place, member.mode);
    if ((member.mode & S_ISGID) !== 0) this.#setgidSeen = true;
    this.#setXattrs(place, member);
    this.#dirTimes.set(path, member.mtime);
  }

  #finishFile({ fd, member, path }: OpenFile): void {
    if (member.sparse !== undefined) fs.ftruncateSync(fd, member.realSizeBytes);
    const mustChown = this.#mustChown(member);
    if (mustChown) fs.fchownSync(fd, member.uid, member.gid);
    // After chown and write, which clear these bits; the plain ones were exact at open(2), the umask being 0.
    if (mustChown || (member.mode & SPECIAL_BITS) !== 0) fs.fchmodSync(fd, member.mode);
    // After chown and write as well, which clear security.capability.
    this.#setXattrs(systemPath(path), member);
    setFileTimes(fd, member.mtime);
  }

  #finishByPath(member: TarMember, place: string | Buffer): void {
    if (this.#mustChown(member)) fs.lchownSync(place, member.uid, member.gid);
    if (member.type === 'fifo') fs.chmodSync(place, member.mode);
    this.#setXattrs(place, member);
    setTimes(place, member.mtime);
  }

  #hardLink(member: TarMember, path: string): void {
    const target = cleanPath(member.linkName);
    if (target === path) throw memberInvalid(member.name, 'it is a hard link to itself');
    try {
      this.#tree.create(path, (place) => {
        fs.linkSync(systemPath(target), place);
      });
    } catch (error) {
      // EPERM: link(2) refuses directories so.
      if (!['ENOENT', 'ENOTDIR', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
      throw memberInvalid(member.name, `its link target ${quoteName(member.linkName)} is no file of this layer`, {
        cause: error,
      });
    }
  }

  #mustChown(member: TarMember): boolean {
    return this.#owners !== undefined && (member.uid !== 0 || member.gid !== 0 || this.#setgidSeen);
  }

  #setXattrs(place: string | Buffer, member: TarMember): void {
    for (const [name, value] of member.xattrs) {
      if (CONTROL_XATTR.test(name)) continue;
      const errno = trySetXattr(place, Buffer.from(name, 'latin1'), value);
      if (errno === undefined) continue;
      if (!XATTR_REFUSED.has(errno)) throw new RrunError('SYSCALL', memberFailed(member, 'lsetxattr', errno));
      this.#counts.skippedXattrs++;
    }
  }
}

function makeFifo(place: string | Buffer): void {
  const errno = tryMknod(place, FILE_TYPE.fifo | 0o600);
  if (errno !== undefined) throw Object.assign(new Error(`mknodat: ${errno}`), { code: errno, syscall: 'mknodat' });
}

function linkTarget(member: TarMember): string {
  if (member.linkName === '') throw memberInvalid(member.name, 'it is a symbolic link to nothing');
  if (member.linkName.includes('\0')) throw memberInvalid(member.name, 'its link target contains NUL');
  // Node takes bytes here too, its types do not say so.
  return Buffer.from(member.linkName, 'latin1') as unknown as string;
}

function setDirectoryTimes(path: string, time: Timestamp): void {
  setTimes(systemPath(path), time);
}

function writeAll(fd: number, piece: Buffer, position: number | null): void {
  for (let done = 0; done < piece.length;) {
    done += fs.writeSync(fd, piece, done, piece.length - done, position === null ? null : position + done);
  }
}

function writeSparse(file: OpenFile, regions: number[], piece: Buffer): void {
  for (let at = 0; at < piece.length;) {
    const [offset = 0, length = 0] = regions.slice(file.region, file.region + 2);
    const size = Math.min(length - file.done, piece.length - at);
    writeAll(file.fd, piece.subarray(at, at + size), offset + file.done);
    at += size;
    file.done += size;
    if (file.done === length) {
      file.region += 2;
      file.done = 0;
    }
  }
}

/** What the kernel refuses, told as a failure of the member. */
function explained(member: TarMember, action: () => void): void {
  try {
    action();
  } catch (error) {
    const errno = errnoOf(error);
    if (error instanceof RrunError && error.code !== 'SYSCALL') throw error;
    if (errno === undefined) throw error;
    throw kernelRefused(member, errno, error);
  }
}

function kernelRefused(member: TarMember, errno: string, cause: unknown): RrunError {
  const syscall = cause instanceof Error && 'syscall' in cause ? String(cause.syscall) : 'write';
  const message = memberFailed(member, syscall, errno);
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new RrunError('STORE_FULL', message, { cause, hint: FULL_HINT });
    case 'ENAMETOOLONG':
    case 'ELOOP':
    case 'ENOTDIR':
    case 'ENOENT':
      return new RrunError('LAYER_INVALID', message, { cause });
    default:
      return new RrunError('SYSCALL', message, { cause });
  }
}

function memberFailed(member: TarMember, syscall: string, errno: string): string {
  return `cannot apply layer member ${quoteName(member.name)}: ${syscall}: ${errno}`;
}

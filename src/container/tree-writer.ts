// Members of a tar stream as files below a directory. What exists is replaced, but no file by a directory or the other way round; symlinks
// that are in the way are never followed. Synchronous: a TarReader's sink, and after chroot no thread of a pool may be started.

import * as fs from 'node:fs';

import { RrunError, SyscallError } from '../errors.js';
import { cleanPath } from '../layer/member-path.js';
import type { TarMember } from '../layer/tar-member.js';
import type { TarSink } from '../layer/tar-reader.js';
import { FILE_TYPE, setFileTimes, setTimes, tryMknod, type Timestamp } from '../sys/file.js';
import type { Directory } from './directory.js';

export interface WriteOptions {
  /** The topmost name in the archive and what it is to be called; '' merges what is in it. Undefined: names stay as they are. */
  rename?: { from: string; to: string };
  /** Ids to give; undefined: those of this process. */
  owner?: (member: TarMember) => { uid: number; gid: number };
  /** Keep setuid and setgid bits. */
  specialBits: boolean;
}

interface OpenFile {
  fd: number;
  member: TarMember;
  /** Where the next bytes go, and of a sparse file the stored region they are in. */
  position: number;
  region: number;
  left: number;
}

interface FinishedDirectory {
  parts: string[];
  mode: number;
  mtime: Timestamp;
}

const CREATE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;
const IN_PLACE = fs.constants.O_WRONLY | fs.constants.O_TRUNC | fs.constants.O_NOFOLLOW;

export class TreeWriter implements TarSink {
  readonly #base: Directory;
  readonly #options: WriteOptions;
  /** Directories from the base to where the last member went, by name. */
  readonly #open: { name: string; directory: Directory }[] = [];
  readonly #directories: FinishedDirectory[] = [];
  #file: OpenFile | undefined;
  /** Of all files. */
  bytes = 0;
  /** Devices, which only root of the host may make. */
  skipped = 0;

  constructor(base: Directory, options: WriteOptions) {
    this.#base = base;
    this.#options = options;
  }

  member(member: TarMember): void {
    const parts = this.#partsOf(member.name);
    const name = parts.at(-1);
    if (name === undefined) return; // the directory that is merged into stays as it is
    const parent = this.#enter(parts.slice(0, -1));
    if (member.type === 'directory') this.#makeDirectory(parent, parts, member);
    else this.#makeOther(parent, name, member);
  }

  data(piece: Buffer): void {
    const file = this.#file;
    if (file === undefined) return;
    for (let at = 0; at < piece.length;) {
      while (file.left === 0 && nextRegion(file));
      const size = fs.writeSync(file.fd, piece, at, Math.min(piece.length - at, file.left), file.position);
      file.position += size;
      file.left -= size;
      at += size;
    }
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    try {
      if (file.member.sparse !== undefined) fs.ftruncateSync(file.fd, file.member.realSizeBytes);
      const owner = this.#options.owner?.(file.member);
      if (owner !== undefined) giveTo(file.member, owner, () => fs.fchownSync(file.fd, owner.uid, owner.gid));
      fs.fchmodSync(file.fd, this.#mode(file.member));
      setFileTimes(file.fd, file.member.mtime);
    } finally {
      fs.closeSync(file.fd);
    }
  }

  /** To be called at the end: modes and times of directories, which making entries would change or forbid. */
  finish(): void {
    for (const { parts, mode, mtime } of this.#directories.reverse()) {
      const name = parts.at(-1) ?? '.';
      const path = this.#enter(parts.slice(0, -1)).path(name);
      fs.chmodSync(path, mode);
      setTimes(path, mtime);
    }
    this.close();
  }

  /** Lets go of what is open; also where the stream broke off. */
  close(): void {
    if (this.#file !== undefined) fs.closeSync(this.#file.fd);
    this.#file = undefined;
    while (this.#open.length > 0) this.#open.pop()?.directory.close();
  }

  #partsOf(name: string): string[] {
    const parts = cleanPath(name).split('/').filter(Boolean);
    const { rename } = this.#options;
    if (rename === undefined) return parts;
    if (parts[0] !== rename.from)
      throw new RrunError('LAYER_UNSAFE', `cannot copy "${text(name)}": it is outside of what was asked for`);
    return rename.to === '' ? parts.slice(1) : [rename.to, ...parts.slice(1)];
  }

  /** Opens the directory below the base, keeping what it has in common with the last one; makes what an archive does not list. */
  #enter(parts: readonly string[]): Directory {
    let common = 0;
    while (common < parts.length && this.#open[common]?.name === parts[common]) common++;
    while (this.#open.length > common) this.#open.pop()?.directory.close();
    for (const name of parts.slice(common)) {
      const parent = this.#current();
      makeIfAbsent(parent.path(name));
      this.#open.push({ name, directory: openDirectory(parent, name) });
    }
    return this.#current();
  }

  #current(): Directory {
    return this.#open.at(-1)?.directory ?? this.#base;
  }

  #makeDirectory(parent: Directory, parts: string[], member: TarMember): void {
    const name = parts.at(-1) ?? '';
    const path = parent.path(name);
    const existing = fs.lstatSync(path, { throwIfNoEntry: false });
    if (existing === undefined) fs.mkdirSync(path, { mode: 0o700 });
    else if (!existing.isDirectory()) throw inTheWay(member, 'a file', 'a directory');
    const owner = this.#options.owner?.(member);
    if (owner !== undefined) giveTo(member, owner, () => fs.lchownSync(path, owner.uid, owner.gid));
    this.#directories.push({ parts, mode: this.#mode(member), mtime: member.mtime });
  }

  #makeOther(parent: Directory, name: string, member: TarMember): void {
    const path = parent.path(name);
    const existing = fs.lstatSync(path, { throwIfNoEntry: false });
    if (existing?.isDirectory() === true) throw inTheWay(member, 'a directory', 'something else');
    const busy = existing !== undefined && !tryUnlink(path);
    if (member.type === 'file') {
      this.#file = {
        fd: fs.openSync(path, busy ? IN_PLACE : CREATE, 0o600),
        member,
        position: 0,
        region: 0,
        left: firstLength(member),
      };
      this.bytes += member.sizeBytes;
      return;
    }
    if (busy) throw inTheWay(member, 'a mount point', 'something else');
    if (member.type === 'link') this.#makeLink(name, member, parent);
    else this.#makeSpecial(path, member);
  }

  #makeSpecial(path: Buffer, member: TarMember): void {
    if (member.type === 'symlink') {
      fs.symlinkSync(Buffer.from(member.linkName, 'latin1'), path);
    } else {
      const type = member.type === 'character' || member.type === 'block' ? member.type : 'fifo';
      const problem = tryMknod(path, FILE_TYPE[type] | this.#mode(member), member.major, member.minor);
      if (problem === 'EPERM') {
        this.skipped += 1;
        return;
      }
      if (problem !== undefined) throw new SyscallError(`copy "${text(member.name)}"`, 'mknod', problem);
    }
    const owner = this.#options.owner?.(member);
    if (owner !== undefined) giveTo(member, owner, () => fs.lchownSync(path, owner.uid, owner.gid));
    if (member.type !== 'symlink') fs.chmodSync(path, this.#mode(member));
    setTimes(path, member.mtime);
  }

  /** A second name of a file that came before. Its directory is opened on the way down from the base again. */
  #makeLink(name: string, member: TarMember, parent: Directory): void {
    const parts = this.#partsOf(member.linkName);
    const opened: Directory[] = [];
    try {
      for (const part of parts.slice(0, -1)) opened.push(openDirectory(opened.at(-1) ?? this.#base, part));
      fs.linkSync((opened.at(-1) ?? this.#base).path(parts.at(-1) ?? '.'), parent.path(name));
    } finally {
      for (const directory of opened) directory.close();
    }
  }

  #mode({ mode }: TarMember): number {
    return this.#options.specialBits ? mode & 0o7777 : mode & 0o1777;
  }
}

function giveTo(member: TarMember, { uid, gid }: { uid: number; gid: number }, change: () => void): void {
  try {
    change();
  } catch (error) {
    // chown(2) in a user namespace that does not map the id.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    throw new RrunError(
      'IDMAP_UNAVAILABLE',
      `cannot copy "${text(member.name)}": its owner ${uid}:${gid} does not exist in the container`,
      { cause: error },
    );
  }
}

/** Bytes of the first stored region; all, where the file has no holes. */
function firstLength({ sparse, sizeBytes }: TarMember): number {
  return Array.isArray(sparse) ? 0 : sizeBytes;
}

/** Goes on to the next stored region of a sparse file; false when there is none. */
function nextRegion(file: OpenFile): boolean {
  const { sparse } = file.member;
  const offset = Array.isArray(sparse) ? sparse[2 * file.region] : undefined;
  const length = Array.isArray(sparse) ? sparse[2 * file.region + 1] : undefined;
  if (offset === undefined || length === undefined)
    throw new Error('bug: more data than the regions of a sparse file hold');
  file.region += 1;
  file.position = offset;
  file.left = length;
  return true;
}

function openDirectory(parent: Directory, name: string): Directory {
  try {
    return parent.open(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
    throw new RrunError('CONFIG_INVALID', `cannot copy into "${text(name)}": it is no directory`, { cause: error });
  }
}

function makeIfAbsent(path: Buffer): void {
  try {
    fs.mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** False for what is mounted on (/etc/hosts of a running container): that can only be written in place. */
function tryUnlink(path: Buffer): boolean {
  try {
    fs.unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

function inTheWay(member: TarMember, existing: string, wanted: string): RrunError {
  return new RrunError(
    'CONFIG_INVALID',
    `cannot copy "${text(member.name)}": ${existing} is in its place, which is not replaced by ${wanted}`,
  );
}

function text(name: string): string {
  return Buffer.from(name, 'latin1').toString();
}

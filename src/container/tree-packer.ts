// A file or directory tree as a tar stream. Synchronous, so that it works after chroot, where no thread of a pool may be started.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statfsSync,
  type BigIntStats,
} from 'node:fs';

import { RrunError } from '../errors.js';
import type { MemberType } from '../layer/tar-member.js';
import type { Directory } from './directory.js';
import { encodeMember, endOfArchive, padding, type EncodedMember } from './tar-encode.js';

export interface PackOptions {
  /** Name of the topmost member; those below follow with a slash. */
  rootName: string;
  /** Ids to say instead of those on disk. */
  owner?: (ids: Ids) => Ids;
}

export interface Ids {
  uid: number;
  gid: number;
}

const CHUNK = 256 * 1024;
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** The entry `name` of `parent` and all below, then the end of the archive. Each piece is a buffer of its own. */
export function* packTree(parent: Directory, name: string, options: PackOptions): Generator<Buffer> {
  yield* packEntry(parent, name, {
    archived: options.rootName,
    links: new Map(),
    owner: options.owner ?? ((ids) => ids),
  });
  yield endOfArchive();
}

interface Walk {
  /** Name in the archive. */
  archived: string;
  /** Where a file with several names was put first, by device and inode. */
  links: Map<string, string>;
  owner: (ids: Ids) => Ids;
  /** That of the directory above; undefined for the topmost entry, which was asked for whatever it is. */
  device?: bigint;
}

/** linux/magic.h: proc, sysfs, cgroup, cgroup2, devpts, mqueue, securityfs, debugfs, tracefs, bpf. */
const PSEUDO: ReadonlySet<number> = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x73636673, 0x64626720, 0x74726163, 0xcafe4a11,
]);

function* packEntry(parent: Directory, name: string, walk: Walk): Generator<Buffer> {
  const path = parent.path(name);
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // Removed while we walk: as if it had never been there.
  if (found === undefined) return;
  if (found.isFile()) {
    yield* packFile(path, walk);
  } else if (found.isDirectory()) {
    yield* packDirectory(parent, name, walk);
  } else {
    const type = typeOf(found);
    if (type === undefined) return; // sockets have no form in an archive
    yield encodeMember({
      ...memberOf(found, type, walk),
      linkName: type === 'symlink' ? readlinkSync(path, 'latin1') : '',
    });
  }
}

function* packDirectory(parent: Directory, name: string, walk: Walk): Generator<Buffer> {
  const directory = parent.open(name);
  try {
    const self = directory.path('.');
    const found = lstatSync(self, { bigint: true });
    yield encodeMember(memberOf(found, 'directory', walk));
    // What the kernel makes up is nobody's files, has no end in part, and is closed in part.
    if (walk.device !== undefined && found.dev !== walk.device && PSEUDO.has(statfsSync(self).type)) return;
    for (const entry of readdirSync(self, 'latin1').sort()) {
      yield* packEntry(directory, entry, { ...walk, archived: `${walk.archived}/${entry}`, device: found.dev });
    }
  } finally {
    directory.close();
  }
}

function* packFile(path: Buffer, walk: Walk): Generator<Buffer> {
  const { archived, links } = walk;
  const fd = openSync(path, READ_FLAGS);
  try {
    // Looked at again, now that nobody can swap it.
    const found = fstatSync(fd, { bigint: true });
    if (!found.isFile()) throw changed(archived, 'it is no regular file any more');
    const key = `${found.dev}:${found.ino}`;
    const first = links.get(key);
    if (first !== undefined) {
      yield encodeMember({ ...memberOf(found, 'link', walk), linkName: first });
      return;
    }
    if (found.nlink > 1n) links.set(key, archived);
    const member = { ...memberOf(found, 'file', walk), sizeBytes: Number(found.size) };
    yield encodeMember(member);
    yield* readAll(fd, member);
    yield padding(member.sizeBytes);
  } finally {
    closeSync(fd);
  }
}

/** As many bytes as the header says, however the file grows. */
function* readAll(fd: number, { sizeBytes, name }: EncodedMember): Generator<Buffer> {
  for (let left = sizeBytes; left > 0;) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left));
    const size = readSync(fd, chunk);
    if (size === 0) throw changed(name, `it shrank by ${left} bytes`);
    left -= size;
    yield chunk.subarray(0, size);
  }
}

function memberOf(found: BigIntStats, type: MemberType, { archived, owner }: Walk): EncodedMember {
  const device = found.rdev;
  return {
    type,
    name: archived,
    linkName: '',
    mode: Number(found.mode) & 0o7777,
    ...owner({ uid: Number(found.uid), gid: Number(found.gid) }),
    mtime: timestamp(found.mtimeNs),
    sizeBytes: 0,
    // makedev(3)
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & ~0xffn)),
  };
}

const SECOND = 1_000_000_000n;

/** Nanoseconds count upwards also before 1970, as in the kernel. */
function timestamp(ns: bigint): EncodedMember['mtime'] {
  const nanoseconds = ((ns % SECOND) + SECOND) % SECOND;
  return { seconds: Number((ns - nanoseconds) / SECOND), nanoseconds: Number(nanoseconds) };
}

function typeOf(found: BigIntStats): MemberType | undefined {
  if (found.isSymbolicLink()) return 'symlink';
  if (found.isCharacterDevice()) return 'character';
  if (found.isBlockDevice()) return 'block';
  return found.isFIFO() ? 'fifo' : undefined;
}

function changed(name: string, why: string): RrunError {
  return new RrunError(
    'CONFIG_INVALID',
    `cannot copy "${Buffer.from(name, 'latin1').toString()}": it changed while it was read: ${why}`,
  );
}

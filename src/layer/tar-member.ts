// A member of an archive, put together from its header and the extended headers before it.

import type { Timestamp } from '../sys/file.js';
import { memberInvalid } from './layer-error.js';
import type { TarHeader } from './tar-header.js';
import { paxNumber, paxTime, type PaxRecords } from './tar-pax.js';
import { paxRegions } from './tar-sparse.js';

export type MemberType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

/** One member. Names are byte strings (see member-path.ts), as the archive has them. */
export interface TarMember {
  type: MemberType;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: Timestamp;
  /** Bytes that follow as data(). */
  sizeBytes: number;
  /** Size of the file: the same, unless it is sparse. */
  realSizeBytes: number;
  major: number;
  minor: number;
  xattrs: [name: string, value: Buffer][];
  /** Of a sparse file: offset and length of what is stored, by turns, ascending. 'prefix': the map is still to be read from the data. */
  sparse?: number[] | 'prefix';
}

/** What came before a header and belongs to it. */
export interface Extension {
  longName?: string;
  longLink?: string;
  pax?: PaxRecords;
}

const TYPES: Record<string, MemberType | undefined> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

const XATTR_PREFIX = 'SCHILY.xattr.';

/** Throws LAYER_INVALID for an unknown type and for malformed records. */
export function makeMember(header: TarHeader, extension: Extension): TarMember {
  const name = extension.longName ?? header.name;
  const member: TarMember = {
    type: memberType(header.type, name),
    name,
    linkName: extension.longLink ?? header.linkName,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    mtime: { seconds: header.mtimeSeconds, nanoseconds: 0 },
    sizeBytes: header.sizeBytes,
    realSizeBytes: header.sizeBytes,
    major: header.major,
    minor: header.minor,
    xattrs: [],
  };
  if (extension.pax !== undefined) applyPax(member, extension.pax);
  // Only files have data; others may state a size all the same (Go's archive/tar ignores it too).
  if (member.type !== 'file') member.sizeBytes = 0;
  return member;
}

function memberType(flag: string, name: string): MemberType {
  const type = TYPES[flag];
  if (type === undefined) throw memberInvalid(name, `it is of the unknown type ${JSON.stringify(flag)}`);
  return flag === '\0' && name.endsWith('/') ? 'directory' : type; // v7 had no type for directories
}

function applyPax(member: TarMember, records: PaxRecords): void {
  for (const [key, bytes] of records) {
    if (key.startsWith(XATTR_PREFIX)) setXattr(member, key.slice(XATTR_PREFIX.length), bytes);
    else if (bytes.length > 0) applyRecord(member, key, bytes.toString('latin1'));
  }
  if (member.type === 'file') applySparse(member, records);
}

/* An empty record takes back what an earlier one said; of repeated ones the last holds. */
function setXattr(member: TarMember, name: string, value: Buffer): void {
  member.xattrs = member.xattrs.filter(([other]) => other !== name);
  if (name === '' || name.includes('\0')) throw memberInvalid(member.name, 'it has an attribute with a malformed name');
  if (value.length > 0) member.xattrs.push([name, value]);
}

function applyRecord(member: TarMember, key: string, value: string): void {
  switch (key) {
    case 'path':
    case 'GNU.sparse.name':
      member.name = value;
      break;
    case 'linkpath':
      member.linkName = value;
      break;
    case 'size':
      member.sizeBytes = member.realSizeBytes = paxNumber(key, value);
      break;
    case 'uid':
      member.uid = paxNumber(key, value);
      break;
    case 'gid':
      member.gid = paxNumber(key, value);
      break;
    case 'mtime':
      member.mtime = paxTime(key, value);
      break;
    default: // user names, access times, comments: not ours to apply
  }
}

function applySparse(member: TarMember, records: PaxRecords): void {
  const last = new Map(records.map(([key, value]) => [key, value.toString('latin1')]));
  const size = last.get('GNU.sparse.realsize') ?? last.get('GNU.sparse.size');
  if (size === undefined) return;
  member.realSizeBytes = paxNumber('GNU.sparse.realsize', size);
  member.sparse = last.get('GNU.sparse.major') === '1' ? 'prefix' : paxRegions(records);
}

// One tar member as bytes: ustar, with PAX records before it for what does not fit (pax(1), "ustar Interchange Format").
// Names are byte strings (latin1), as layer/tar-reader.ts gives them.

import type { TarMember } from '../layer/tar-member.js';

const BLOCK = 512;
const TYPE_FLAGS: Record<TarMember['type'], string> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
/** What fits into the octal fields: 7 and 11 digits. */
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

/** What a header says of a member. */
export type EncodedMember = Pick<
  TarMember,
  'type' | 'name' | 'linkName' | 'mode' | 'uid' | 'gid' | 'mtime' | 'sizeBytes' | 'major' | 'minor'
>;

/** Header blocks of a member; its data and padding() follow. */
export function encodeMember(member: EncodedMember): Buffer {
  const name = member.type === 'directory' && !member.name.endsWith('/') ? `${member.name}/` : member.name;
  const records = paxRecords({ ...member, name });
  if (records.length === 0) return header({ ...member, name });
  const body = Buffer.from(records, 'latin1');
  const extended = header(
    {
      type: 'file',
      name: 'PaxHeaders.0/x',
      linkName: '',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: { seconds: 0, nanoseconds: 0 },
      sizeBytes: body.length,
      major: 0,
      minor: 0,
    },
    'x',
  );
  return Buffer.concat([extended, body, padding(body.length), header({ ...member, name })]);
}

/** Zeros up to the next block. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** What ends an archive. */
export function endOfArchive(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}

function paxRecords({ name, linkName, uid, gid, mtime, sizeBytes }: EncodedMember): string {
  const records: [string, string][] = [];
  if (name.length > 100) records.push(['path', name]);
  if (linkName.length > 100) records.push(['linkpath', linkName]);
  if (uid > MAX_ID) records.push(['uid', String(uid)]);
  if (gid > MAX_ID) records.push(['gid', String(gid)]);
  if (sizeBytes > MAX_SIZE) records.push(['size', String(sizeBytes)]);
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0 || mtime.seconds > MAX_SIZE)
    records.push(['mtime', decimalTime(mtime)]);
  return records.map(([key, value]) => paxRecord(key, value)).join('');
}

/** Seconds with a fraction; below zero the fraction counts towards zero in text and away from it in the kernel. */
function decimalTime({ seconds, nanoseconds }: TarMember['mtime']): string {
  if (nanoseconds === 0) return String(seconds);
  const [whole, fraction] = seconds < 0 ? [seconds + 1, 1e9 - nanoseconds] : [seconds, nanoseconds];
  const sign = seconds < 0 && whole === 0 ? '-' : '';
  return `${sign}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}

/** "LENGTH KEY=VALUE\n", where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function header(member: EncodedMember, flag = TYPE_FLAGS[member.type]): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(member.name.slice(0, 100), 0, 'latin1');
  octal(block, 100, 7, member.mode & 0o7777);
  octal(block, 108, 7, Math.min(member.uid, MAX_ID));
  octal(block, 116, 7, Math.min(member.gid, MAX_ID));
  octal(block, 124, 11, Math.min(member.sizeBytes, MAX_SIZE));
  octal(block, 136, 11, Math.min(Math.max(member.mtime.seconds, 0), MAX_SIZE));
  block.fill(' ', 148, 156);
  block.write(flag, 156, 'latin1');
  block.write(member.linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, 329, 7, member.major);
  octal(block, 337, 7, member.minor);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, at: number, digits: number, value: number): void {
  block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
}

// Tar archives made byte by byte, also ones that no tar program would write. Names are byte strings (latin1).

const BLOCK = 512;

export interface MemberFields {
  name: string;
  type?: string;
  data?: string | Buffer;
  linkName?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  /** What the header says, where that is not the length of `data`. */
  size?: number;
  major?: number;
  minor?: number;
  magic?: string;
  prefix?: string;
  /** Extended header in front: text or bytes by key. */
  pax?: Record<string, string | Buffer>;
  /** Changes the finished header; the checksum is then computed. */
  patch?: (header: Buffer) => void;
  /** Changes it after the checksum. */
  spoil?: (header: Buffer) => void;
}

/** One archive, with its two blocks of zeros. */
export function makeTar(...members: (MemberFields | Buffer)[]): Buffer {
  return Buffer.concat([
    ...members.map((member) => (Buffer.isBuffer(member) ? member : makeMember(member))),
    Buffer.alloc(2 * BLOCK),
  ]);
}

/** Header (after a PAX one where asked for), data and padding. */
export function makeMember(fields: MemberFields): Buffer {
  const data = Buffer.isBuffer(fields.data) ? fields.data : Buffer.from(fields.data ?? '', 'latin1');
  const pax = fields.pax === undefined ? [] : [paxMember('x', fields.pax)];
  return Buffer.concat([...pax, makeHeader(fields, data.length), pad(data)]);
}

export function paxMember(
  type: 'x' | 'g',
  records: Record<string, string | Buffer> | [string, string | Buffer][],
): Buffer {
  const list = Array.isArray(records) ? records : Object.entries(records);
  return makeMember({
    name: 'PaxHeaders/x',
    type,
    data: Buffer.concat(list.map(([key, value]) => paxRecord(key, value))),
  });
}

export function paxRecord(key: string, value: string | Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from(` ${key}=`, 'latin1'),
    Buffer.isBuffer(value) ? value : Buffer.from(value, 'latin1'),
    Buffer.from('\n'),
  ]);
  let size = body.length + 1;
  while (String(size).length + body.length !== size) size = String(size).length + body.length;
  return Buffer.concat([Buffer.from(String(size)), body]);
}

/** GNU's way for a name ('L') or link target ('K') that is too long. */
export function gnuLong(type: 'L' | 'K', text: string): Buffer {
  return makeMember({ name: '././@LongLink', type, data: `${text}\0`, magic: 'ustar  \0' });
}

function makeHeader(fields: MemberFields, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const put = (at: number, text: string): void => void header.write(text, at, 'latin1');
  const octal = (at: number, width: number, value: number): void =>
    put(at, `${value.toString(8).padStart(width - 1, '0')}\0`);
  put(0, fields.name.slice(0, 100));
  octal(100, 8, fields.mode ?? 0o644);
  putNumber(header, 108, 8, fields.uid ?? 0);
  putNumber(header, 116, 8, fields.gid ?? 0);
  putNumber(header, 124, 12, fields.size ?? size);
  putNumber(header, 136, 12, fields.mtime ?? 1_600_000_000);
  put(156, fields.type ?? '0');
  put(157, (fields.linkName ?? '').slice(0, 100));
  put(257, fields.magic ?? 'ustar\x0000');
  octal(329, 8, fields.major ?? 0);
  octal(337, 8, fields.minor ?? 0);
  if (fields.prefix !== undefined) put(345, fields.prefix);
  fields.patch?.(header);
  header.fill(0x20, 148, 156);
  put(
    148,
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  fields.spoil?.(header);
  return header;
}

/** Octal, or base-256 where that does not fit or is negative. */
function putNumber(header: Buffer, at: number, width: number, value: number): void {
  const octal = value.toString(8);
  if (value >= 0 && octal.length < width) {
    header.write(`${octal.padStart(width - 1, '0')}\0`, at, 'latin1');
    return;
  }
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  for (let i = at + width - 1; i >= at; i--, rest >>= 8n) header[i] = Number(rest & 0xffn);
  header[at] = (header[at] ?? 0) | 0x80;
}

function pad(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}

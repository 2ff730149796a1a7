import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import type { TarMember } from '../../../src/layer/tar-member.js';
import { TarReader } from '../../../src/layer/tar-reader.js';
import { gnuLong, makeMember, makeTar, paxMember, paxRecord, type MemberFields } from '../../support/tar-builder.js';

type Read = TarMember & { data: Buffer };

function readTar(tar: Buffer, pieceSize = tar.length): Read[] {
  const members: Read[] = [];
  let parts: Buffer[] = [];
  const reader = new TarReader({
    member: (member) => {
      members.push({ ...member, data: Buffer.alloc(0) });
      parts = [];
    },
    data: (piece) => parts.push(Buffer.from(piece)),
    end: () => {
      const last = members.at(-1);
      if (last !== undefined) last.data = Buffer.concat(parts);
    },
  });
  for (let at = 0; at < tar.length; at += pieceSize) reader.push(tar.subarray(at, at + pieceSize));
  reader.finish();
  return members;
}

const one = (fields: MemberFields): Read => readTar(makeTar(fields))[0] as Read;

test('TarReader gives members, data and types in any split of the stream', () => {
  const tar = makeTar(
    { name: 'dir/', type: '5', mode: 0o1777 },
    { name: 'dir/file', data: 'x'.repeat(1000), uid: 5, gid: 6 },
    { name: 'empty' },
    { name: 'sym', type: '2', linkName: 'dir/file' },
    { name: 'hard', type: '1', linkName: 'dir/file', size: 1000 },
    { name: 'null', type: '3', major: 1, minor: 3 },
    { name: 'pipe', type: '6' },
  );
  const whole = readTar(tar);
  assert.deepEqual(
    whole.map(({ type, name, data }) => [type, name, data.length]),
    [
      ['directory', 'dir/', 0],
      ['file', 'dir/file', 1000],
      ['file', 'empty', 0],
      ['symlink', 'sym', 0],
      ['link', 'hard', 0],
      ['character', 'null', 0],
      ['fifo', 'pipe', 0],
    ],
  );
  for (const size of [1, 7, 511, 512, 513, 1000]) assert.deepEqual(readTar(tar, size), whole, `pieces of ${size}`);
});

const fields: [string, MemberFields, Partial<Read>][] = [
  [
    'big uid and gid, base-256',
    { name: 'a', uid: 3_000_000, gid: 4_000_000_000 },
    { uid: 3_000_000, gid: 4_000_000_000 },
  ],
  ['time before 1970, base-256', { name: 'a', mtime: -5 }, { mtime: { seconds: -5, nanoseconds: 0 } }],
  ['setuid and sticky', { name: 'a', mode: 0o7755 }, { mode: 0o7755 }],
  ['ustar prefix', { name: 'b', prefix: 'p/q' }, { name: 'p/q/b' }],
  ['no prefix in a GNU header', { name: 'b', prefix: 'p', magic: 'ustar  \0' }, { name: 'b' }],
  ['v7: a name with a slash at the end is a directory', { name: 'd/', type: '\0', magic: '' }, { type: 'directory' }],
  ['v7: a file', { name: 'f', type: '\0', magic: '' }, { type: 'file' }],
  ['contiguous file', { name: 'f', type: '7' }, { type: 'file' }],
  [
    'PAX path and link',
    { name: 'a', type: '2', linkName: 'x', pax: { path: 'p'.repeat(300), linkpath: 'l'.repeat(200) } },
    { name: 'p'.repeat(300), linkName: 'l'.repeat(200) },
  ],
  ['PAX ids', { name: 'a', pax: { uid: '70000', gid: '70001' } }, { uid: 70000, gid: 70001 }],
  [
    'PAX time',
    { name: 'a', pax: { mtime: '1500000000.25' } },
    { mtime: { seconds: 1_500_000_000, nanoseconds: 250_000_000 } },
  ],
  [
    'PAX time before 1970',
    { name: 'a', pax: { mtime: '-1.25' } },
    { mtime: { seconds: -2, nanoseconds: 750_000_000 } },
  ],
  ['PAX size', { name: 'a', data: 'abc', size: 0, pax: { size: '3' } }, { data: Buffer.from('abc') }],
  ['an empty PAX record is none', { name: 'a', pax: { path: '' } }, { name: 'a' }],
  [
    'attributes keep their bytes',
    { name: 'a', pax: { 'SCHILY.xattr.security.capability': Buffer.from([1, 0, 0, 2, 0xff, 10, 61]) } },
    { xattrs: [['security.capability', Buffer.from([1, 0, 0, 2, 0xff, 10, 61])]] },
  ],
  ['data of a directory is none', { name: 'd', type: '5', size: 7 }, { type: 'directory', sizeBytes: 0 }],
];
for (const [name, input, want] of fields) {
  test(`TarReader reads ${name}`, () => {
    const member = one(input);
    assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, member[key as keyof Read]])), want);
  });
}

test('TarReader takes GNU long names and links for the next member only', () => {
  const [long, next] = readTar(
    makeTar(gnuLong('L', 'n'.repeat(200)), gnuLong('K', 'k'.repeat(150)), { name: 'cut', type: '2' }, { name: 'next' }),
  );
  assert.equal(long?.name, 'n'.repeat(200));
  assert.equal(long.linkName, 'k'.repeat(150));
  assert.equal(next?.name, 'next');
});

test('TarReader leaves global PAX records and volume labels aside', () => {
  const members = readTar(
    makeTar(paxMember('g', { path: 'global', comment: 'x' }), { name: 'label', type: 'V' }, { name: 'a' }),
  );
  assert.deepEqual(
    members.map(({ name }) => name),
    ['a'],
  );
});

test('TarReader stops at the end mark and needs none', () => {
  assert.equal(readTar(Buffer.concat([makeTar({ name: 'a' }), Buffer.from('anything at all')])).length, 1);
  assert.equal(readTar(makeMember({ name: 'a', data: 'x' })).length, 1);
  assert.equal(readTar(Buffer.alloc(0)).length, 0);
});

const sparse: Record<string, () => Buffer> = {
  'old GNU': () =>
    makeMember({
      name: 's',
      type: 'S',
      magic: 'ustar  \0',
      data: 'AABB',
      patch: (header) => {
        for (const [i, text] of ['0', '2', '8', '2', '20', '0'].entries())
          header.write(`${Number(text).toString(8).padStart(11, '0')}\0`, 386 + i * 12);
        header.write('00000000024\0', 483);
      },
    }),
  'PAX 0.0': () =>
    Buffer.concat([
      paxMember('x', [
        ['GNU.sparse.size', '20'],
        ['GNU.sparse.numblocks', '2'],
        ['GNU.sparse.offset', '0'],
        ['GNU.sparse.numbytes', '2'],
        ['GNU.sparse.offset', '8'],
        ['GNU.sparse.numbytes', '2'],
      ]),
      makeMember({ name: 's', data: 'AABB' }),
    ]),
  'PAX 0.1': () =>
    makeMember({
      name: 'x',
      data: 'AABB',
      pax: { 'GNU.sparse.size': '20', 'GNU.sparse.map': '0,2,8,2', 'GNU.sparse.name': 's' },
    }),
  'PAX 1.0': () =>
    makeMember({
      name: 'x',
      data: Buffer.concat([Buffer.from('2\n0\n2\n8\n2\n'), Buffer.alloc(502), Buffer.from('AABB')]),
      pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '20' },
    }),
};
for (const [kind, make] of Object.entries(sparse)) {
  test(`TarReader reads the sparse map of ${kind}`, () => {
    for (const size of [1, 100, 4096]) {
      const [member] = readTar(makeTar(make()), size);
      assert.equal(member?.name, 's');
      assert.equal(member.realSizeBytes, 20);
      assert.deepEqual(member.sparse, kind === 'old GNU' ? [0, 2, 8, 2, 20, 0] : [0, 2, 8, 2]);
      assert.equal(member.data.toString(), 'AABB');
    }
  });
}

for (const format of ['gnu', 'oldgnu', 'pax', 'ustar', 'v7']) {
  test(`TarReader agrees with GNU tar's --format=${format}`, () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'rrun-tar-'));
    try {
      const long = format === 'gnu' || format === 'pax' ? 'd'.repeat(120) : 'd'.repeat(60);
      writeFileSync(path.join(dir, long), 'long');
      execFileSync('truncate', ['-s', '3M', path.join(dir, 'hole')]);
      writeFileSync(path.join(dir, 'hole'), 'end', { flag: 'a' });
      const holes = format === 'ustar' || format === 'v7' ? [] : ['-S'];
      const tar = execFileSync('tar', ['-C', dir, ...holes, `--format=${format}`, '-cf', '-', '.'], {
        maxBuffer: 1 << 26,
      });
      const members = readTar(tar, 10_000);
      assert.deepEqual(members.map(({ name }) => name).sort(), ['./', `./${long}`, './hole']);
      const hole = members.find(({ name }) => name === './hole');
      assert.equal(hole?.realSizeBytes, 3 * 1024 * 1024 + 3);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

const octal = (text: string, at: number) => (header: Buffer) => void header.write(text, at, 'latin1');
const bad: [string, () => Buffer][] = [
  ['a wrong checksum', () => makeTar({ name: 'a', spoil: octal('9', 0) })],
  ['a size that is no number', () => makeTar({ name: 'a', patch: octal('12x45', 124) })],
  ['a negative size', () => makeTar({ name: 'a', size: -1 })],
  [
    'a size of 2^60',
    () => makeTar({ name: 'a', patch: (header) => Buffer.from('800000001000000000000000', 'hex').copy(header, 124) }),
  ],
  ['an unknown type', () => makeTar({ name: 'a', type: 'Z' })],
  ['a header cut short', () => makeTar({ name: 'a' }).subarray(0, 100)],
  ['data cut short', () => makeTar({ name: 'a', data: 'x'.repeat(5000) }).subarray(0, 3000)],
  ['an extended header without its member', () => paxMember('x', { path: 'a' })],
  ['data after a block of zeros', () => Buffer.concat([Buffer.alloc(512), makeTar({ name: 'a' })])],
  ['a huge extended header', () => makeTar({ name: 'a', type: 'x', size: 1 << 21 })],
  [
    'a PAX record with a wrong length',
    () => makeTar(makeMember({ name: 'x', type: 'x', data: '99 path=a\n' }), { name: 'a' }),
  ],
  ['a PAX record without "="', () => makeTar(makeMember({ name: 'x', type: 'x', data: '7 path\n' }), { name: 'a' })],
  [
    'a PAX record without a length',
    () => makeTar(makeMember({ name: 'x', type: 'x', data: Buffer.from(' path=a\n') }), { name: 'a' }),
  ],
  ['a PAX uid that is no number', () => makeTar({ name: 'a', pax: { uid: '-1' } })],
  ['a PAX time that is none', () => makeTar({ name: 'a', pax: { mtime: 'yesterday' } })],
  ['an attribute without a name', () => makeTar({ name: 'a', pax: { 'SCHILY.xattr.': 'x' } })],
  [
    'sparse regions out of order',
    () => makeTar({ name: 'a', data: 'AABB', pax: { 'GNU.sparse.size': '20', 'GNU.sparse.map': '8,2,0,2' } }),
  ],
  [
    'sparse regions behind the end',
    () => makeTar({ name: 'a', data: 'AABB', pax: { 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,2,8,2' } }),
  ],
  [
    'sparse regions that are not what is stored',
    () => makeTar({ name: 'a', data: 'AAB', pax: { 'GNU.sparse.size': '20', 'GNU.sparse.map': '0,2,8,2' } }),
  ],
  [
    'a sparse map of half a region',
    () => makeTar({ name: 'a', data: 'AA', pax: { 'GNU.sparse.size': '20', 'GNU.sparse.map': '0,2,8' } }),
  ],
  [
    'a sparse map with a huge count',
    () =>
      makeTar({
        name: 'a',
        data: Buffer.alloc(512, '9999999999\n'),
        pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' },
      }),
  ],
  [
    'a sparse map that is longer than the data',
    () =>
      makeTar({
        name: 'a',
        data: Buffer.concat([Buffer.from('3\n0\n'), Buffer.alloc(8, '1')]),
        pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' },
      }),
  ],
];
for (const [name, make] of bad) {
  test(`TarReader refuses ${name}`, () => {
    assert.throws(() => readTar(make()), { name: 'RrunError', code: 'LAYER_INVALID' });
  });
}

test('TarReader survives random changes to an archive', () => {
  const tar = makeTar(
    { name: 'dir/', type: '5' },
    gnuLong('L', 'n'.repeat(200)),
    { name: 'cut', data: 'x'.repeat(900) },
    { name: 'a', pax: { path: 'p', 'SCHILY.xattr.user.a': 'b' } },
    sparse['PAX 1.0']?.() ?? Buffer.alloc(0),
  );
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 3000; round++) {
    const changed = Buffer.from(tar);
    for (let i = 0; i <= random(4); i++) changed[random(changed.length)] = random(256);
    try {
      readTar(changed, 1 + random(2000));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'LAYER_INVALID', `round ${round}: ${String(error)}`);
    }
  }
});

test('paxRecord() of the builder counts its own length', () => {
  assert.equal(paxRecord('path', 'x'.repeat(91)).toString().slice(0, 4), '101 ');
});

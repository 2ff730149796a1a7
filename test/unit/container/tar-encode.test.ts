import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { encodeMember, endOfArchive, padding, type EncodedMember } from '../../../src/container/tar-encode.js';
import type { TarMember } from '../../../src/layer/tar-member.js';
import { TarReader } from '../../../src/layer/tar-reader.js';

const PLAIN: EncodedMember = {
  type: 'file',
  name: 'a',
  linkName: '',
  mode: 0o4755,
  uid: 1000,
  gid: 100,
  mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
  sizeBytes: 0,
  major: 0,
  minor: 0,
};

const ROWS: [string, Partial<EncodedMember>][] = [
  ['a plain file', {}],
  ['a name of 100 bytes', { name: 'x'.repeat(100) }],
  ['a name of 101 bytes', { name: 'x'.repeat(101) }],
  ['a name of 3000 bytes, with slashes', { name: 'dir/'.repeat(750) + 'f' }],
  ['a name that is not UTF-8', { name: 'caf\xe9\xff' }],
  ['a long name that is not UTF-8', { name: '\xff'.repeat(200) }],
  ['a long link target', { type: 'symlink', linkName: 'y'.repeat(300) }],
  ['a hard link', { type: 'link', linkName: 'first' }],
  ['large ids', { uid: 4_000_000_000, gid: 2_097_152 }],
  ['nanoseconds', { mtime: { seconds: 1_700_000_000, nanoseconds: 123_456_789 } }],
  ['a time before 1970', { mtime: { seconds: -5, nanoseconds: 0 } }],
  ['a time just before 1970', { mtime: { seconds: -1, nanoseconds: 250_000_000 } }],
  ['a fifo', { type: 'fifo' }],
  ['a device', { type: 'character', major: 1, minor: 3 }],
  ['a directory', { type: 'directory', name: 'd/' }],
];

function read(bytes: Buffer): { member: TarMember; data: Buffer }[] {
  const found: { member: TarMember; data: Buffer }[] = [];
  const reader = new TarReader({
    member: (member) => found.push({ member, data: Buffer.alloc(0) }),
    data: (piece) => {
      const last = found.at(-1);
      if (last !== undefined) last.data = Buffer.concat([last.data, piece]);
    },
    end: () => undefined,
  });
  reader.push(bytes);
  reader.finish();
  return found;
}

for (const [title, change] of ROWS) {
  test(`encodeMember() of ${title} is read back the same`, () => {
    const member = { ...PLAIN, ...change };
    const [found] = read(Buffer.concat([encodeMember(member), endOfArchive()]));
    assert.ok(found);
    for (const [key, value] of Object.entries(member))
      assert.deepEqual(found.member[key as keyof TarMember], value, key);
  });
}

test('encodeMember() says sizes that no octal field holds', () => {
  const header = encodeMember({ ...PLAIN, sizeBytes: 2 ** 34 });
  assert.match(header.toString('latin1'), / size=17179869184\n/);
});

test('GNU tar reads what encodeMember() and padding() make', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'rrun-tar-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const data = Buffer.from('hello');
  const name = 'n'.repeat(150);
  const file = path.join(dir, 'x.tar');
  writeFileSync(
    file,
    Buffer.concat([
      encodeMember({ ...PLAIN, name, sizeBytes: data.length }),
      data,
      padding(data.length),
      endOfArchive(),
    ]),
  );
  assert.equal(execFileSync('tar', ['-xOf', file, name], { encoding: 'utf8' }), 'hello');
});

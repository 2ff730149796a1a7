import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { loadSubids, parseGetsubids, parseSubids, parseSubidSource, rangesOf } from '../../../src/idmap/subids.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-subids-'));
after(() => {
  rmSync(dir, { recursive: true });
});

const BROKEN: [string, string, RegExp][] = [
  ['too few fields', 'ana:100000', /want "user:first id:count"/],
  ['too many fields', 'ana:100000:65536:1', /want "user:first id:count"/],
  ['no user', ':100000:65536', /want "user:first id:count"/],
  ['a word for a number', 'ana:many:65536', /decimal numbers/],
  ['a negative number', 'ana:-5:65536', /decimal numbers/],
  ['hexadecimal', 'ana:0x10:65536', /decimal numbers/],
  ['an empty range', 'ana:100000:0', /empty/],
  ['a range past the last id', 'ana:4294967290:10', /ends above 4294967294/],
];

for (const [what, line, problem] of BROKEN) {
  test(`parseSubids() ignores and reports a line with ${what}`, () => {
    const file = parseSubids(`# a comment\n\n${line}\nben:200000:65536\n`, '/etc/subuid');
    assert.deepEqual(file.entries, [{ owner: 'ben', start: 200000, count: 65536 }]);
    assert.equal(file.problems.length, 1);
    assert.match(file.problems[0] ?? '', /^\/etc\/subuid:3: /);
    assert.match(file.problems[0] ?? '', problem);
  });
}

test('rangesOf() finds entries by name and by number, in the order of the file', () => {
  const file = parseSubids('1000:300000:10\nana:100000:65536\nanna:1:1\n10001:1:1\nana:200000:5\n', 'x');
  assert.deepEqual(rangesOf(file, { uid: 1000, name: 'ana' }), [
    { start: 300000, count: 10 },
    { start: 100000, count: 65536 },
    { start: 200000, count: 5 },
  ]);
  assert.deepEqual(rangesOf(file, { uid: 1000 }), [{ start: 300000, count: 10 }]);
  assert.deepEqual(rangesOf(file, { uid: 7, name: 'nobody' }), []);
});

test('parseSubidSource() says files unless nsswitch.conf names another', () => {
  assert.equal(parseSubidSource(''), 'files');
  assert.equal(parseSubidSource('passwd: files sss\nsubid:\tsss\n'), 'sss');
  assert.equal(parseSubidSource('#subid: sss\n'), 'files');
});

test('parseGetsubids() reads numbered lines and nothing else', () => {
  const output = '0: ana 100000 65536\n1: ana 300000 1000\nError fetching ranges\n2: ana 5 0\n';
  assert.deepEqual(parseGetsubids(output), [
    { start: 100000, count: 65536 },
    { start: 300000, count: 1000 },
  ]);
});

function writePaths(name: string, subuid: string, subgid: string, nsswitch: string) {
  const file = (kind: string, text: string): string => {
    const target = path.join(dir, `${name}-${kind}`);
    writeFileSync(target, text);
    return target;
  };
  return { subuid: file('subuid', subuid), subgid: file('subgid', subgid), nsswitch: file('nsswitch', nsswitch) };
}

test('loadSubids() takes missing files for empty ones and suggests a free range', async () => {
  const nowhere = path.join(dir, 'nowhere');
  const found = await loadSubids({ uid: 1, name: 'x' }, { subuid: nowhere, subgid: nowhere, nsswitch: nowhere });
  assert.deepEqual([found.uids, found.gids, found.firstFree], [[], [], 100000]);
  const paths = writePaths('free', 'a:100000:65536\n', 'a:100000:65536\nb:165536:65536\n', '');
  assert.equal((await loadSubids({ uid: 1, name: 'x' }, paths)).firstFree, 231072);
});

/** A stand-in for getsubids(1), which can only be pointed at the system's own configuration. */
function writeGetsubids(name: string, body: string): string {
  const file = path.join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

test('loadSubids() asks getsubids where nsswitch.conf names another source, and falls back to the files', async () => {
  const paths = writePaths('sss', 'ana:1000:5\n', 'ana:1000:5\n', 'subid: sss\n');
  const getsubids = writeGetsubids('answers', 'if [ "$1" = -g ]; then echo "0: $2 700 7"; else echo "0: $1 600 6"; fi');
  const found = await loadSubids({ uid: 1, name: 'ana' }, { ...paths, getsubids });
  assert.deepEqual([found.uids, found.gids], [[{ start: 600, count: 6 }], [{ start: 700, count: 7 }]]);
  assert.match(found.source, /sss/);
  const silent = writeGetsubids('silent', 'echo "Error fetching ranges" >&2; exit 1');
  const fallback = await loadSubids({ uid: 1, name: 'ana' }, { ...paths, getsubids: silent });
  assert.deepEqual(fallback.uids, [{ start: 1000, count: 5 }]);
});

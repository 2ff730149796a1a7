import assert from 'node:assert/strict';
import test from 'node:test';

import { quoteName } from '../../../src/layer/layer-error.js';
import {
  classifyMember,
  cleanPath,
  decodeName,
  encodeName,
  joinPath,
  parentPath,
  systemPath,
} from '../../../src/layer/member-path.js';

const clean: [string, string][] = [
  ['a/b', 'a/b'],
  ['./a//b/', 'a/b'],
  ['/etc/passwd', 'etc/passwd'],
  ['a/../b', 'b'],
  ['a/./b/..', 'a'],
  ['', ''],
  ['.', ''],
  ['./', ''],
  ['/', ''],
  ['a/..', ''],
  ['...', '...'],
  ['..a/b..', '..a/b..'],
  ['\xff\xfe', '\xff\xfe'],
];
for (const [input, want] of clean) {
  test(`cleanPath() of ${JSON.stringify(input)}`, () => {
    assert.equal(cleanPath(input), want);
  });
}

for (const input of ['..', '../a', 'a/../../b', '/../etc/passwd', './..']) {
  test(`cleanPath() rejects ${input}`, () => {
    assert.throws(() => cleanPath(input), { code: 'LAYER_UNSAFE' });
  });
}

for (const [what, input] of [
  ['NUL', 'a\0b'],
  ['a name beyond PATH_MAX', 'a/'.repeat(2100)],
] as const) {
  test(`cleanPath() rejects ${what}`, () => {
    assert.throws(() => cleanPath(input), { code: 'LAYER_INVALID' });
  });
}

const roles: [string, ReturnType<typeof classifyMember>][] = [
  ['a/b', { kind: 'entry' }],
  ['a/x.wh.b', { kind: 'entry' }],
  ['a/.wh.b', { kind: 'whiteout', hides: 'a/b' }],
  ['.wh.b', { kind: 'whiteout', hides: 'b' }],
  ['a/.wh..hidden', { kind: 'whiteout', hides: 'a/.hidden' }],
  ['a/.wh..wh..opq', { kind: 'opaque', directory: 'a' }],
  ['.wh..wh..opq', { kind: 'opaque', directory: '' }],
  ['.wh..wh.plnk/1.2', { kind: 'ignored' }],
  ['.wh..wh.aufs', { kind: 'ignored' }],
];
for (const [input, want] of roles) {
  test(`classifyMember() of ${input}`, () => {
    assert.deepEqual(classifyMember(input), want);
  });
}

test('classifyMember() rejects a whiteout without a name', () => {
  assert.throws(() => classifyMember('a/.wh.'), { code: 'LAYER_INVALID' });
});
test('classifyMember() rejects whiteouts of "." and ".."', () => {
  assert.throws(() => classifyMember('a/.wh..'), { code: 'LAYER_UNSAFE' });
  assert.throws(() => classifyMember('a/.wh...'), { code: 'LAYER_UNSAFE' });
});
test('classifyMember() rejects entries below a whiteout', () => {
  assert.throws(() => classifyMember('.wh.a/b'), { code: 'LAYER_INVALID' });
});

test('parentPath() and joinPath() treat the root as the empty path', () => {
  assert.equal(parentPath('a'), '');
  assert.equal(parentPath('a/b/c'), 'a/b');
  assert.equal(joinPath('', 'a'), 'a');
  assert.equal(joinPath('a', 'b'), 'a/b');
});

test('systemPath() gives text for ASCII and bytes for the rest', () => {
  assert.equal(systemPath('a/b'), '/a/b');
  assert.equal(systemPath(''), '/');
  assert.deepEqual(systemPath('\xc3\xa4'), Buffer.from('/ä'));
});

test('encodeName() and decodeName() are inverse for every byte', () => {
  const all = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join('');
  assert.equal(decodeName(encodeName(all)), all);
  assert.match(encodeName(all), /^[!-~]*$/);
});

test('quoteName() shows no control characters', () => {
  assert.equal(quoteName('a\x1b[2J\n"b'), '"a\\u001b[2J\\n\\"b"');
  assert.equal(quoteName('\xc3\xa4'), '"ä"');
  assert.ok(quoteName('x'.repeat(5000)).length < 250);
});

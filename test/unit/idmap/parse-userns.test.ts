import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseUserns, type UsernsOption } from '../../../src/idmap/parse-userns.js';

const GOOD: [string | undefined, UsernsOption][] = [
  [undefined, { mode: 'default' }],
  ['', { mode: 'default' }],
  ['default', { mode: 'default' }],
  ['host', { mode: 'default', takenAsDefault: 'host' }],
  ['nomap', { mode: 'nomap' }],
  ['single', { mode: 'single' }],
  ['keep-id', { mode: 'keep-id' }],
  ['keep-id:uid=200,gid=210,size=500', { mode: 'keep-id', uid: 200, gid: 210, size: 500 }],
];

for (const [text, want] of GOOD) {
  test(`parseUserns() reads ${String(text)}`, () => {
    assert.deepEqual(parseUserns(text), want);
  });
}

const BAD = [
  'foo',
  'auto',
  'auto:size=1000',
  'keepid',
  'nomap:x',
  'single:uid=1',
  'keep-id:uid',
  'keep-id:uid=',
  'keep-id:uid=x',
  'keep-id:uid=-1',
  'keep-id:uid=4294967295',
  'keep-id:size=0',
  'keep-id:foo=1',
  'container:abc',
  'ns:/proc/1/ns/user',
];

for (const text of BAD) {
  test(`parseUserns() rejects ${text}`, () => {
    assert.throws(() => parseUserns(text), { code: 'USAGE' });
  });
}

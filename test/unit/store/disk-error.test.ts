import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import test from 'node:test';

import { RrunError } from '../../../src/errors.js';
import { diskError } from '../../../src/store/disk-error.js';
import type { HostPath } from '../../../src/util/brand.js';

const errno = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'write', path: '/x' });

test('diskError() says what the disk meant', () => {
  const cases: [code: string, want: string, message: RegExp][] = [
    ['ENOSPC', 'STORE_FULL', /^cannot store it: the file system of ".*" is full: [\d.]+.?B of [\d.]+.?B free$/],
    ['EDQUOT', 'STORE_FULL', /the disk quota for ".*" is used up/],
    ['EROFS', 'STORE_UNUSABLE', /is on a read-only file system/],
    ['EACCES', 'STORE_UNUSABLE', /(?:belongs to uid|is not writable).*: EACCES$/],
    ['EIO', 'STORE_UNUSABLE', /^cannot store it: write "\/x": EIO$/],
  ];
  for (const [code, want, message] of cases) {
    const error = diskError(errno(code), 'store it', tmpdir() as HostPath);
    assert.equal(error.code, want, code);
    assert.match(error.message, message, code);
  }
});

test('diskError() names what is in the way of a store that is not there yet', () => {
  const error = diskError(errno('EACCES'), 'make it', '/proc/absent/store' as HostPath);
  assert.match(error.message, /^cannot make it: "\/proc" (?:belongs to uid 0|is not writable)/);
});

test('diskError() lets our own errors and bugs through', () => {
  const ours = new RrunError('DIGEST_MISMATCH', 'x');
  assert.equal(diskError(ours, 'store it', '/' as HostPath), ours);
  const bug = new TypeError('x');
  assert.throws(() => diskError(bug, 'store it', '/' as HostPath), bug);
});

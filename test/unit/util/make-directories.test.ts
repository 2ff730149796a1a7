import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { makeDirectories } from '../../../src/util/make-directories.js';

test('makeDirectories() makes what is missing and says what was the topmost', (t) => {
  const base = mkdtempSync(path.join(tmpdir(), 'rrun-mkdir-'));
  t.after(() => {
    rmSync(base, { recursive: true });
  });
  assert.equal(makeDirectories(path.join(base, 'a/b/c'), 0o700), path.join(base, 'a'));
  assert.equal(statSync(path.join(base, 'a/b/c')).mode & 0o777, 0o700);
  assert.equal(makeDirectories(path.join(base, 'a/b')), undefined);
  writeFileSync(path.join(base, 'file'), '');
  assert.throws(() => makeDirectories(path.join(base, 'file/x')), { code: 'ENOTDIR' });
});

test('makeDirectories() ends where a file system takes no new entry', () => {
  assert.throws(() => makeDirectories('/proc/rrun-nothing/below'), { code: 'ENOENT' });
  assert.equal(existsSync('/proc/rrun-nothing'), false);
});

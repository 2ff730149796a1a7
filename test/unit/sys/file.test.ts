import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';

import {
  chroot,
  FILE_TYPE,
  makeDevice,
  openBeneath,
  RENAME,
  renameWith,
  RESOLVE,
  setFileTimes,
  setTimes,
  syncFileSystem,
  tryMknod,
} from '../../../src/sys/file.js';
import { isLocked, tryLock, unlock } from '../../../src/sys/lock.js';
import { errnoName } from '../../../src/util/errno.js';
import { getXattr, listXattrs, removeXattr, setXattr, trySetXattr } from '../../../src/sys/xattr.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'rrun-sys-'));
after(() => {
  rmSync(dir, { recursive: true });
});
const at = (name: string): string => path.join(dir, name);

test('tryLock(): one open file excludes another, in the same process too', () => {
  const [first, second] = [openSync(at('lock'), 'w+'), openSync(at('lock'), 'r+')];
  assert.equal(isLocked(second), false);
  assert.equal(tryLock(first), true);
  assert.equal(tryLock(first), true, 'again by the holder');
  assert.equal(tryLock(second), false);
  assert.equal(isLocked(second), true);
  assert.equal(isLocked(first), false, 'of others only');
  unlock(first);
  assert.equal(tryLock(second, 'read'), true);
  assert.equal(tryLock(first, 'read'), true, 'readers share');
  assert.equal(tryLock(first, 'write'), false);
  closeSync(second);
  assert.equal(tryLock(first, 'write'), true, 'closing lets go');
  closeSync(first);
});

test('tryLock() throws for a descriptor that cannot be locked', () => {
  assert.throws(() => tryLock(9999), { code: 'SYSCALL', errno: 'EBADF' });
});

test('attributes are bytes and follow no link', () => {
  writeFileSync(at('file'), '');
  const value = Buffer.from([0, 255, 10]);
  setXattr(at('file'), 'user.a', value);
  setXattr(Buffer.from(at('file')), Buffer.from('user.b'), Buffer.alloc(0));
  assert.deepEqual(getXattr(at('file'), 'user.a'), value);
  assert.equal(getXattr(at('file'), 'user.none'), undefined);
  assert.deepEqual(
    listXattrs(at('file'))
      .map(String)
      .filter((name) => name.startsWith('user.'))
      .sort(),
    ['user.a', 'user.b'],
  );
  removeXattr(at('file'), 'user.a');
  removeXattr(at('file'), 'user.a');
  assert.equal(getXattr(at('file'), 'user.a'), undefined);
  symlinkSync('file', at('link'));
  assert.equal(trySetXattr(at('link'), 'user.a', value), 'EPERM');
  assert.throws(() => getXattr(at('absent'), 'user.a'), { code: 'SYSCALL', errno: 'ENOENT' });
});

test('NUL in a path is refused before it cuts the path short', () => {
  assert.throws(() => setXattr(`${at('file')}\0x`, 'user.a', Buffer.alloc(0)), TypeError);
});

test('tryMknod() makes fifos and whiteouts, and no other device', () => {
  assert.equal(tryMknod(at('fifo'), FILE_TYPE.fifo | 0o600), undefined);
  assert.ok(lstatSync(at('fifo')).isFIFO());
  assert.equal(tryMknod(at('fifo'), FILE_TYPE.fifo | 0o600), 'EEXIST');
  assert.equal(tryMknod(at('whiteout'), FILE_TYPE.character), undefined);
  assert.equal(lstatSync(at('whiteout')).rdev, 0);
  if (process.getuid?.() !== 0) assert.equal(tryMknod(at('null'), FILE_TYPE.character | 0o600, 1, 3), 'EPERM');
});

test('makeDevice() agrees with the kernel’s numbers', () => {
  assert.equal(makeDevice(1, 3), BigInt(lstatSync('/dev/null').rdev));
  assert.equal(makeDevice(0x12345, 0x6789a), (0x12000n << 32n) | (0x345n << 8n) | (0x67800n << 12n) | 0x9an);
});

test('setTimes() and setFileTimes() set nanoseconds, on links themselves', () => {
  const time = { seconds: 1_234_567_890, nanoseconds: 123_456_789 };
  writeFileSync(at('timed'), '');
  symlinkSync('timed', at('timed-link'));
  setTimes(at('timed-link'), time);
  assert.equal(lstatSync(at('timed-link'), { bigint: true }).mtimeNs, 1_234_567_890_123_456_789n);
  const fd = openSync(at('timed'), 'r+');
  setFileTimes(fd, { seconds: -1, nanoseconds: 5 });
  closeSync(fd);
  assert.equal(lstatSync(at('timed'), { bigint: true }).mtimeNs, -999_999_995n);
});

test('renameWith() keeps or swaps what is there', () => {
  writeFileSync(at('one'), '1');
  writeFileSync(at('two'), '2');
  assert.throws(() => renameWith(at('one'), at('two'), RENAME.noReplace), { errno: 'EEXIST' });
  renameWith(at('one'), at('two'), RENAME.exchange);
  assert.equal(readFileSync(at('one'), 'utf8'), '2');
});

test('openBeneath() stays below its directory', () => {
  mkdirSync(at('root/etc'), { recursive: true });
  writeFileSync(at('root/etc/file'), 'inside');
  symlinkSync('/etc/file', at('root/absolute'));
  symlinkSync('../../file', at('root/climbs'));
  const root = openSync(at('root'), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const fd = openBeneath(root, 'absolute', constants.O_RDONLY, RESOLVE.inRoot);
    assert.equal(readFileSync(fd, 'utf8'), 'inside');
    closeSync(fd);
    assert.throws(() => openBeneath(root, 'climbs', constants.O_RDONLY, RESOLVE.beneath), { errno: 'EXDEV' });
    assert.throws(() => openBeneath(root, 'absolute', constants.O_RDONLY, RESOLVE.noSymlinks), { errno: 'ELOOP' });
  } finally {
    closeSync(root);
  }
});

test('syncFileSystem() takes a descriptor', () => {
  const fd = openSync(dir, 'r');
  syncFileSystem(fd);
  closeSync(fd);
});

test('chroot() is refused to ordinary users', () => {
  if (process.getuid?.() === 0) return;
  assert.throws(
    () => {
      chroot(dir);
    },
    { errno: 'EPERM' },
  );
  assert.ok(existsSync(dir));
});

test('errnoName() knows numbers and admits what it does not know', () => {
  assert.equal(errnoName(2), 'ENOENT');
  assert.equal(errnoName(9999), 'errno 9999');
});

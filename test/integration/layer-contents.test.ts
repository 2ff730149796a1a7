// What unpacking makes of ordinary members: owners, modes, times, attributes, holes, links, whiteouts.

import assert from 'node:assert/strict';
import { lstatSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';

import type { IdMapping } from '../../src/util/id-mapping.js';
import { kernelTest } from '../support/requires.js';
import { gnuLong, makeTar, type MemberFields } from '../support/tar-builder.js';
import { leftovers, openUnpacking, unpackTar } from '../support/unpack.js';

const DIR = { type: '5', mode: 0o755 } as const;

function outside(mappings: IdMapping[], id: number): number {
  const found = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return (found?.hostID ?? NaN) + id - (found?.containerID ?? 0);
}

kernelTest('owners, modes and times are those of the tar', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const members: (MemberFields & { mode: number; uid: number; gid: number })[] = [
    { name: './', ...DIR, uid: 0, gid: 0, mtime: 1000 },
    { name: 'tmp/', type: '5', mode: 0o1777, uid: 0, gid: 0, mtime: 2000 },
    { name: 'staff/', type: '5', mode: 0o2775, uid: 0, gid: 50, mtime: 3000 },
    { name: 'staff/in', mode: 0o644, uid: 0, gid: 0, data: 'x', mtime: 4000 },
    { name: 'staff/sub/', type: '5', mode: 0o755, uid: 0, gid: 0, mtime: 4500 },
    { name: 'su', mode: 0o4755, uid: 0, gid: 0, data: 'x', mtime: 5000 },
    { name: 'sg', mode: 0o2755, uid: 0, gid: 42, data: 'x', mtime: 6000 },
    { name: 'none', mode: 0, uid: 1000, gid: 1000, data: 'secret', mtime: 7000 },
    { name: 'link', type: '2', linkName: 'none', mode: 0o777, uid: 1000, gid: 1001, mtime: 8000 },
    { name: 'pipe', type: '6', mode: 0o622, uid: 3, gid: 4, mtime: 9000 },
  ];
  const tree = await unpackTar(unpacking, makeTar(...members));
  const { uidMappings, gidMappings } = unpacking.mapping.layers;
  for (const { name, mode, uid, gid, mtime } of members) {
    const stats: Stats = lstatSync(path.join(tree, name));
    const want = [mode, outside(uidMappings, uid), outside(gidMappings, gid), mtime];
    assert.deepEqual([stats.mode & 0o7777, stats.uid, stats.gid, stats.mtimeMs / 1000], want, name);
  }
});

kernelTest('in single-id mode every entry is the caller’s', ['userns'], async (t) => {
  const unpacking = await openUnpacking(t, 'single');
  const tree = await unpackTar(
    unpacking,
    makeTar(
      { name: 'd/', ...DIR, uid: 5, gid: 6 },
      { name: 'd/f', mode: 0o4755, uid: 70_000, gid: 4_000_000_000, data: 'x' },
      { name: 'null', type: '3', major: 1, minor: 3 },
    ),
  );
  assert.match(tree, /\.single\/fs$/);
  for (const name of ['d', 'd/f']) assert.equal(lstatSync(path.join(tree, name)).uid, process.getuid?.(), name);
  assert.equal(lstatSync(path.join(tree, 'd/f')).mode & 0o7777, 0o4755);
});

kernelTest('attributes are kept, security.capability too', ['userns', 'subid'], async (t) => {
  const { getXattr } = await import('../../src/sys/xattr.js');
  // struct vfs_cap_data, revision 2, effective: CAP_NET_RAW (linux/capability.h).
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const binary = Buffer.from([0, 10, 61, 255]);
  const pax = {
    'SCHILY.xattr.security.capability': capability,
    'SCHILY.xattr.user.binary': binary,
    'SCHILY.xattr.security.selinux': 'x',
    'SCHILY.xattr.trusted.x': 'x',
  };
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar(
      { name: 'ping', mode: 0o755, uid: 7, data: 'x', pax },
      { name: 'd/', ...DIR, pax: { 'SCHILY.xattr.user.binary': binary } },
    ),
  );
  assert.deepEqual(getXattr(path.join(tree, 'ping'), 'user.binary'), binary);
  assert.deepEqual(getXattr(path.join(tree, 'd'), 'user.binary'), binary);
  const kept = getXattr(path.join(tree, 'ping'), 'security.capability');
  // Revision 3 carries the owner of the namespace behind the same bits.
  assert.deepEqual(kept?.subarray(4, 20), capability.subarray(4));
});

kernelTest('fractions of a second and times before 1970 are kept', ['userns', 'subid'], async (t) => {
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar({ name: 'a', pax: { mtime: '1500000000.123456789' } }, { name: 'b', mtime: -100 }),
  );
  assert.equal(lstatSync(path.join(tree, 'a'), { bigint: true }).mtimeNs, 1_500_000_000_123_456_789n);
  assert.equal(lstatSync(path.join(tree, 'b')).mtimeMs, -100_000);
});

kernelTest('sparse files have their holes', ['userns', 'subid'], async (t) => {
  const size = 8 << 20;
  const map = `4096,4,${size - 4},4,${size},0`;
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar({
      name: 'x',
      data: 'headtail',
      pax: { 'GNU.sparse.size': String(size), 'GNU.sparse.map': map, 'GNU.sparse.name': 's' },
    }),
  );
  const stats = statSync(path.join(tree, 's'));
  assert.equal(stats.size, size);
  assert.ok(stats.blocks * 512 < 64 * 1024, `${stats.blocks} blocks`);
  const content = readFileSync(path.join(tree, 's'));
  assert.equal(content.toString('latin1', 4096, 4100), 'head');
  assert.equal(content.toString('latin1', size - 4), 'tail');
});

kernelTest('links are links', ['userns', 'subid'], async (t) => {
  const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`;
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar(
      { name: 'sym', type: '2', linkName: '../../etc/pass wd' },
      gnuLong('L', long),
      { name: 'cut', data: 'x' },
      gnuLong('K', long),
      { name: 'hard', type: '1' },
      { name: 'hard-to-sym', type: '1', linkName: 'sym' },
    ),
  );
  assert.equal(readlinkSync(path.join(tree, 'sym')), '../../etc/pass wd');
  assert.equal(lstatSync(path.join(tree, 'hard')).ino, lstatSync(path.join(tree, long)).ino);
  assert.equal(lstatSync(path.join(tree, 'hard-to-sym')).ino, lstatSync(path.join(tree, 'sym')).ino);
});

kernelTest('whiteouts concern the layers below only', ['userns', 'subid'], async (t) => {
  const { getXattr } = await import('../../src/sys/xattr.js');
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar(
      { name: '.wh.gone' },
      { name: 'deep/er/.wh.gone', data: 'with a body' },
      { name: '.wh.file-after' },
      { name: 'file-after', data: 'x' },
      { name: 'file-before', data: 'x' },
      { name: '.wh.file-before' },
      { name: '.wh.dir-after' },
      { name: 'dir-after/', ...DIR },
      { name: '.wh.implied' },
      { name: 'implied/in', data: 'x' },
      { name: 'dir-before/', ...DIR },
      { name: 'dir-before/in', data: 'x' },
      { name: '.wh.dir-before' },
      { name: 'opaque/', ...DIR },
      { name: 'opaque/in', data: 'x' },
      { name: 'opaque/.wh..wh..opq' },
      { name: 'early/.wh..wh..opq' },
      { name: 'early/in', data: 'x' },
      { name: '.wh..wh.aufs' },
      { name: '.wh..wh.plnk/1.2', data: 'x' },
    ),
  );
  const isWhiteout = (name: string): boolean => {
    const stats = lstatSync(path.join(tree, name));
    return stats.isCharacterDevice() && stats.rdev === 0;
  };
  const isOpaque = (name: string): boolean =>
    ['user.overlay.opaque', 'user.fuseoverlayfs.opaque'].every(
      (attribute) => getXattr(path.join(tree, name), attribute)?.toString() === 'y',
    );
  assert.ok(isWhiteout('gone') && isWhiteout('deep/er/gone'));
  for (const name of ['file-after', 'file-before']) assert.ok(lstatSync(path.join(tree, name)).isFile(), name);
  for (const name of ['dir-after', 'implied', 'dir-before', 'opaque', 'early']) assert.ok(isOpaque(name), name);
  assert.equal(readFileSync(path.join(tree, 'dir-before/in'), 'utf8'), 'x');
  assert.equal(isOpaque('deep'), false);
  const record = JSON.parse(readFileSync(path.join(tree, '../layer.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(record['impliedDirs'], ['deep', 'deep/er', 'early']);
  assert.equal(record['whiteouts'], 'native');
});

kernelTest('an empty layer is a layer', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const tree = await unpackTar(unpacking, makeTar());
  assert.equal(lstatSync(tree).mode & 0o7777, 0o755);
  assert.equal(leftovers(unpacking).length, 1);
});

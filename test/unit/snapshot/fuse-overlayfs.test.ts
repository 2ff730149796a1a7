import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import {
  findFuseOverlayfs,
  formatFuseMapping,
  fuseOverlayfsArgs,
  fuseOverlayfsFeatures,
  mountFuseOverlayfs,
  parseFuseOverlayfsVersion,
  type FuseOverlayfsOptions,
} from '../../../src/snapshot/fuse-overlayfs.js';

const rows: [string, FuseOverlayfsOptions, string[]][] = [
  ['one lower directory', { lower: ['/a'] }, ['-o', 'lowerdir=/a', '/t']],
  [
    'all directories',
    { lower: ['/b', '/a'], upper: '/u', work: '/w' },
    ['-o', 'lowerdir=/b:/a,upperdir=/u,workdir=/w', '/t'],
  ],
  ['commas and backslashes', { lower: ['/a,b\\c'] }, ['-o', 'lowerdir=/a\\,b\\\\c', '/t']],
  [
    'id mappings',
    {
      lower: ['/a'],
      uidMapping: [
        { onDisk: 1012, presented: 0, size: 1 },
        { onDisk: 0, presented: 1, size: 1012 },
      ],
      gidMapping: [{ onDisk: 0, presented: 0, size: 5 }],
    },
    ['-o', 'lowerdir=/a,uidmapping=1012:0:1:0:1:1012,gidmapping=0:0:5', '/t'],
  ],
  [
    'every switch',
    {
      lower: ['/a'],
      squashToRoot: true,
      squashToUid: 1,
      squashToGid: 2,
      staticNlink: true,
      noAcl: true,
      xattrPermissions: 2,
      noXattrs: true,
      volatile: true,
      timeoutSeconds: 5,
      writeback: false,
      readOnly: true,
      foreground: true,
      debug: true,
    },
    [
      '-f',
      '--debug',
      '-o',
      'lowerdir=/a,squash_to_root,squash_to_uid=1,squash_to_gid=2,static_nlink,noacl,xattr_permissions=2,noxattrs=1,volatile,timeout=5,writeback=0,ro',
      '/t',
    ],
  ],
];
for (const [name, options, want] of rows) {
  test(`fuseOverlayfsArgs() with ${name}`, () => {
    assert.deepEqual(fuseOverlayfsArgs(options, '/t'), want);
  });
}

const refused: [string, FuseOverlayfsOptions][] = [
  ['no lower directory', { lower: [] }],
  ['a colon in a path', { lower: ['/a:b'] }],
  ['an upper without a work directory', { lower: ['/a'], upper: '/u' }],
  ['a work without an upper directory', { lower: ['/a'], work: '/w' }],
];
for (const [name, options] of refused) {
  test(`fuseOverlayfsArgs() refuses ${name}`, () => {
    assert.throws(() => fuseOverlayfsArgs(options, '/t'), { code: 'USAGE' });
  });
}

test('formatFuseMapping() refuses ranges that overlap', () => {
  assert.throws(
    () =>
      formatFuseMapping([
        { onDisk: 0, presented: 0, size: 10 },
        { onDisk: 5, presented: 20, size: 1 },
      ]),
    { code: 'USAGE' },
  );
});

test('parseFuseOverlayfsVersion() reads what it prints', () => {
  assert.equal(
    parseFuseOverlayfsVersion(
      'fusermount3 version: 3.14.0\nfuse-overlayfs: version 1.10\nFUSE library version 3.14.0\n',
    ),
    '1.10',
  );
  assert.equal(parseFuseOverlayfsVersion('something else'), undefined);
});

test('fuseOverlayfsFeatures() follows the version', () => {
  assert.deepEqual([...fuseOverlayfsFeatures('0.7.6')], []);
  assert.deepEqual([...fuseOverlayfsFeatures('1.4.0')].sort(), [
    'squash-to-id',
    'squash-to-root',
    'volatile',
    'xattr-permissions',
  ]);
  assert.equal(fuseOverlayfsFeatures('1.10').has('user-overlay-xattrs'), true);
  assert.equal(fuseOverlayfsFeatures('2.0').has('noacl'), true);
  assert.equal(fuseOverlayfsFeatures(undefined).size, 0);
});

test('mountFuseOverlayfs() says what is missing, and what the program said', async (t) => {
  await assert.rejects(mountFuseOverlayfs({ lower: ['/a'] }, '/nowhere', '/nonexistent/fuse-overlayfs'), {
    code: 'SYSCALL',
  });
  if ((await findFuseOverlayfs()) === undefined) {
    t.skip('no fuse-overlayfs');
    return;
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'rrun-fuse-'));
  try {
    mkdirSync(path.join(dir, 'target'));
    await assert.rejects(mountFuseOverlayfs({ lower: [path.join(dir, 'absent')] }, path.join(dir, 'target')), {
      code: 'SYSCALL',
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

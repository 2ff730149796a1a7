// Roots put together by each driver, looked at from inside the user namespace of a container.

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';

import { step } from '../../src/helper/plan.js';
import { runInUserns } from '../../src/helper/userns-run.js';
import { chooseUserns } from '../../src/idmap/choose.js';
import { chooseDriver, type StorageDriver } from '../../src/snapshot/choose-driver.js';
import {
  describeRootfs,
  prepareRootfs,
  type RootfsMount,
  type RootfsRecord,
} from '../../src/snapshot/prepare-rootfs.js';
import type { HostPath } from '../../src/util/brand.js';
import { kernelTest, type Capability } from '../support/requires.js';
import { makeTar } from '../support/tar-builder.js';
import { openUnpacking, unpackTar, type Unpacking } from '../support/unpack.js';

const DIR = { type: '5', mode: 0o755 } as const;

const base = makeTar(
  { name: './', ...DIR },
  { name: 'tmp/', type: '5', mode: 0o1777 },
  { name: 'home/', ...DIR },
  { name: 'home/u/', type: '5', mode: 0o700, uid: 1000, gid: 1000 },
  { name: 'gone', data: 'x' },
  { name: 'gone-dir/', ...DIR },
  { name: 'gone-dir/in', data: 'x' },
  { name: 'opaque/', ...DIR },
  { name: 'opaque/below', data: 'x' },
  { name: 'kept', data: 'base', uid: 33, gid: 33 },
  { name: 'su', data: 'x', mode: 0o4755 },
  { name: 'h1', data: 'x' },
  { name: 'h2', type: '1', linkName: 'h1' },
  { name: 'removed/', type: '5', mode: 0o711, uid: 5 },
);
const top = makeTar(
  { name: '.wh.gone' },
  { name: '.wh.gone-dir' },
  { name: 'opaque/.wh..wh..opq' },
  { name: 'opaque/above', data: 'x' },
  // Neither tmp/ nor home/u/ is listed: they must stay as they are below.
  { name: 'tmp/file', data: 'x' },
  { name: 'home/u/.config/file', data: 'x', uid: 1000, gid: 1000 },
  { name: '.wh.removed' },
  { name: 'removed/new', data: 'x' },
);

const LOOK = `cd "$1" && ls -A && ls -A opaque removed && stat -c '%n %a %u:%g %h' . tmp home/u home/u/.config kept su h1 removed
echo more >> kept && cat kept && rm opaque/above && mkdir new && touch new/f && chown 7:8 new/f && stat -c '%u:%g' new/f kept && ls -A opaque`;

const WANT = `h1
h2
home
kept
opaque
removed
su
tmp
opaque:
above

removed:
new
. 755 0:0 7
tmp 1777 0:0 2
home/u 700 1000:1000 3
home/u/.config 755 0:0 2
kept 644 33:33 1
su 4755 0:0 1
h1 644 0:0 2
removed 755 0:0 2
basemore
7:8
33:33
`;

interface Case {
  driver: StorageDriver;
  userns?: string;
  needs: Capability[];
  /** What it becomes. */
  becomes?: StorageDriver;
}

const cases: Case[] = [
  { driver: 'overlay', needs: ['userns', 'subid'] },
  { driver: 'fuse-overlayfs', needs: ['userns', 'subid', 'fuse-overlayfs'] },
  { driver: 'vfs', needs: ['userns', 'subid'] },
  { driver: 'overlay', userns: 'keep-id', becomes: 'fuse-overlayfs', needs: ['userns', 'subid', 'fuse-overlayfs'] },
  { driver: 'vfs', userns: 'keep-id', needs: ['userns', 'subid'] },
];

for (const { driver, userns, needs, becomes } of cases) {
  kernelTest(
    `prepareRootfs() with ${driver}, --userns ${userns ?? 'default'}: the stack is merged`,
    needs,
    async (t) => {
      const unpacking = await openUnpacking(t);
      const { record, mount } = await prepare(unpacking, driver, userns);
      assert.equal(mount.driver, becomes ?? driver);
      const out = await lookInside(record, mount);
      // The number of links of a directory is the file system's own affair: fuse-overlayfs and others count differently.
      const shown = (text: string): string =>
        text.replace(/^(\S+ 1?7\S+ \S+) \d+$/gm, '$1').replace(/^total.*\n/gm, '');
      assert.equal(shown(out).trim(), shown(WANT).trim());
    },
  );
}

// Not looked at from inside: root there may not even pass the caller's directories.
kernelTest(
  'prepareRootfs() with --userns nomap gives the copy to the ids of the container',
  ['userns', 'subid'],
  async (t) => {
    const { record, mount } = await prepare(await openUnpacking(t), 'overlay', 'nomap');
    assert.equal(mount.driver, 'vfs');
    assert.match(mount.note ?? '', /copied/);
    const first = record.userns.uidMappings[0]?.hostID ?? NaN;
    for (const [name, uid, mode] of [
      ['.', 0, 0o755],
      ['tmp', 0, 0o1777],
      ['kept', 33, 0o644],
      ['su', 0, 0o4755],
    ] as const) {
      const stats = lstatSync(path.join(mount.target, name));
      assert.deepEqual([stats.uid - first, stats.mode & 0o7777], [uid, mode], name);
    }
  },
);

kernelTest('what a container writes never reaches a layer', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const { record, mount } = await prepare(unpacking, 'overlay');
  await lookInside(record, mount);
  assert.equal(readFileSync(path.join(record.lower[1] ?? '', 'kept'), 'utf8'), 'base');
  assert.deepEqual(readdirSync(path.join(record.lower[0] ?? '', 'opaque')), ['above']);
});

kernelTest(
  'describeRootfs() says the same for a container that exists',
  ['userns', 'subid', 'fuse-overlayfs'],
  async (t) => {
    const unpacking = await openUnpacking(t);
    for (const [driver, userns] of [
      ['overlay'],
      ['vfs'],
      ['fuse-overlayfs'],
      ['overlay', 'keep-id'],
      ['vfs', 'nomap'],
    ] as const) {
      const { record, mount, dir } = await prepare(unpacking, driver, userns);
      assert.deepEqual(describeRootfs(record, dir), mount);
    }
  },
);

kernelTest('chooseDriver() remembers, refuses and knows its drivers', ['userns', 'subid'], async (t) => {
  const { store } = await openUnpacking(t);
  const chosen = await chooseDriver(store);
  assert.ok(['overlay', 'fuse-overlayfs', 'vfs'].includes(chosen.driver));
  const memory = path.join(store.cacheDir, 'driver.json');
  const before = statSync(memory).mtimeMs;
  assert.deepEqual(await chooseDriver(store), chosen);
  assert.equal(statSync(memory).mtimeMs, before, 'not probed again');
  writeFileSync(
    memory,
    readFileSync(memory, 'utf8').replace('"works":true', '"works":false,"code":"SYSCALL","reason":"mount: EPERM"'),
  );
  await assert.rejects(chooseDriver(store, 'overlay'), {
    code: 'SYSCALL',
    message: 'cannot use storage driver "overlay": mount: EPERM',
  });
  writeFileSync(memory, '{"damaged');
  assert.deepEqual(await chooseDriver(store), chosen);
  await assert.rejects(chooseDriver(store, 'zfs'), { code: 'USAGE' });
  assert.equal((await chooseDriver(store, 'vfs')).driver, 'vfs');
});

async function prepare(
  unpacking: Unpacking,
  driver: StorageDriver,
  userns?: string,
): Promise<{ record: RootfsRecord; mount: RootfsMount; dir: HostPath }> {
  const lower = [await unpackTar(unpacking, top), await unpackTar(unpacking, base)];
  const choice = await chooseUserns({ userns, uid: 0, gid: 0 });
  const record: RootfsRecord = {
    lower,
    storageDriver: driver,
    userns: choice.mapping,
    options: { rm: false },
    ...(userns === undefined ? {} : { shift: choice.layers }),
  };
  const dir = path.join(unpacking.store.containersDir, `${driver}-${userns ?? ''}`) as HostPath;
  mkdirSync(dir);
  return { record, mount: await prepareRootfs(unpacking.store, record, { dir, aside: dir }), dir };
}

async function lookInside(record: RootfsRecord, mount: RootfsMount): Promise<string> {
  const overlay =
    mount.driver === 'overlay'
      ? [step('overlay', mount.target, mount.upper ?? '', mount.work ?? '', '', ...mount.lower)]
      : [];
  const fuse = mount.fuseOverlayfs === undefined ? [] : [mount.fuseOverlayfs, ...(mount.fuseArgs ?? [])];
  const { child, done } = runInUserns({
    mapping: record.userns,
    mountNamespace: true,
    before: overlay,
    argv: [
      '/bin/sh',
      '-c',
      `target=$1; shift; "$@" && set -- "$target" && ${LOOK}`,
      'sh',
      mount.target,
      ...(fuse.length === 0 ? ['true'] : fuse),
    ],
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const read = async (stream: Readable | null): Promise<string> =>
    Buffer.concat(await (stream ?? ([] as unknown as Readable)).toArray()).toString();
  const [out, said, result] = await Promise.all([read(child.stdout), read(child.stderr), done]);
  assert.equal(result.code, 0, `${said} ${JSON.stringify(result)}`);
  return out;
}

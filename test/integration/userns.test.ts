// The user namespace modes: default ranges, keep-id, nomap, single.

import assert from 'node:assert/strict';
import { statSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';

import { factsOf, mapRows } from '../support/facts.js';
import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const offline = ['--network', 'none'];
const { uid, gid } = userInfo();

kernelTest(
  'keep-id: the caller is itself inside and owns what it writes',
  ['userns', 'subid', 'docker-registry'],
  async (t) => {
    const home = await openServedHome(t, ['payload']);
    const facts = await factsOf(home, [...offline, '--userns', 'keep-id']);
    assert.deepEqual(facts.uids, [uid, uid, uid]);
    assert.deepEqual(facts.gids, [gid, gid, gid]);
    assert.ok(
      mapRows(facts.uidMap).some(([inside, outside, count]) => inside === uid && outside === uid && count === 1),
    );
    await ownsWhatItWrites(home, ['--userns', 'keep-id']);
    await imageOwners(home, ['--userns', 'keep-id', '-u', '0']);
  },
);

kernelTest('nomap: the caller is not mapped', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  const facts = await factsOf(home, [...offline, '--userns', 'nomap']);
  assert.deepEqual(facts.uids, [0, 0, 0]);
  assert.ok(!mapRows(facts.uidMap).some(([, outside, count]) => uid >= outside && uid < outside + count), facts.uidMap);
  await imageOwners(home, ['--userns', 'nomap']);
});

kernelTest('single: one id, and changes of owner seem to succeed', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  const facts = await factsOf(home, [...offline, '--userns', 'single']);
  assert.deepEqual(mapRows(facts.uidMap), [[0, uid, 1]]);
  assert.deepEqual(mapRows(facts.gidMap), [[0, gid, 1]]);
  assert.equal(facts.setgroups.trim(), 'deny');
  const script = 'touch /x && chown 1000:1000 /x && echo chown; mknod /dev/sd c 8 0 && echo mknod; su app -c "echo su"';
  const args = ['run', '--rm', ...offline, '--userns', 'single', '--entrypoint', 'sh', 'payload', '-c', script];
  const result = await home.run(args);
  assert.equal(result.stdout, 'chown\nmknod\nsu\n', describe(args, result));
  await ownsWhatItWrites(home, ['--userns', 'single']);
});

kernelTest('single with -u N: N is the caller', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  const facts = await factsOf(home, [...offline, '--userns', 'single', '-u', '1000:1000']);
  assert.deepEqual(facts.uids, [1000, 1000, 1000]);
  assert.deepEqual(mapRows(facts.uidMap), [[1000, uid, 1]]);
});

kernelTest(
  'default: a volume written by root inside belongs to the caller',
  ['userns', 'subid', 'docker-registry'],
  async (t) => {
    const home = await openServedHome(t, ['payload']);
    await ownsWhatItWrites(home, []);
  },
);

kernelTest(
  'default: -u by name takes the image’s uid, gid and groups',
  ['userns', 'subid', 'docker-registry'],
  async (t) => {
    const home = await openServedHome(t, ['payload']);
    const facts = await factsOf(home, [...offline, '-u', 'app']);
    assert.deepEqual([facts.uids[0], facts.gids[0]], [1000, 1000]);
    assert.ok(facts.groups.includes(18), `groups ${facts.groups.join()}`);
    assert.ok(facts.env.includes('HOME=/home/app'), facts.env.join());
  },
);

/** The image's files have the owners of the image, whatever the mapping. */
async function imageOwners(home: Home, options: readonly string[]): Promise<void> {
  const script = 'stat -c %u:%g /owned /etc/shadow /bin/busybox';
  const args = ['run', '--rm', ...offline, ...options, '--entrypoint', 'sh', 'payload', '-c', script];
  const result = await home.run(args);
  assert.equal(result.stdout, '1000:1000\n0:42\n0:0\n', describe(args, result));
}

async function ownsWhatItWrites(home: Home, options: readonly string[]): Promise<void> {
  const dir = path.join(home.dir, 'shared');
  mkdirSync(dir, { recursive: true });
  const name = `file-${options.join('')}`;
  await home.ok([
    'run',
    '--rm',
    ...offline,
    ...options,
    '-v',
    `${dir}:/shared`,
    'payload',
    '--write',
    `/shared/${name}`,
    'x',
  ]);
  const written = statSync(path.join(dir, name));
  assert.deepEqual([written.uid, written.gid], [uid, gid]);
}

// An ordinary user's machine on which a program or a device is missing: hidden in a mount namespace, which takes root to make.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';

import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, type Home, type RunResult } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const [user = 'nobody', uid = '65534', gid = '65534'] = (process.env['RRUN_TEST_USER'] ?? '').split(':');

/** What is hidden, by a bind of something that is no program and no device. */
const hide = {
  newuidmap: 'mount --bind /dev/null /usr/bin/newuidmap',
  slirp4netns: 'mount --bind /dev/null /usr/bin/slirp4netns',
  'fuse-overlayfs': 'mount --bind /dev/null /usr/bin/fuse-overlayfs',
  tun: 'mount -t tmpfs none /dev/net',
  fuse: 'mount --bind /proc/version /dev/fuse',
  ranges: 'mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid',
};

/** Runs rrun as the user, in a mount namespace in which `things` are hidden. */
async function runWithout(
  home: Home,
  things: readonly (keyof typeof hide)[],
  args: readonly string[],
): Promise<RunResult> {
  const script = `${things.map((thing) => hide[thing]).join(' && ')} && exec setpriv --reuid=${uid} --regid=${gid} --init-groups "$@"`;
  const argv = ['--mount', 'sh', '-c', script, 'sh', rrunProgram, ...args];
  const env = { ...home.env, USER: user };
  const result = await finish(spawn('unshare', argv, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] }));
  assert.ok(result, 'it hangs');
  return result;
}

async function openUsersHome(t: Parameters<typeof openServedHome>[0]): Promise<Home> {
  const home = await openServedHome(t, ['payload']);
  spawnSync('chown', ['-R', `${uid}:${gid}`, home.dir]);
  return home;
}

const needs = ['root', 'userns', 'docker-registry'] as const;
const offline = ['run', '--rm', '--network', 'none'];

kernelTest('without newuidmap: an error with a hint', needs, async (t) => {
  const home = await openUsersHome(t);
  const args = [...offline, 'payload'];
  const result = await runWithout(home, ['newuidmap'], args);
  assert.equal(result.status, 125, describe(args, result));
  assert.match(result.stderr, /^rrun: error: .*newuidmap/m);
  assert.match(result.stderr, /^rrun: hint: .*(uidmap|shadow)/m);
});

kernelTest('without ranges: one id inside, and one line says so', needs, async (t) => {
  const home = await openUsersHome(t);
  const args = [...offline, '--entrypoint', 'sh', 'payload', '-c', 'id -u; touch /x; chown 5:5 /x && echo chown'];
  const result = await runWithout(home, ['ranges'], args);
  assert.equal(result.stdout, '0\nchown\n', describe(args, result));
  assert.equal(result.status, 0);
  const notes = result.stderr.split('\n').filter((line) => line.startsWith('rrun: '));
  assert.equal(notes.length, 1, describe(args, result));
  assert.match(notes[0] ?? '', /\/etc\/subuid/);
});

kernelTest('without slirp4netns: an error with a hint, or a network that is left out with a line', needs, async (t) => {
  const home = await openUsersHome(t);
  const args = ['run', '--rm', '--network', 'slirp4netns', 'payload'];
  const result = await runWithout(home, ['slirp4netns'], args);
  assert.equal(result.status, 125, describe(args, result));
  assert.match(result.stderr, /^rrun: error: .*slirp4netns/m);
  assert.match(result.stderr, /^rrun: hint: .*(slirp4netns|--network)/m);
  assert.equal((await runWithout(home, ['slirp4netns'], [...offline, 'payload'])).status, 0);
});

kernelTest('without /dev/net/tun: the error names it', needs, async (t) => {
  const home = await openUsersHome(t);
  const args = ['run', '--rm', '--network', 'slirp4netns', 'payload'];
  const result = await runWithout(home, ['tun'], args);
  assert.equal(result.status, 125, describe(args, result));
  assert.match(result.stderr, /^rrun: error: .*\/dev\/net\/tun/m);
});

for (const thing of ['fuse', 'fuse-overlayfs'] as const) {
  kernelTest(`without ${thing}: asked for it is an error, keep-id copies with a line`, needs, async (t) => {
    const home = await openUsersHome(t);
    const args = ['--storage-driver', 'fuse-overlayfs', ...offline, 'payload'];
    const refused = await runWithout(home, [thing], args);
    assert.equal(refused.status, 125, describe(args, refused));
    assert.match(refused.stderr, thing === 'fuse' ? /^rrun: error: .*\/dev\/fuse/m : /^rrun: error: .*fuse-overlayfs/m);
    const copied = await runWithout(home, [thing], [...offline, '--userns', 'keep-id', 'payload']);
    assert.equal(copied.status, 0, describe(args, copied));
    assert.match(copied.stderr, /^rrun: .*cop(y|ied)/m);
  });
}

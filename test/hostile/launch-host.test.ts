// What a container could get of the host around a launch: descriptors, environment, processes of ours, the program itself.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, cpSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { distDir } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { makeRootfs } from '../support/rootfs.js';
import { describe, finish, openHome, waitFor, type Home, type RunOptions } from '../support/run-rrun.js';

type Case = (home: Home) => Promise<void>;

const offline = ['run', '--rm', '--network', 'none'];
const SECRET = { SECRET_OF_THE_CALLER: 'leaked' };

/** Runs a script in a busybox and returns what it says on stdout. */
async function say(home: Home, options: string[], script: string, more: RunOptions = {}): Promise<string> {
  const args = ['run', '--rm', ...options, '--rootfs', makeRootfs(home), 'sh', '-c', script];
  return await home.ok(args, { env: SECRET, ...more });
}

/** Says for each process below `most` whether its root is one that has `file`. */
const LOOK = (file: string, most: number): string =>
  `n=0; while [ $n -lt ${most} ]; do n=$((n+1)); [ -e /proc/$n/root${file} ] && echo open; done;`;

const cases: Record<string, Case> = {
  'a folder that the caller has open is no working directory, and no place of programs': async (home) => {
    const rootfs = makeRootfs(home);
    const dir = path.join(home.dir, 'h/open');
    mkdirSync(dir);
    cpSync(path.join(rootfs, 'bin/busybox'), path.join(dir, 'true'));
    const fd = openSync(dir, 'r');
    const stdio: RunOptions['stdio'] = ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', fd];
    const attempts = [
      ['-w', '/proc/self/fd/8', '--rootfs', rootfs, 'true'],
      ['-w', '/proc/self/fd/8/made/here', '--rootfs', rootfs, 'true'],
      ['--rootfs', rootfs, '/proc/self/fd/8/true'],
    ];
    for (const args of attempts) {
      const result = await finish(home.start([...offline, ...args], { stdio }));
      assert.ok(result !== undefined && result.status !== 0, args.join(' '));
      assert.deepEqual(readdirSync(dir), ['true'], args.join(' '));
    }
    closeSync(fd);
  },
  '--init keeps nothing of the caller’s environment and is under the filter': async (home) => {
    const script = 'tr "\\000" "\\n" < /proc/1/environ; grep Seccomp: /proc/1/status';
    const told = await say(home, ['--network', 'none', '--init'], script);
    assert.doesNotMatch(told, /leaked|HOME=/);
    assert.match(told, /^Seccomp:\s+2$/m);
  },
  'who joins a PID namespace is closed to those in it while it has the host’s files': async (home) => {
    const file = path.join(home.dir, 'h/secret');
    writeFileSync(file, 'secret');
    const rootfs = makeRootfs(home, { files: { '/spy': `: > /ready; while :; do ${LOOK(file, 60)} done` } });
    const spy = [
      '-d',
      '--network',
      'none',
      '--cap-add',
      'SYS_PTRACE',
      '--name',
      'spy',
      '--rootfs',
      rootfs,
      'sh',
      '/spy',
    ];
    const id = await home.ok(['run', ...spy]);
    await waitFor('it spies', () => (readdirSync(rootfs).includes('ready') ? true : undefined));
    const other = makeRootfs(home);
    const join = (options: string[], ...command: string[]): Promise<string> =>
      home.ok(['run', '--rm', '--pid', 'container:spy', ...options, '--rootfs', other, ...command]);
    home.beforeCheck(async () => void (await home.run(['rm', '-f', 'spy'])));
    for (let round = 0; round < 15; round++) await join(['--network', 'none'], 'true');
    assert.equal(await join(['--oom-score-adj', '500'], 'cat', '/proc/self/oom_score_adj'), '500');
    const others = ['--network', 'host', '--uts', 'host', '--ipc', 'host'];
    await join(others, 'true');
    assert.equal(readFileSync(path.join(home.store, 'containers', id, 'log'), 'utf8'), '');
    await home.ok(['rm', '-f', 'spy']);
  },
  'what exec brings into a container is closed to those in it, also with --pid host': async (home) => {
    const look = 'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in *rrun*) echo $p;; esac; done';
    const rootfs = makeRootfs(home, { files: { '/spy': `: > /ready; while :; do ${look}; done` } });
    const spy = ['--network', 'none', '--privileged', '--pid', 'host', '--name', 'watcher'];
    const id = await home.ok(['run', '-d', ...spy, '--rootfs', rootfs, 'sh', '/spy']);
    home.beforeCheck(async () => void (await home.run(['rm', '-f', 'watcher'])));
    await waitFor('it spies', () => (readdirSync(rootfs).includes('ready') ? true : undefined));
    for (let round = 0; round < 10; round++) {
      const told = await home.ok(['exec', 'watcher', 'sh', '-c', 'echo $SECRET_OF_THE_CALLER'], { env: SECRET });
      assert.equal(told, '');
    }
    assert.equal(readFileSync(path.join(home.store, 'containers', id, 'log'), 'utf8'), '');
    await home.ok(['rm', '-f', 'watcher']);
  },
  'with --pid host no process of ours lends its root or its environment': async (home) => {
    const file = path.join(home.dir, 'h/secret');
    writeFileSync(file, 'secret');
    const script =
      `for p in /proc/[0-9]*; do [ -e $p/root${file} ] && echo open $p; ` +
      'cat $p/environ 2>/dev/null; done | grep -a -E "^open|leaked"; echo done';
    for (const options of [
      ['--pid', 'host', '--privileged'],
      ['--pid', 'host'],
    ]) {
      assert.equal(await say(home, options, script), 'done', options.join(' '));
    }
  },
  'the program of a user who took away his own right to write is a sealed copy': async (home) => {
    const own = path.join(home.dir, 'h/own');
    cpSync(distDir, own, { recursive: true });
    chmodSync(path.join(own, 'rrun'), 0o555);
    const script = 'readlink /proc/1/exe; echo x >> /proc/1/exe';
    const args = [...offline, '--init', '--rootfs', makeRootfs(home), 'sh', '-c', script];
    const result = spawnSync(path.join(own, 'rrun'), args, { env: home.env, encoding: 'utf8' });
    assert.match(result.stdout, /^\/memfd:rrun/, describe(args, result));
    assert.deepEqual(readFileSync(path.join(own, 'rrun')), readFileSync(path.join(distDir, 'rrun')));
  },
  'a link in the place of a volume-subpath is not followed at the next start': async (home) => {
    const dir = path.join(home.dir, 'h/outside');
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'outside'), 'secret');
    const inVolume = ['--network', 'none', '-v', 'shared:/v'];
    await say(home, inVolume, 'mkdir /v/sub; touch /v/sub/inside');
    const subpath = ['--mount', 'type=volume,src=shared,dst=/s,volume-subpath=sub'];
    await home.ok([
      'create',
      '--name',
      'sub',
      '--network',
      'none',
      ...subpath,
      '--rootfs',
      makeRootfs(home),
      'ls',
      '/s',
    ]);
    assert.equal(await home.ok(['start', '-a', 'sub']), 'inside');
    await say(home, inVolume, `busybox mv /v/sub /v/old; busybox ln -s ${dir} /v/sub`);
    const args = ['start', '-a', 'sub'];
    const result = await home.run(args);
    assert.doesNotMatch(result.stdout, /outside/);
    assert.match(result.stderr, /ELOOP/, describe(args, result));
    await home.ok(['rm', 'sub']);
  },
  'what is mounted inside of a shared volume does not come to the host': async (home) => {
    const dir = path.join(home.dir, 'h/volume');
    mkdirSync(path.join(dir, 'sub'), { recursive: true });
    for (const kind of ['rprivate', 'rslave', 'rshared']) {
      const options = ['--network', 'none', '--cap-add', 'SYS_ADMIN', '-v', `${dir}:/v:${kind}`];
      const script =
        'busybox mount -t tmpfs inside /v/sub && : > /v/sub/file && grep -c " /v/sub " /proc/self/mountinfo; cat';
      const child = home.start(['run', '--rm', '-i', ...options, '--rootfs', makeRootfs(home), 'sh', '-c', script]);
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      assert.deepEqual(readdirSync(path.join(dir, 'sub')), [], kind);
      child.stdin?.end();
      assert.equal((await finish(child))?.status, 0, kind);
    }
  },
  'masks and read-only mounts hold in a user namespace of its own': async (home) => {
    const script =
      'unshare -Urm sh -c "busybox umount /proc/keys; busybox mount -o remount,rw,bind /proc/sys; busybox mount -o remount,rw,bind /v" 2>&1 | ' +
      'grep -c -E "can.t unmount|denied|Operation not permitted"';
    const told = await say(home, ['--network', 'none', '-v', `${home.dir}/h:/v:ro`], script).catch(() => '0');
    assert.ok(Number(told) === 3 || Number(told) <= 1, told); // 1: the filter refuses the user namespace
  },
};

kernelTest(
  'a container gets nothing of the host but what it is given',
  ['userns', 'subid', 'slirp4netns'],
  async (t) => {
    const home = openHome(t);
    for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
    await t.test('nothing is left of them', async () => {
      assert.deepEqual(await home.containers(), []);
    });
  },
);

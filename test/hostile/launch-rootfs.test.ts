// Root file systems that lead out by links, or have the wrong thing where a launch makes or reads something.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { kernelTest } from '../support/requires.js';
import { makeRootfs, type Rootfs } from '../support/rootfs.js';
import { describe, openHome, type Home, type RunResult } from '../support/run-rrun.js';

const offline = ['run', '--rm', '--network', 'none'];

async function runIn(home: Home, rootfs: Rootfs, options: string[], ...command: string[]): Promise<RunResult> {
  return await home.run([...offline, ...options, '--rootfs', makeRootfs(home, rootfs), ...command]);
}

/** A folder and a file of the host that nobody else may look into, and what they are like now. */
function makeSecret(home: Home): { dir: string; file: string; state: () => string } {
  const dir = path.join(home.dir, 'h/secret');
  const file = path.join(dir, 'file');
  mkdirSync(dir, { recursive: true });
  writeFileSync(file, 'secret\n');
  chmodSync(file, 0o600);
  chmodSync(dir, 0o700);
  return {
    dir,
    file,
    state: () =>
      [dir, file].map((each) => statSync(each).mode.toString(8)).join() +
      readdirSync(dir).join() +
      readFileSync(file, 'utf8'),
  };
}

type Case = (home: Home) => Promise<void>;

const cases: Record<string, Case> = {
  'a link to nothing inside is not followed on the host, and the container starts': async (home) => {
    const secret = makeSecret(home);
    const before = secret.state();
    const up = `../../../..${secret.dir}`;
    const attacks: [Rootfs, string[]][] = [
      [{ links: { '/dev': secret.dir } }, []],
      [{ links: { '/sys': secret.file } }, []],
      [{ links: { '/etc': up } }, []],
      [{ links: { '/data': secret.dir } }, ['-v', `${home.dir}/h:/data`]],
      [{ links: { '/data': secret.file } }, ['-v', `${home.dir}/h:/data`]],
      [{ links: { '/data': up } }, ['--tmpfs', '/data/new/deep']],
      [{ links: { '/one': '/two', '/two': secret.dir } }, ['-v', `${home.dir}/h:/one/x`]],
    ];
    for (const [rootfs, options] of attacks) {
      const result = await runIn(home, rootfs, options, 'echo', 'started');
      assert.equal(secret.state(), before, JSON.stringify(rootfs.links));
      assert.equal(result.stdout, 'started\n', describe(options, result));
    }
  },
  'a file that is a link to a folder that is missing is made where it leads': async (home) => {
    const rootfs = { links: { '/etc/resolv.conf': '../run/systemd/resolve/stub-resolv.conf' } };
    const result = await runIn(home, rootfs, ['--dns', '10.9.9.9'], 'cat', '/run/systemd/resolve/stub-resolv.conf');
    assert.match(result.stdout, /^nameserver 10\.9\.9\.9$/m, describe([], result));
  },
  'circles, long chains and magic links are refused': async (home) => {
    const links: Record<string, string> = { '/loop': 'loop', '/magic': '/proc/self/root/tmp', '/chain0': '/tmp' };
    for (let at = 1; at < 60; at++) links[`/chain${at}`] = `chain${at - 1}`;
    const rootfs = makeRootfs(home, { links });
    for (const target of [
      '/loop',
      '/loop/x',
      '/magic',
      '/chain59/x',
      '/proc/1/root/x',
      '/proc/self/cwd',
      '/proc/self/fd/0',
    ]) {
      const result = await home.run([...offline, '-v', `${home.dir}/h:${target}`, '--rootfs', rootfs, 'true']);
      assert.equal(result.status, 125, target);
      assert.match(result.stderr, /ELOOP|ENOENT/, target);
    }
  },
  'a file where a folder must be, and the other way round, is said': async (home) => {
    const asFile: Rootfs[] = ['/dev', '/proc', '/etc', '/sys'].map((name) => ({ files: { [name]: '' } }));
    for (const rootfs of asFile) {
      const result = await runIn(home, rootfs, [], 'true');
      assert.equal(result.status, 125, describe([], result));
      assert.match(result.stderr, /ENOTDIR/);
    }
    const rootfs = makeRootfs(home);
    mkdirSync(path.join(rootfs, 'etc/hosts'));
    const result = await home.run([...offline, '--rootfs', rootfs, 'true']);
    assert.match(result.stderr, /"\/etc\/hosts"/);
  },
  'a passwd file that is no file, is too large or leads out is not read': async (home) => {
    const secret = makeSecret(home);
    writeFileSync(secret.file, 'spy:x:77:77::/:\n');
    const linked = makeRootfs(home, {
      links: { '/etc/passwd': secret.file, '/etc/group': '/proc/self/root/etc/group' },
    });
    const piped = makeRootfs(home);
    spawnSync('mkfifo', [path.join(piped, 'etc/passwd'), path.join(piped, 'etc/group')]);
    const huge = makeRootfs(home, { files: { '/etc/passwd': 'spy:x:77:77::/:\n' } });
    truncateSync(path.join(huge, 'etc/passwd'), 1 << 30);
    for (const rootfs of [linked, piped, huge]) {
      const named = await home.run([...offline, '-u', 'spy', '--rootfs', rootfs, 'true'], { timeoutMs: 15_000 });
      assert.match(named.stderr, /unable to find user spy/);
      const numbered = await home.run([...offline, '-u', '77', '--rootfs', rootfs, 'true'], { timeoutMs: 15_000 });
      assert.equal(numbered.status, 0, describe([], numbered));
    }
  },
  'a program that is /proc/self/exe, itself or as interpreter, is this one in a container': async (home) => {
    const rootfs = makeRootfs(home, { files: { '/script': '#!/proc/self/exe\n' } });
    for (const program of ['/proc/self/exe', '/script']) {
      const result = await home.run([...offline, '--rootfs', rootfs, program, 'x']);
      assert.match(result.stderr, /node not found in PATH/, describe([program], result));
    }
  },
};

kernelTest('a hostile root file system stays inside', ['userns', 'subid'], async (t) => {
  const home = openHome(t);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
  await t.test('nothing is left of them', async () => {
    assert.deepEqual(await home.containers(), []);
  });
});

// What a container starts with is the caller's state or the documented default, never Node's or rrun's own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

import { parseFacts, type Facts } from '../support/facts.js';
import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { finish, type Home, type RunResult } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

/** Runs the payload from a shell that has done `before`, so that the state is the shell's and not this Node's. */
async function factsAfter(home: Home, before: string, options: readonly string[] = []): Promise<Facts> {
  const argv = [rrunProgram, 'run', '--rm', '--network', 'none', ...options, 'payload'];
  const child = spawn('sh', ['-c', `${before}; exec "$0" "$@"`, ...argv], {
    env: home.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const result = await finish(child);
  assert.equal(result?.status, 0, result?.stderr);
  return parseFacts(result.stdout);
}

kernelTest('the state that a container starts with', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload', 'alpine']);
  await home.ok(['pull', 'payload']);
  await home.ok(['pull', 'alpine']);
  await t.test('the soft limit of open files is the caller’s, which Node would raise', async () => {
    const facts = await factsAfter(home, 'ulimit -Sn 512');
    assert.equal(facts.rlimits['nofile']?.[0], 512);
  });
  await t.test('the core limit is the caller’s', async () => {
    assert.deepEqual((await factsAfter(home, 'ulimit -c 0')).rlimits['core'], [0, 0]);
  });
  await t.test('SIGPIPE is not ignored, which Node would do', async () => {
    assert.deepEqual((await factsAfter(home, ':')).ignoredSignals, []);
  });
  await t.test('niceness is the caller’s', async () => {
    assert.equal((await factsAfter(home, 'renice -n 5 $$ >/dev/null')).nice, 5);
  });
  await t.test('the umask is 0022 as with Docker, whatever the caller’s', async () => {
    assert.equal((await factsAfter(home, 'umask 077')).umask, 0o022);
  });
  await t.test('a caller’s umask of 077 closes nothing to the other ids of the container', async () => {
    const look = 'umask 077; exec "$0" run --rm --network none -u 1000 -v box:/box -v /anonymous "$@"';
    const command = 'cat /etc/hosts /etc/resolv.conf >/dev/null && ls -ld /box /anonymous && cd /box && cd /anonymous';
    const child = spawn('sh', ['-c', look, rrunProgram, 'alpine', 'sh', '-c', command], { env: home.env });
    const result = await finish(child);
    assert.equal(result?.status, 0, result?.stderr);
    assert.match(result.stdout, /^drwxr-xr-x .*\ndrwxr-xr-x /);
  });
  await t.test('in a working directory that was removed, only relative paths fail', async () => {
    const gone = async (...args: string[]): Promise<RunResult | undefined> => {
      const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"';
      return await finish(spawn('sh', ['-c', script, rrunProgram, ...args], { env: home.env, cwd: home.dir }));
    };
    assert.equal((await gone('run', '--rm', '--network', 'none', 'alpine', 'true'))?.status, 0);
    const relative = await gone('run', '--rm', '-v', './x:/x', 'alpine', 'true');
    assert.equal(relative?.status, 125);
    assert.match(relative.stderr, /ENOENT/);
  });
  await t.test('descriptors of the caller stay outside', async () => {
    const facts = await factsAfter(home, 'exec 5</etc/passwd 9>/dev/null');
    assert.deepEqual(Object.keys(facts.fds).sort(), ['0', '1', '2']);
  });
  await t.test('streams are blocking', async () => {
    const facts = await factsAfter(home, ':', ['-i']);
    for (const flags of facts.fdFlags) assert.equal(flags & 0o4000, 0);
  });
  await t.test('closed standard streams of the caller are no error', async () => {
    const child = spawn('sh', ['-c', 'exec "$0" run --rm --network none payload --exit 3 <&- >&- 2>&-', rrunProgram], {
      env: home.env,
      stdio: 'ignore',
    });
    assert.equal((await finish(child))?.status, 3);
  });
});

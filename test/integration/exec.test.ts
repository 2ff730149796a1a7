// exec: what a further process in a container has, how it ends, and that nothing of the host or of itself is left with it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

import { leftProcesses } from '../support/leaks.js';
import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, waitFor, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

async function fails(home: Home, args: string[], want: { code: number; says: RegExp }): Promise<void> {
  const result = await home.run(args);
  assert.equal(result.status, want.code, describe(args, result));
  assert.match(result.stderr, want.says);
}

const cases: Record<string, Case> = {
  'it gives the command’s output, input and exit code': async (home) => {
    const result = await home.run(['exec', '-i', 'box', 'sh', '-c', 'cat; echo err >&2; exit 9'], { input: 'in' });
    assert.equal(result.stdout, 'in');
    assert.equal(result.stderr, 'err\n');
    assert.equal(result.status, 9);
    assert.equal(await home.ok(['exec', 'box', 'cat'], { input: 'not for it' }), '');
    assert.equal((await home.run(['exec', 'box', 'sh', '-c', 'kill -9 $$'])).status, 137);
  },
  'it is in every namespace of the container, with its rights': async (home) => {
    const facts =
      'for n in user mnt pid net ipc uts cgroup; do readlink $1/ns/$n; done; grep -E "^(Cap|NoNewP|Seccomp)" $1/status';
    const inside = (which: string): string[] => ['exec', 'box', 'sh', '-c', facts, 'sh', `/proc/${which}`];
    assert.equal(await home.ok(inside('self')), await home.ok(inside('1')));
    const all = await home.ok(['exec', '--privileged', 'box', 'grep', 'CapEff', '/proc/self/status']);
    assert.match(all, /CapEff:\s+0*[1-9a-f][f]{9}/);
  },
  'nothing of the caller gets in: no descriptor, variable or directory': async (home) => {
    const script = 'ls -l /proc/self/fd; env; pwd; cat /proc/self/cmdline | tr "\\0" " "';
    const child = home.start(['exec', 'box', 'sh', '-c', script], {
      env: { SECRET: 'secret' },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    const result = await finish(child);
    assert.equal(result?.status, 0);
    const { stdout } = result;
    assert.ok(!/secret|SECRET|RRUN_/.test(stdout), stdout);
    assert.match(stdout, /^PWD=\/$/m);
    assert.match(stdout, /^HOME=\/root$/m);
    // 3 is the directory that ls reads.
    assert.deepEqual(stdout.match(/ \d+ -> /g), [' 0 -> ', ' 1 -> ', ' 2 -> ']);
    assert.ok(!/-> \/(?!dev\/null|proc)/.test(stdout), stdout);
  },
  'user, directory and environment can be others': async (home) => {
    const script = 'id -u; id -g; pwd; echo "$A $B $HOME"';
    const options = ['-u', 'nobody', '-w', '/tmp', '-e', 'A=1', '-e', 'B'];
    const said = await home.ok(['exec', ...options, 'box', 'sh', '-c', script], { env: { B: 'mine' } });
    assert.match(said, /^65534\n65534\n\/tmp\n1 mine \/\S*$/);
    assert.equal(await home.ok(['exec', '-u', '12:34', 'box', 'sh', '-c', 'echo $(id -u):$(id -g)']), '12:34');
    await fails(home, ['exec', '-u', 'whoever', 'box', 'id'], { code: 125, says: /unable to find user whoever/ });
  },
  'failures have Docker’s codes, and the container goes on': async (home) => {
    await fails(home, ['exec', 'box', 'nope'], { code: 127, says: /cannot run "nope" in container "box": not found/ });
    await fails(home, ['exec', 'box', '--'], { code: 127, says: /cannot run "--" in container "box": not found/ });
    await fails(home, ['exec', 'box', '/etc'], { code: 126, says: /cannot run "\/etc" in container "box"/ });
    await fails(home, ['exec', '-w', '/nope', 'box', 'id'], { code: 125, says: /directory "\/nope" is not in/ });
    await fails(home, ['exec', '-w', 'tmp', 'box', 'id'], { code: 125, says: /absolute path/ });
    await fails(home, ['exec', '-it', 'box', 'id'], { code: 125, says: /not a TTY/ });
    await fails(home, ['exec', 'nobody', 'id'], { code: 125, says: /no such container/ });
    await home.ok(['create', '--name', 'still', 'alpine', 'id']);
    await fails(home, ['exec', 'still', 'id'], { code: 1, says: /container "still": it is not running/ });
    await home.ok(['rm', 'still']);
    assert.match(await home.ok(['ps', '--format', '{{.Names}}']), /^box$/);
  },
  'detached it prints nothing and goes on': async (home) => {
    assert.equal(await home.ok(['exec', '-d', 'box', 'sh', '-c', 'sleep 0.3; echo done >/tmp/made']), '');
    await waitFor('it has written', async () =>
      (await home.run(['exec', 'box', 'cat', '/tmp/made'])).stdout === 'done\n' ? true : undefined,
    );
    await fails(home, ['exec', '-d', 'box', 'nope'], { code: 127, says: /not found/ });
  },
  'signals in the foreground are the command’s': async (home) => {
    const child = home.start([
      'exec',
      'box',
      'sh',
      '-c',
      'trap "echo got; exit 3" TERM; echo up; while :; do sleep 0.05; done',
    ]);
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    const result = await finish(child);
    assert.equal(result?.stdout, 'up\ngot\n');
    assert.equal(result.status, 3);
  },
  'with -t it has a terminal, and /dev/console stays what it was': async (home) => {
    const inside = 'tty; echo $TERM; ls /dev/console 2>&1; exit 4';
    const typed = `'${rrunProgram}' exec -it box sh -c '${inside}'`;
    const child = spawn('script', ['-qec', typed, '/dev/null'], { env: home.env, stdio: ['pipe', 'pipe', 'pipe'] });
    const result = await finish(child);
    assert.match(result?.stdout ?? '', /\/dev\/pts\/\d+\r\nxterm\r\n.*No such file/);
    assert.equal(result?.status, 4);
  },
  'several at once work, and none leaves anything': async (home) => {
    const before = leftProcesses(home).length;
    const many = Array.from({ length: 8 }, (_, index) => home.ok(['exec', 'box', 'echo', String(index)]));
    assert.deepEqual(await Promise.all(many), ['0', '1', '2', '3', '4', '5', '6', '7']);
    await waitFor('all have ended', () => (leftProcesses(home).length <= before ? true : undefined));
  },
  'it ends with its container': async (home) => {
    const child = home.start(['exec', 'box', 'sh', '-c', 'echo up; sleep 600']);
    child.stdout?.once('data', () => void home.run(['kill', 'box']));
    assert.equal((await finish(child))?.status, 137);
    await home.run(['wait', 'box']);
    await home.ok(['start', 'box']);
  },
};

kernelTest('exec', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  await home.ok(['run', '-d', '--network', 'none', '--name', 'box', 'alpine', 'sleep', '600']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
  await home.ok(['rm', '-f', 'box']);
});

kernelTest('exec into containers of other kinds', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  for (const options of [
    ['--pid=host'],
    ['--network=host', '--ipc=host', '--uts=host'],
    ['--userns=single'],
    ['--userns=nomap'],
    ['--userns=keep-id'],
    ['--init', '--read-only'],
  ]) {
    await home.ok(['run', '-d', ...options, '--name', 'kind', 'alpine', 'sleep', '600']);
    assert.equal(await home.ok(['exec', 'kind', 'echo', 'inside']), 'inside', options.join(' '));
    const own = 'echo $(id -u); cat /proc/1/comm';
    assert.match(await home.ok(['exec', 'kind', 'sh', '-c', own]), /^\d+\n/, options.join(' '));
    const typed = `'${rrunProgram}' exec -t kind tty`;
    const child = spawn('script', ['-qec', typed, '/dev/null'], { env: home.env, stdio: ['pipe', 'pipe', 'pipe'] });
    assert.match((await finish(child))?.stdout ?? '', /\/dev\/pts\/\d/, options.join(' '));
    await home.ok(['rm', '-f', 'kind']);
  }
});

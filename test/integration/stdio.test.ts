// Standard streams and signals of a container in the foreground, and who ends when what is killed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { parseFacts } from '../support/facts.js';
import { leftProcesses } from '../support/leaks.js';
import { kernelTest } from '../support/requires.js';
import { finish, waitFor, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const run = ['run', '--rm', '--network', 'none'];

const cases: Record<string, Case> = {
  'stdout and stderr stay apart': async (home) => {
    const result = await home.run([...run, 'payload', '--stdout', 'to out', '--stderr', 'to err', '--exit', '3']);
    assert.deepEqual(result, { status: 3, signal: null, stdout: 'to out\n', stderr: 'to err\n' });
  },
  'a megabyte goes in by -i and is counted': async (home) => {
    const result = await home.run([...run, '-i', 'payload', '--read-stdin'], { input: Buffer.alloc(1 << 20, 'x') });
    assert.equal(result.stdout, `stdin ${1 << 20}\n`, result.stderr);
  },
  'ten megabytes come out complete': async (home) => {
    const args = [...run, '--entrypoint', 'sh', 'payload', '-c', 'head -c 10485760 /dev/zero'];
    const result = await home.run(args);
    assert.equal(result.stdout.length, 10_485_760);
    assert.equal(result.status, 0);
  },
  'a reader that goes away ends the command by SIGPIPE or an error, not a hang': async (home) => {
    const child = home.start([...run, '--entrypoint', 'sh', 'payload', '-c', 'yes | head -c 100000000; echo done >&2']);
    child.stdin?.end();
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.stdout?.destroy();
    assert.ok(await finish(child, 30_000), 'it hangs');
  },
  'with passthrough the caller’s own descriptors are inside': async (home) => {
    const file = path.join(home.dir, 'passed');
    const fd = openSync(file, 'w');
    const child = home.start([...run, '--log-driver', 'passthrough', 'payload'], { stdio: ['ignore', fd, 'pipe'] });
    const result = await finish(child);
    closeSync(fd);
    assert.equal(result?.status, 0, result?.stderr);
    const facts = parseFacts(readFileSync(file, 'utf8'));
    assert.doesNotMatch(facts.fds['1'] ?? '', /^pipe:/);
    assert.match(facts.fds['2'] ?? '', /^(pipe|socket):/);
  },
  'signals go on to the command once': async (home) => {
    const script =
      'trap "echo got TERM; exit 7" TERM; trap "echo got USR1" USR1; echo ready; while :; do sleep 0.05; done';
    const child = home.start([...run, '--entrypoint', 'sh', 'payload', '-c', script]);
    const done = finish(child, 30_000);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, 400));
    child.kill('SIGTERM');
    const result = await done;
    assert.equal(result?.stdout, 'ready\ngot USR1\ngot TERM\n', result?.stderr);
    assert.equal(result.status, 7);
  },
  'killing the foreground rrun kills the container': async (home) => {
    const child = home.start([
      'run',
      '--network',
      'none',
      '--name',
      'victim',
      'payload',
      '--stdout',
      'up',
      '--spawn-sleep',
      '600',
      '--sleep',
      '600',
    ]);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const closed = once(child, 'exit');
    child.kill('SIGKILL');
    await closed;
    await containerIsGone(home);
    const status = await home.ok(['ps', '-a', '--filter', 'name=victim', '--format', '{{.Status}}']);
    assert.match(status, /^Exited \(137\)/);
    await home.ok(['rm', 'victim']);
  },
  'no node stays while a container runs': async (home) => {
    const child = home.start([...run, 'payload', '--stdout', 'up', '--sleep', '600']);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    await waitFor(
      'node has gone',
      () => (leftProcesses(home).some((line) => /\bnode\b|rrun\.mjs/.test(line)) ? undefined : true),
      5000,
    );
    const done = finish(child);
    child.kill('SIGKILL');
    await done;
    await containerIsGone(home);
  },
};

kernelTest('streams and signals of a container in the foreground', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  await home.ok(['pull', 'payload']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
});

// The kernel clears the parent-death signal of a process that changes its ids (prctl(2)); the container must end all the same.
kernelTest(
  'killing rrun kills a container whose command has changed its ids',
  ['userns', 'subid', 'docker-registry'],
  async (t) => {
    const home = await openServedHome(t, ['payload']);
    await home.ok(['pull', 'payload']);
    const command = ['payload', 'app', '-c', 'echo up; exec sleep 600'];
    const child = home.start(['run', '--rm', '--network', 'none', '--entrypoint', 'su', ...command]);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const closed = once(child, 'exit');
    child.kill('SIGKILL');
    await closed;
    await containerIsGone(home);
  },
);

async function containerIsGone(home: Home): Promise<void> {
  await waitFor('the container is gone', () => (leftProcesses(home).length === 0 ? true : undefined));
}

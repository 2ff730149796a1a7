// stop, kill, wait, rename, restart: as Docker's, on containers that really run.

import assert from 'node:assert/strict';

import { leftProcesses } from '../support/leaks.js';
import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const run = ['run', '-d', '--network', 'none'];
const status = async (home: Home, name: string): Promise<string> =>
  home.ok(['ps', '-a', '--filter', `name=^${name}$`, '--format', '{{.Status}}']);

async function fails(home: Home, args: string[], want: { code: number; says: RegExp; prints?: string }): Promise<void> {
  const result = await home.run(args);
  assert.equal(result.status, want.code, describe(args, result));
  assert.match(result.stderr, want.says);
  assert.equal(result.stdout, want.prints ?? '');
}

const cases: Record<string, Case> = {
  'stop asks, waits, kills, and tries every name': async (home) => {
    await home.ok([...run, '--name', 'deaf', 'alpine', 'sleep', '600']);
    await home.ok([
      ...run,
      '--name',
      'polite',
      'alpine',
      'sh',
      '-c',
      'trap "exit 7" TERM; while :; do sleep 0.05; done',
    ]);
    await fails(home, ['stop', '-t', '1', 'deaf', 'nobody', 'polite'], {
      code: 1,
      says: /"nobody": no such container/,
      prints: 'deaf\npolite\n',
    });
    assert.match(await status(home, 'deaf'), /^Exited \(137\)/);
    assert.match(await status(home, 'polite'), /^Exited \(7\)/);
    assert.equal(await home.ok(['stop', 'deaf']), 'deaf');
    await fails(home, ['stop', '-s', 'NOPE', 'deaf'], { code: 125, says: /invalid signal/ });
    assert.deepEqual(leftProcesses(home), []);
    await home.ok(['rm', 'deaf', 'polite']);
  },
  'stop uses the signal and the time that the container was created with': async (home) => {
    const script = 'trap "exit 5" USR1; while :; do sleep 0.05; done';
    await home.ok([...run, '--name', 'own', '--stop-signal', 'USR1', 'alpine', 'sh', '-c', script]);
    await home.ok([...run, '--name', 'hasty', '--stop-timeout', '0', 'alpine', 'sleep', '600']);
    await home.ok(['stop', 'own', 'hasty']);
    assert.match(await status(home, 'own'), /^Exited \(5\)/);
    assert.match(await status(home, 'hasty'), /^Exited \(137\)/);
    await home.ok(['rm', 'own', 'hasty']);
  },
  'kill sends KILL or another signal, and refuses what does not run': async (home) => {
    await home.ok([...run, '--name', 'one', 'alpine', 'sh', '-c', 'trap "exit 4" HUP; while :; do sleep 0.05; done']);
    assert.equal(await home.ok(['kill', '-s', 'SIGHUP', 'one']), 'one');
    assert.equal(await home.ok(['wait', 'one']), '4');
    await fails(home, ['kill', 'one'], { code: 1, says: /cannot kill container "one": it is not running/ });
    await home.ok(['start', 'one']);
    await home.ok(['kill', 'one']);
    assert.equal(await home.ok(['wait', 'one']), '137');
    await home.ok(['rm', 'one']);
  },
  'wait prints the exit codes in order, of what removes itself as well': async (home) => {
    await home.ok([...run, '--name', 'aa', 'alpine', 'sh', '-c', 'sleep 0.5; exit 3']);
    await home.ok([...run, '--rm', '--name', 'bb', 'alpine', 'sh', '-c', 'sleep 1; exit 6']);
    await home.ok(['create', '--name', 'cc', 'alpine']);
    assert.equal(await home.ok(['wait', 'bb']), '6');
    await fails(home, ['wait', 'aa', 'bb', 'cc'], { code: 1, says: /"bb": no such container/, prints: '3\n0\n' });
    await home.ok(['rm', 'aa', 'cc']);
  },
  'rename works while it runs, and the old name is free': async (home) => {
    await home.ok([...run, '--name', 'old', 'alpine', 'sleep', '600']);
    assert.equal(await home.ok(['rename', 'old', 'new']), '');
    await home.ok(['create', '--name', 'old', 'alpine']);
    await fails(home, ['rename', 'old', 'new'], {
      code: 1,
      says: /cannot rename container "old" to "new": another container has/,
    });
    assert.match(await status(home, 'new'), /^Up/);
    await home.ok(['rm', '-f', 'old', 'new']);
  },
  'a renamed container with --rm takes its own names along and nobody else’s': async (home) => {
    await home.ok([...run, '--rm', '--name', 'first', 'alpine', 'sleep', '600']);
    await home.ok(['rename', 'first', 'second']);
    await fails(home, ['create', '--name', 'first', 'alpine'], { code: 125, says: /the name is in use/ });
    await home.ok(['kill', 'first']);
    await home.run(['wait', 'second']);
    assert.deepEqual(await home.containers(), []);
    await home.ok(['create', '--name', 'first', 'alpine']);
    await home.ok(['create', '--name', 'second', 'alpine']);
    await home.ok(['rm', 'first', 'second']);
  },
  'restart gives a new process, and starts what had ended': async (home) => {
    const started = async (): Promise<string> => home.ok(['inspect', '--format', '{{.State.StartedAt}}', 'rr']);
    await home.ok([...run, '--name', 'rr', 'alpine', 'sleep', '600']);
    const before = await started();
    assert.equal(await home.ok(['restart', '-t', '0', 'rr']), 'rr');
    assert.notEqual(await started(), before);
    await home.ok(['stop', '-t', '0', 'rr']);
    await home.ok(['restart', 'rr']);
    assert.match(await status(home, 'rr'), /^Up/);
    await fails(home, ['restart', 'none', 'none2'], { code: 1, says: /"none": no such.*\n.*"none2": no such/ });
    await home.ok(['rm', '-f', 'rr']);
  },
};

kernelTest('stop, kill, wait, rename, restart', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  await home.ok(['pull', 'alpine']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
});

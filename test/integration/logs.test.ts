// logs: streams apart, parts of lines kept, following ends with the container.

import assert from 'node:assert/strict';

import { kernelTest } from '../support/requires.js';
import { describe, finish, waitFor, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const run = ['run', '-d', '--network', 'none', '--name'];

const cases: Record<string, Case> = {
  'stdout and stderr come apart, with an unfinished last line': async (home) => {
    await home.ok([...run, 'both', 'alpine', 'sh', '-c', 'echo to out; echo to err >&2; printf unfinished']);
    await home.ok(['wait', 'both']);
    const result = await home.run(['logs', 'both']);
    assert.equal(result.status, 0, describe(['logs'], result));
    assert.equal(result.stdout, 'to out\nunfinished');
    assert.equal(result.stderr, 'to err\n');
    assert.equal((await home.run(['logs', '-n', '1', 'both'])).stdout, 'unfinished');
    const stamped = await home.run(['logs', '-t', '--details', 'both']);
    assert.match(stamped.stdout, /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z {2}to out\n/);
    assert.equal((await home.run(['logs', '--since', '-1h', 'both'])).stdout, '');
    assert.equal((await home.run(['logs', '--until', '1h', 'both'])).stdout, '');
    await home.ok(['rm', 'both']);
  },
  'following shows what comes, and ends with the container, --rm as well': async (home) => {
    const script = 'echo begin; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done; sleep 1; echo end';
    await home.ok([...run, 'talks', '--rm', 'alpine', 'sh', '-c', script]);
    const result = await home.run(['logs', '-f', 'talks']);
    const numbers = Array.from({ length: 2000 }, (_, index) => String(index + 1));
    assert.equal(result.stdout, ['begin', ...numbers, 'end', ''].join('\n'));
    assert.equal(result.status, 0);
    // The container was removed by itself, which takes a moment longer than its last line.
    await waitFor('it is gone', async () => ((await home.containers()).length === 0 ? true : undefined));
  },
  'a follower that nobody reads from any more ends': async (home) => {
    await home.ok([...run, 'endless', 'alpine', 'sh', '-c', 'while :; do echo y; sleep 0.02; done']);
    const child = home.start(['logs', '-f', '--tail', '0', 'endless']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const result = await finish(child, 20_000);
    assert.equal(result?.status, 141);
    await home.ok(['rm', '-f', 'endless']);
  },
  'what has no log, or does not exist, is said with code 1': async (home) => {
    await home.ok([...run, 'silent', '--log-driver', 'none', 'alpine', 'echo', 'x']);
    await home.ok(['wait', 'silent']);
    for (const [name, says] of [
      ['silent', /--log-driver none keeps none/],
      ['nobody', /no such container/],
    ] as const) {
      const result = await home.run(['logs', name]);
      assert.equal(result.status, 1, describe(['logs', name], result));
      assert.match(result.stderr, says);
    }
    assert.equal((await home.run(['logs', '--tail', 'x', 'silent'])).status, 125);
    await home.ok(['rm', 'silent']);
  },
};

kernelTest('logs', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  await home.ok(['pull', 'alpine']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
});

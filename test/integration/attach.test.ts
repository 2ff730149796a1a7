// attach: clients of a container in the background.

import assert from 'node:assert/strict';

import { kernelTest } from '../support/requires.js';
import { describe, finish, waitFor, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const run = ['run', '-d', '--network', 'none', '--name', 'box'];

const cases: Record<string, Case> = {
  'what is typed goes in, what is printed comes out, with the exit code': async (home) => {
    await home.ok([...run, '-i', 'alpine', 'sh', '-c', 'read line; echo "got $line"; echo err >&2; exit 5']);
    const result = await home.run(['attach', 'box'], { input: 'hello\n' });
    assert.equal(result.stdout, 'got hello\n', describe(['attach'], result));
    assert.equal(result.stderr, 'err\n');
    assert.equal(result.status, 5);
    const late = await home.run(['attach', 'box']);
    assert.equal(late.status, 1);
    assert.match(late.stderr, /cannot attach to container "box": it is not running/);
  },
  'several are attached at once': async (home) => {
    await home.ok([...run, 'alpine', 'sh', '-c', 'while [ ! -e /go ]; do echo tick; sleep 0.1; done; echo end']);
    const clients = [0, 1, 2].map(() => home.start(['attach', '--no-stdin', 'box']));
    const results = clients.map((client) => finish(client));
    await Promise.all(clients.map((client) => new Promise((resolve) => client.stdout?.once('data', resolve))));
    await home.ok(['exec', 'box', 'touch', '/go']);
    for (const result of await Promise.all(results)) {
      assert.equal(result?.status, 0);
      assert.match(result.stdout, /^(tick\n)*end\n$/);
    }
  },
  'signals go to the container, or with --sig-proxy=false end the client alone': async (home) => {
    const script = 'trap "echo bye; exit 3" TERM; while :; do echo up; sleep 0.05; done';
    await home.ok([...run, 'alpine', 'sh', '-c', script]);
    for (const alone of [true, false]) {
      const child = home.start(['attach', ...(alone ? ['--sig-proxy=false'] : []), 'box']);
      child.stdout?.once('data', () => child.kill('SIGTERM'));
      const result = await finish(child);
      if (alone) assert.equal(result?.signal, 'SIGTERM');
      else assert.equal(result?.status, 3);
    }
    await waitFor('it has ended', async () => ((await home.ok(['ps', '-q'])) === '' ? true : undefined));
  },
  'without its run directory it is said that nobody can attach': async (home) => {
    await home.ok([...run, 'alpine', 'sleep', '600']);
    const result = await home.run(['--runroot', `${home.dir}/r/other`, 'attach', 'box']);
    assert.equal(result.status, 125, describe(['attach'], result));
    assert.match(result.stderr, /cannot attach to container "box": reach its monitor/);
  },
};

kernelTest('attach', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  await home.ok(['pull', 'alpine']);
  for (const [name, body] of Object.entries(cases)) {
    await t.test(name, async () => {
      await body(home);
      await home.ok(['rm', '-f', 'box']);
    });
  }
});

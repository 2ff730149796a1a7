// Kill -9 of any process of ours at any moment of pull, create, run and rm: the next command just works.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';

import { leftProcesses } from '../support/leaks.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, waitFor, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const rounds = Number(process.env['RRUN_TEST_ROUNDS'] ?? 20);

/** What is interrupted, with about the time that it takes undisturbed. */
const victims: { args: (round: number) => string[]; mostMs: number }[] = [
  { args: () => ['pull', 'payload'], mostMs: 500 },
  { args: (round) => ['create', '--name', `c${round}`, 'payload'], mostMs: 400 },
  { args: () => ['run', '--rm', '--network', 'none', 'payload', '--exit', '0'], mostMs: 400 },
  { args: (round) => ['run', '--network', 'none', '--name', `r${round}`, 'payload', '--exit', '0'], mostMs: 400 },
  { args: (round) => ['run', '-d', '--rm', '--name', `d${round}`, 'alpine', 'sleep', '1'], mostMs: 500 },
  { args: () => ['rm', '-f', 'standing'], mostMs: 300 },
  { args: () => ['rmi', 'payload'], mostMs: 200 },
];

kernelTest(`kill -9 at random moments, ${rounds} rounds`, ['userns', 'docker-registry', 'tun'], async (t) => {
  const home = await openServedHome(t, ['payload', 'alpine']);
  for (let round = 0; round < rounds; round++) {
    const victim = victims[round % victims.length];
    assert.ok(victim);
    const args = victim.args(round);
    if (args.includes('standing')) await home.run(['create', '--name', 'standing', 'payload']);
    await interrupt(home, args, randomInt(victim.mostMs));
    await nextCommandWorks(home, `round ${round}, after ${args.join(' ')}`);
  }
  await everythingCanBeRemoved(home);
});

/** Starts a command, and after a while kills one of the processes that belong to it, whichever comes up. */
async function interrupt(home: Home, args: readonly string[], afterMs: number): Promise<void> {
  const child = home.start(args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const done = finish(child, 30_000);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const ours = leftProcesses(home).map((line) => Number(/process (\d+)/.exec(line)?.[1]));
  const pid = ours[randomInt(Math.max(1, ours.length))];
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // it had ended by itself
  }
  const result = await done;
  assert.ok(result, `${args.join(' ')} hangs after kill -9 of one of its processes`);
}

async function nextCommandWorks(home: Home, when: string): Promise<void> {
  const args = ['run', '--rm', '--network', 'none', 'payload', '--stdout', 'works'];
  const result = await home.run(args);
  assert.equal(result.stdout, 'works\n', `${when}: ${describe(args, result)}`);
  assert.equal(result.status, 0, `${when}: ${describe(args, result)}`);
}

async function everythingCanBeRemoved(home: Home): Promise<void> {
  await waitFor(
    'detached containers have ended',
    async () => ((await home.ok(['ps', '-q'])) === '' ? true : undefined),
    60_000,
  );
  for (const id of await home.containers()) await home.ok(['rm', '-f', id]);
  // A name that a killed command had claimed is nobody's: the next one that wants it gets it.
  for (const name of readdirSync(path.join(home.store, 'names'))) {
    await home.ok(['create', '--name', name, 'payload']);
    await home.ok(['rm', name]);
  }
  await home.ok(['run', '--rm', '--network', 'none', 'payload', '--exit', '0']);
  for (const folder of ['containers', 'names', 'tmp']) {
    assert.deepEqual(readdirSync(path.join(home.store, folder)), [], `left in ${folder}/`);
  }
}

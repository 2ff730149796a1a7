// Containers in the background: what stays, what it costs, how they are seen and ended.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { leftProcesses } from '../support/leaks.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, readIfThere, waitFor, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const run = ['run', '-d', '--network', 'none'];

const cases: Record<string, Case> = {
  'it prints the id, is listed as up, and rm -f ends and removes it': async (home) => {
    const id = await home.ok([...run, '--name', 'up', 'payload', '--sleep', '600']);
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.match(await home.ok(['ps', '--no-trunc', '--format', '{{.ID}} {{.Status}}']), new RegExp(`^${id} Up `));
    const refused = await home.run(['rm', 'up']);
    assert.equal(refused.status, 2, describe(['rm', 'up'], refused));
    assert.equal(await home.ok(['rm', '-f', 'up']), 'up');
    assert.deepEqual(leftProcesses(home), []);
  },
  'rrun is back at once and holds none of the caller’s descriptors': async (home) => {
    const child = home.start([...run, '--name', 'free', 'payload', '--sleep', '600']);
    child.stdin?.end();
    // "close" comes only when nobody has the pipes any more.
    const result = await finish(child, 20_000);
    assert.equal(result?.status, 0);
    await home.ok(['rm', '-f', 'free']);
  },
  'what it prints is in the log, and its exit code is kept': async (home) => {
    const id = await home.ok([...run, 'payload', '--stdout', 'to out', '--stderr', 'to err', '--exit', '9']);
    const status = async (): Promise<string> =>
      home.ok(['ps', '-a', '--no-trunc', '--filter', `id=${id}`, '--format', '{{.Status}}']);
    await waitFor('it has ended', async () => ((await status()).startsWith('Exited (9)') ? true : undefined));
    const log = readFileSync(path.join(home.store, 'containers', id, 'log'), 'utf8')
      .trim()
      .split('\n');
    const entries = log.map((line) => JSON.parse(line) as { log: string; stream: string; time: string });
    assert.deepEqual(entries.map(({ log: text, stream }) => `${stream} ${text}`).sort(), [
      'stderr to err\n',
      'stdout to out\n',
    ]);
    for (const { time } of entries) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    await home.ok(['rm', id]);
  },
  'no node stays, and what stays is less than a megabyte': async (home) => {
    const id = await home.ok([...run, 'payload', '--sleep', '600']);
    await waitFor(
      'node has gone',
      () => (leftProcesses(home).some((line) => /\bnode\b|rrun\.mjs/.test(line)) ? undefined : true),
      5000,
    );
    const ours = leftProcesses(home).filter((line) => !/--sleep 600/.test(line));
    const pss = ours.map((line) => pssKib(/process (\d+)/.exec(line)?.[1] ?? ''));
    assert.ok(ours.length >= 1, 'no monitor was found');
    const total = pss.reduce((sum, kib) => sum + kib, 0);
    assert.ok(total < 1024, `${total} KiB: ${ours.join('; ')}`);
    await home.ok(['rm', '-f', id]);
  },
  'it goes on without the run directory, and its status stays known': async (home) => {
    const id = await home.ok([...run, 'payload', '--sleep', '2', '--exit', '4']);
    for (const name of readdirSync(path.join(home.dir, 'r')))
      rmSync(path.join(home.dir, 'r', name), { recursive: true, force: true });
    assert.match(await home.ok(['ps', '--format', '{{.Status}}']), /^Up /);
    await waitFor('it has ended', async () =>
      (await home.ok(['ps', '-q', '--filter', `id=${id}`])) === '' ? true : undefined,
    );
    assert.match(await home.ok(['ps', '-a', '--format', '{{.Status}}']), /^Exited \(4\)/);
    await home.ok(['rm', id]);
  },
  'a killed monitor takes its container along, and the status says 137': async (home) => {
    const id = await home.ok([...run, 'payload', '--sleep', '600']);
    const pid = readIfThere(path.join(home.store, 'containers', id, 'lock'))?.split(' ')[0];
    assert.match(pid ?? '', /^\d+$/);
    const monitor = leftProcesses(home)
      .filter((line) => !/--sleep 600/.test(line))
      .map((line) => Number(/process (\d+)/.exec(line)?.[1]));
    process.kill(Math.min(...monitor), 'SIGKILL');
    await waitFor('everything has ended', () => (leftProcesses(home).length === 0 ? true : undefined));
    assert.match(await home.ok(['ps', '-a', '--format', '{{.Status}}']), /^(Exited \(137\)|Dead)/);
    await home.ok(['rm', id]);
    assert.deepEqual(readdirSync(home.runRoot), []);
  },
  'what runs has been started: another start says its name, whoever was first': async (home) => {
    await home.ok(['create', '--network', 'none', '--name', 'once', 'payload', '--sleep', '600']);
    const results = await Promise.all(Array.from({ length: 6 }, () => home.run(['start', 'once'])));
    for (const result of results) assert.deepEqual([result.status, result.stdout], [0, 'once\n'], result.stderr);
    assert.equal(await home.ok(['start', 'once', 'once']), 'once\nonce');
    const attached = await home.run(['start', '-a', 'once']);
    assert.equal(attached.status, 125);
    assert.match(attached.stderr, /cannot start container "once": it is running already/);
    await home.ok(['rm', '-f', 'once']);
  },
  'a detached container that cannot start is an error, and nothing stays': async (home) => {
    const result = await home.run([...run, '--rm', '--entrypoint', '/no/such', 'payload']);
    assert.equal(result.status, 127, describe(run, result));
    assert.equal(result.stdout, '');
    assert.deepEqual(await home.containers(), []);
  },
  '--cidfile gets the id, and an existing file is refused before anything is made': async (home) => {
    const file = path.join(home.dir, 'cid');
    const id = await home.ok([...run, '--rm', '--cidfile', file, 'payload', '--exit', '0']);
    assert.equal(readFileSync(file, 'utf8').trim(), id);
    const second = await home.run([...run, '--cidfile', file, 'payload', '--exit', '0']);
    assert.equal(second.status, 125, describe(run, second));
    await waitFor('it is removed', async () => ((await home.containers()).length === 0 ? true : undefined));
  },
  'a run that came to nothing takes its --cidfile back': async (home) => {
    const file = path.join(home.dir, 'taken-back');
    const args = ['run', '--network', 'none', '--cidfile', 'taken-back', '--entrypoint', '/no/such', 'payload'];
    assert.equal((await home.run(args)).status, 127);
    assert.equal(existsSync(file), false);
  },
};

kernelTest('containers in the background', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  await home.ok(['pull', 'payload']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
});

kernelTest(
  'a detached container with a network leaves no network helper',
  ['userns', 'docker-registry', 'tun'],
  async (t) => {
    const home = await openServedHome(t, ['alpine']);
    const id = await home.ok(['run', '-d', 'alpine', 'sleep', '600']);
    assert.ok(leftProcesses(home).length > 0);
    await home.ok(['rm', '-f', id]);
    await waitFor('slirp4netns has gone', () => (leftProcesses(home).length === 0 ? true : undefined));
  },
);

function pssKib(pid: string): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/smaps_rollup`) ?? '')?.[1] ?? 0);
}

// rrun started by root: the container's ids are subordinate ones, never the host's root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { mapRows, parseFacts } from '../support/facts.js';
import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, type Home, type RunResult } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const needs = ['root', 'userns', 'docker-registry'] as const;
const args = ['run', '--rm', '--network', 'none', 'payload'];

/** Runs rrun as root where root's ranges in /etc/subuid and /etc/subgid are `line`: seen in a mount namespace only. */
async function runWithRanges(home: Home, line: string): Promise<RunResult> {
  const file = path.join(home.dir, 'ranges');
  const others = readFileSync('/etc/subuid', 'utf8').replace(/^(root|0|containers):.*\n/gm, '');
  writeFileSync(file, others + line, { mode: 0o644 });
  const script = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"';
  const argv = ['--mount', 'sh', '-c', script, file, rrunProgram, ...args];
  const result = await finish(spawn('unshare', argv, { env: home.env, stdio: ['ignore', 'pipe', 'pipe'] }));
  assert.ok(result, 'it hangs');
  return result;
}

for (const name of ['root', 'containers']) {
  kernelTest(`root with the ranges of "${name}"`, needs, async (t) => {
    const home = await openServedHome(t, ['payload']);
    const result = await runWithRanges(home, `${name}:700000000:65536\n`);
    assert.equal(result.status, 0, describe(args, result));
    const facts = parseFacts(result.stdout);
    assert.deepEqual(facts.uids, [0, 0, 0]);
    assert.deepEqual(mapRows(facts.uidMap), [[0, 700_000_000, 65_536]]);
    assert.deepEqual(mapRows(facts.gidMap), [[0, 700_000_000, 65_536]]);
  });
}

kernelTest('root without ranges: an error with the line to add', needs, async (t) => {
  const home = await openServedHome(t, ['payload']);
  const result = await runWithRanges(home, '');
  assert.equal(result.status, 125, describe(args, result));
  assert.match(result.stderr, /^rrun: error: .*\/etc\/subuid/m);
  assert.match(result.stderr, /^rrun: hint: .*root:\d+:65536/m);
});

// rrun started by root: the container's ids are subordinate ones, never the host's root.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

import { factsOf, mapRows } from '../support/facts.js';
import { kernelTest } from '../support/requires.js';
import { describe } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

/** Puts other ranges into /etc/subuid and /etc/subgid for the time of `body`. */
async function withRanges(line: string, body: () => Promise<void>): Promise<void> {
  const files = ['/etc/subuid', '/etc/subgid'];
  for (const file of files) {
    renameSync(file, `${file}.rrun-test`);
    const others = readFileSync(`${file}.rrun-test`, 'utf8').replace(/^(root|0|containers):.*\n/gm, '');
    writeFileSync(file, others + line, { mode: 0o644 });
  }
  try {
    await body();
  } finally {
    for (const file of files) if (existsSync(`${file}.rrun-test`)) renameSync(`${file}.rrun-test`, file);
  }
}

for (const name of ['root', 'containers']) {
  kernelTest(`root with the ranges of "${name}"`, ['root', 'userns', 'docker-registry'], async (t) => {
    const home = await openServedHome(t, ['payload']);
    await withRanges(`${name}:700000000:65536\n`, async () => {
      const facts = await factsOf(home, ['--network', 'none']);
      assert.deepEqual(facts.uids, [0, 0, 0]);
      assert.deepEqual(mapRows(facts.uidMap), [[0, 700_000_000, 65_536]]);
      assert.deepEqual(mapRows(facts.gidMap), [[0, 700_000_000, 65_536]]);
    });
  });
}

kernelTest('root without ranges: an error with the line to add', ['root', 'userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  await withRanges('', async () => {
    const args = ['run', '--rm', '--network', 'none', 'payload'];
    const result = await home.run(args);
    assert.equal(result.status, 125, describe(args, result));
    assert.match(result.stderr, /^rrun: error: .*\/etc\/subuid/m);
    assert.match(result.stderr, /^rrun: hint: .*root:\d+:65536/m);
  });
});

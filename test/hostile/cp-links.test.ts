// A container that swaps directories for symlinks while `cp` runs, in its own root and in a directory of the host that is mounted in it.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { kernelTest } from '../support/requires.js';
import { waitFor } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const ROUNDS = 12;

/** Renames a directory away and puts a symlink there, and back, as fast as the shell can. */
const SWAP = (place: string, target: string): string =>
  `mkdir -p ${place}/sub; ln -s ${target} ${place}/link; : > ${place}/swapping; ` +
  `while :; do mv -T ${place}/sub ${place}/away; mv -T ${place}/link ${place}/sub; mv -T ${place}/sub ${place}/link; mv -T ${place}/away ${place}/sub; done 2>/dev/null`;

kernelTest('cp is not led out by links that are swapped', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const at = (name: string): string => path.join(home.dir, 'h', name);
  for (const name of ['victim', 'shared', 'tree/sub']) mkdirSync(at(name), { recursive: true });
  writeFileSync(at('victim/secret'), 'secret');
  writeFileSync(at('tree/sub/planted'), 'planted');
  await home.ok(['pull', 'alpine']);

  await t.test('into the container: the host’s file of the same path stays away', async () => {
    const script = SWAP('/tmp/d', at('victim'));
    await home.ok(['run', '-d', '--network', 'none', '--name', 'inside', 'alpine', 'sh', '-c', script]);
    await waitFor('it swaps', async () =>
      (await home.run(['cp', 'inside:/tmp/d/swapping', '-'])).status === 0 ? true : undefined,
    );
    for (let round = 0; round < ROUNDS; round++) await home.run(['cp', at('tree/.'), 'inside:/tmp/d']);
    assert.deepEqual(readdirSync(at('victim')), ['secret']);
    for (let round = 0; round < ROUNDS; round++) {
      const { stdout } = await home.run(['cp', 'inside:/tmp/d/sub/.', '-']);
      assert.doesNotMatch(stdout, /secret/);
    }
    await home.ok(['rm', '-f', 'inside']);
  });

  await t.test('to and from a directory of the host that the container has as well', async () => {
    const script = SWAP('/shared/d', at('victim'));
    await home.ok([
      'run',
      '-d',
      '--network',
      'none',
      '--name',
      'both',
      '-v',
      `${at('shared')}:/shared`,
      'alpine',
      'sh',
      '-c',
      script,
    ]);
    await waitFor('it swaps', () => (readdirSync(at('shared')).includes('d') ? true : undefined));
    await home.ok([
      'run',
      '--network',
      'none',
      '--name',
      'source',
      'alpine',
      'sh',
      '-c',
      'mkdir -p /d/sub; echo planted > /d/sub/planted',
    ]);
    for (let round = 0; round < ROUNDS; round++) await home.run(['cp', 'source:/d/.', at('shared/d')]);
    assert.deepEqual(readdirSync(at('victim')), ['secret']);
    for (let round = 0; round < ROUNDS; round++) await home.run(['cp', at('shared/d'), 'source:/copied']);
    assert.doesNotMatch((await home.run(['cp', 'source:/copied', '-'])).stdout, /secret/);
    await home.ok(['rm', '-f', 'both', 'source']);
  });
});

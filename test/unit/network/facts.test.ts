import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { deviceProblem, loadNetworkFacts } from '../../../src/network/facts.js';
import type { HostPath } from '../../../src/util/brand.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-network-'));
after(() => {
  rmSync(dir, { recursive: true });
});

test('loadNetworkFacts() looks at slirp4netns only where it is needed', async () => {
  const facts = await loadNetworkFacts({ network: 'none' });
  assert.deepEqual([facts.slirp4netns, facts.tunProblem], [undefined, undefined]);
});

test('loadNetworkFacts() remembers features, and asks again when the memory is damaged or the directory absent', async () => {
  const first = await loadNetworkFacts({ cacheDir: dir as HostPath });
  const file = path.join(dir, 'slirp4netns.json');
  if (first.slirp4netns === undefined) return; // not installed here: nothing to remember
  assert.ok(existsSync(file));
  const memory = JSON.parse(readFileSync(file, 'utf8')) as { key: string };
  writeFileSync(file, JSON.stringify({ key: memory.key, features: ['cidr', 'nonsense'] }));
  assert.deepEqual(
    [...((await loadNetworkFacts({ cacheDir: dir as HostPath })).slirp4netns?.features ?? [])],
    ['cidr'],
  );
  writeFileSync(file, '{"key":');
  const again = await loadNetworkFacts({ cacheDir: dir as HostPath });
  assert.deepEqual(again.slirp4netns, first.slirp4netns);
  const absent = await loadNetworkFacts({ cacheDir: path.join(dir, 'absent') as HostPath });
  assert.deepEqual(absent.slirp4netns, first.slirp4netns);
});

test('deviceProblem() opens the device and gives the errno', () => {
  assert.equal(deviceProblem('/dev/null'), undefined);
  assert.equal(deviceProblem(path.join(dir, 'tun')), 'ENOENT');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeFilter } from '../../../src/container/filter.js';
import { listContainers } from '../../../src/container/list.js';
import { RrunError } from '../../../src/errors.js';
import type { HostPath } from '../../../src/util/brand.js';
import { makeContainer, makeStore, markExited } from './made.js';

const IMAGE_ID = `sha256:${'ab'.repeat(32)}` as never;

const ROWS: [filters: string[], want: string][] = [
  [['status=created'], 'old web'],
  [['status=exited'], 'bad db'],
  [['status=exited', 'status=created'], 'bad db old web'],
  [['status=running'], ''],
  [['exited=0'], 'db'],
  [['exited=1', 'exited=0'], 'bad db'],
  [['exited=137'], ''],
  [['name=we'], 'web'],
  [['name=^/db$'], 'db'],
  [['name=^d', 'name=^w'], 'db web'],
  [['label=tier'], 'db web'],
  [['label=tier=front'], 'web'],
  [['label=tier', 'label=extra'], 'web'],
  [['label=nope'], ''],
  [['network=none'], 'bad db old'],
  [['network=host'], 'web'],
  [['volume=data'], 'db'],
  [['volume=/var/lib'], 'db'],
  [['ancestor=alpine'], 'bad old web'],
  [['ancestor=image-by-id'], 'db'],
  [['before=db'], 'old web'],
  [['since=db'], 'bad'],
  [['status=exited', 'name=db'], 'db'],
];

for (const [filters, want] of ROWS) {
  test(`makeFilter() of ${filters.join(' ')}`, async (t) => {
    const store = await makeStore(t);
    makeContainer(store, 'old');
    makeContainer(store, 'web', { labels: { tier: 'front', extra: '' }, network: 'host' });
    const volume = {
      destination: '/var/lib',
      name: 'data',
      source: '/v/data/_data' as HostPath,
      anonymous: false,
      created: false,
      copyUp: false,
    };
    markExited(
      makeContainer(store, 'db', { labels: { tier: 'back' }, volumes: [volume], imageName: 'pg', imageId: IMAGE_ID }),
      0,
    );
    markExited(makeContainer(store, 'bad'), 1);
    const values = new Map<string, string[]>();
    for (const each of filters) {
      const at = each.indexOf('=');
      values.set(each.slice(0, at), [...(values.get(each.slice(0, at)) ?? []), each.slice(at + 1)]);
    }
    const passes = await makeFilter(store, values, (name) =>
      Promise.resolve(name === 'image-by-id' ? IMAGE_ID : undefined),
    );
    const found = (await listContainers(store)).filter(passes).map(({ record }) => record.name);
    assert.equal(found.sort().join(' '), want);
  });
}

for (const [name, value] of [
  ['status', 'up'],
  ['exited', 'x'],
  ['name', '['],
  ['nope', 'x'],
] as const) {
  test(`makeFilter() refuses ${name}=${value}`, async (t) => {
    const store = await makeStore(t);
    await assert.rejects(
      makeFilter(store, new Map([[name, [value]]]), () => Promise.resolve(undefined)),
      (error) => error instanceof RrunError && error.code === 'USAGE',
    );
  });
}

test('makeFilter() refuses to compare with a container that is not there', async (t) => {
  const store = await makeStore(t);
  await assert.rejects(
    makeFilter(store, new Map([['before', ['nope']]]), () => Promise.resolve(undefined)),
    (error) => error instanceof RrunError && error.code === 'NOT_FOUND',
  );
});

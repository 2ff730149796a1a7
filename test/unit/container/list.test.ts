import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { findContainer, listContainers, tryFindContainer } from '../../../src/container/list.js';
import { RrunError } from '../../../src/errors.js';
import { tryLock } from '../../../src/sys/lock.js';
import { makeContainer, makeStore, markExited } from './made.js';

test('listContainers() of an empty store is empty', async (t) => {
  assert.deepEqual(await listContainers(await makeStore(t)), []);
});

test('listContainers() gives the newest first, each with its state', async (t) => {
  const store = await makeStore(t);
  const [first, second, third] = [
    makeContainer(store, 'first'),
    makeContainer(store, 'second'),
    makeContainer(store, 'third'),
  ];
  markExited(first, 3);
  writeFileSync(path.join(second.dir, 'lock'), '42 2024-05-01T10:00:00Z\n');
  const fd = openSync(path.join(second.dir, 'lock'), 'r+');
  t.after(() => closeSync(fd));
  assert.ok(tryLock(fd));
  const states = (await listContainers(store)).map(
    ({ record, state }) => `${record.name} ${state.status} ${state.exitCode}`,
  );
  assert.deepEqual(states, ['third created 0', 'second running 0', 'first exited 3']);
  const running = await listContainers(store, { runningOnly: true });
  assert.deepEqual(
    running.map(({ record }) => record.id),
    [second.record.id],
  );
  const only = await listContainers(store, { only: new Set([third.record.id]) });
  assert.deepEqual(
    only.map(({ record }) => record.id),
    [third.record.id],
  );
});

test('listContainers() shows a damaged record as dead and passes over foreign files', async (t) => {
  const store = await makeStore(t);
  makeContainer(store, 'whole');
  const damaged = makeContainer(store, 'cut');
  writeFileSync(path.join(damaged.dir, 'container.json'), '');
  writeFileSync(path.join(store.containersDir, 'note.txt'), 'x');
  const found = (await listContainers(store)).map(({ record, state }) => `${record.name} ${state.status}`).sort();
  assert.deepEqual(found, ['cut dead', 'whole created']);
});

test('findContainer() knows full id, name, "/name" and a unique beginning', async (t) => {
  const store = await makeStore(t);
  const { record } = makeContainer(store, 'web');
  for (const typed of [record.id, 'web', '/web', record.id.slice(0, 12), record.id.slice(0, 5)]) {
    assert.equal((await findContainer(store, typed)).record.id, record.id, typed);
  }
});

test('findContainer() prefers a name to the beginning of an id', async (t) => {
  const store = await makeStore(t);
  const { record } = makeContainer(store, 'web');
  const named = makeContainer(store, record.id.slice(0, 4));
  assert.equal((await findContainer(store, record.id.slice(0, 4))).record.id, named.record.id);
});

test('findContainer() refuses a beginning that several have, and what is not there', async (t) => {
  const store = await makeStore(t);
  const id = (last: string): never => `${'ab'.repeat(31)}0${last}` as never;
  makeContainer(store, 'one', { id: id('1') });
  makeContainer(store, 'two', { id: id('2') });
  await assert.rejects(findContainer(store, 'abab'), (error) => error instanceof RrunError && error.code === 'USAGE');
  for (const typed of ['', 'nope', 'ffff', '../names', 'f'.repeat(64), '.', 'a/b']) {
    await assert.rejects(
      findContainer(store, typed, 'start'),
      (error) =>
        error instanceof RrunError && error.code === 'NOT_FOUND' && error.message.startsWith('cannot start container'),
    );
  }
});

test('tryFindContainer() takes a name whose container has gone for nobody’s', async (t) => {
  const store = await makeStore(t);
  const { dir } = makeContainer(store, 'web');
  rmSync(dir, { recursive: true });
  assert.equal(await tryFindContainer(store, 'web'), undefined);
});

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { findContainer } from '../../../src/container/list.js';
import { renameContainer } from '../../../src/container/rename.js';
import { RrunError, type ErrorCode } from '../../../src/errors.js';
import { makeContainer, makeStore } from './made.js';

const hasCode =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof RrunError && error.code === code;

test('renameContainer() gives the new name and frees the old one', async (t) => {
  const store = await makeStore(t);
  const { record } = makeContainer(store, 'old');
  await renameContainer(store, await findContainer(store, 'old'), 'new');
  assert.equal((await findContainer(store, 'new')).record.id, record.id);
  assert.equal((await findContainer(store, record.id)).record.name, 'new');
  assert.ok(!existsSync(path.join(store.namesDir, 'old')));
  assert.deepEqual(readdirSync(store.tmpDir), []);
});

test('renameContainer() refuses names that are taken, its own, or none', async (t) => {
  const store = await makeStore(t);
  makeContainer(store, 'web');
  makeContainer(store, 'db');
  const web = await findContainer(store, 'web');
  await assert.rejects(renameContainer(store, web, 'db'), hasCode('NAME_TAKEN'));
  await assert.rejects(renameContainer(store, web, '/web'), hasCode('USAGE'));
  await assert.rejects(renameContainer(store, web, '../x'), hasCode('USAGE'));
  assert.deepEqual(readdirSync(store.namesDir).sort(), ['db', 'web']);
  assert.equal((await findContainer(store, 'web')).record.name, 'web');
});

test('renameContainer() keeps the old name of what runs and removes itself at its end', async (t) => {
  const store = await makeStore(t);
  const { record } = makeContainer(store, 'old');
  const container = await findContainer(store, 'old');
  const running = {
    ...container,
    record: { ...record, options: { ...record.options, rm: true } },
    state: { status: 'running', pid: 1, exitCode: 0 } as const,
  };
  await renameContainer(store, running, 'new');
  assert.deepEqual(readdirSync(store.namesDir).sort(), ['new', 'old']);
});

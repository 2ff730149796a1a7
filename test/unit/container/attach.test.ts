import assert from 'node:assert/strict';
import { test } from 'node:test';

import { planAttach, type AttachOptions } from '../../../src/container/attach.js';
import { findContainer } from '../../../src/container/list.js';
import type { HostPath } from '../../../src/util/brand.js';
import { makeContainer, makeStore } from './made.js';

const OPTIONS: AttachOptions = {
  runRoot: '/run/x' as HostPath,
  stdin: true,
  sigProxy: true,
  detachKeys: undefined,
};

test('planAttach() makes a client of what runs, and refuses what does not', async (t) => {
  const store = await makeStore(t);
  const { record } = makeContainer(store, 'web');
  const found = await findContainer(store, 'web');
  assert.throws(() => planAttach(store, found, OPTIONS), {
    code: 'NOT_RUNNING',
    exitCode: 1,
  });
  const state = { status: 'running', pid: 1, exitCode: 0 } as const;
  const ops = (change: Partial<AttachOptions>, own = {}): string[] =>
    planAttach(
      store,
      {
        ...found,
        state,
        record: { ...record, options: { ...record.options, ...own } },
      },
      { ...OPTIONS, ...change },
    ).monitor.map(({ op, args }) => [op, ...args].join(' '));
  const failure = `on-failure ${store.root} ${record.id} attach`;
  const socket = `socket /run/x/${record.id}/attach`;
  assert.deepEqual(ops({}), ['mode attach', socket, 'detach-keys 1011', failure]);
  assert.deepEqual(ops({ detachKeys: '', sigProxy: false }, { tty: true, interactive: true }), [
    'mode attach',
    socket,
    'tty',
    'attach-stdin',
    'detach-keys ',
    'no-sig-proxy',
    failure,
  ]);
  assert.ok(!ops({ stdin: false }, { interactive: true }).includes('attach-stdin'));
});

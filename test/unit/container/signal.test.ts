import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { findContainer, type Container } from '../../../src/container/list.js';
import { hasStartedAt } from '../../../src/container/process-start.js';
import { hasEnded, signalContainer, stopContainer } from '../../../src/container/signal.js';
import { waitForExit } from '../../../src/container/wait.js';
import { RrunError } from '../../../src/errors.js';
import type { Store } from '../../../src/store/store.js';
import { tryLock } from '../../../src/sys/lock.js';
import { makeContainer, makeStore, markExited } from './made.js';

/** A container whose process is a sleep and whose monitor is this test: its end lets the lock go and leaves the exit code. */
async function startFake(t: TestContext, store: Store, name: string): Promise<Container> {
  const { dir } = makeContainer(store, name);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const started = new Date().toISOString();
  const fd = openSync(path.join(dir, 'lock'), 'r+');
  assert.ok(tryLock(fd));
  writeFileSync(path.join(dir, 'lock'), `${child.pid ?? 0} ${started}\n`);
  child.once('exit', (code, signal) => {
    const ended = code ?? (signal === 'SIGKILL' ? 137 : 143);
    writeFileSync(path.join(dir, 'exit'), `${ended} ${started} ${new Date().toISOString()}\n`);
    closeSync(fd);
  });
  return await findContainer(store, name);
}

const notRunning = (error: unknown): boolean =>
  error instanceof RrunError && error.code === 'NOT_RUNNING' && error.exitCode === 1;

test('hasStartedAt() knows a process by its start, and nobody by a pid alone', () => {
  assert.ok(hasStartedAt(process.pid, Date.now() - process.uptime() * 1000));
  assert.ok(!hasStartedAt(process.pid, Date.now() - 3_600_000));
  assert.ok(!hasStartedAt(2 ** 22 + 1, Date.now()));
});

test('stopContainer() sends the signal and waits for the end', async (t) => {
  const store = await makeStore(t);
  const container = await startFake(t, store, 'web');
  assert.equal(container.state.status, 'running');
  assert.ok(!(await hasEnded(store, container, 0)));
  await stopContainer(store, container, { signal: 15, timeoutMs: 10_000 });
  assert.equal(await waitForExit(store, await findContainer(store, 'web')), 143);
  assert.throws(() => {
    signalContainer(container, 9);
  }, notRunning);
});

test('stopContainer() kills what does not end in time, and leaves alone what does not run', async (t) => {
  const store = await makeStore(t);
  const container = await startFake(t, store, 'web');
  await stopContainer(store, container, { signal: 18, timeoutMs: 50 });
  const after = await findContainer(store, 'web');
  assert.equal(after.state.exitCode, 137);
  await stopContainer(store, after, { signal: 15, timeoutMs: 0 });
});

test('signalContainer() and waitForExit() of what was never started and of what has ended', async (t) => {
  const store = await makeStore(t);
  makeContainer(store, 'new');
  markExited(makeContainer(store, 'old'), 9);
  for (const name of ['new', 'old']) {
    const container = await findContainer(store, name);
    assert.throws(() => {
      signalContainer(container, 15);
    }, notRunning);
    assert.equal(await waitForExit(store, container), name === 'old' ? 9 : 0);
  }
});

test('waitForExit() waits', async (t) => {
  const store = await makeStore(t);
  const container = await startFake(t, store, 'web');
  const waiting = waitForExit(store, container);
  signalContainer(container, 9);
  assert.equal(await waiting, 137);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import type { ContainerRecord } from '../../../src/container/record.js';
import { AUTOREMOVE, removeContainer, STARTS_AT_ONCE, sweepDead } from '../../../src/container/remove.js';
import { RrunError, type ErrorCode } from '../../../src/errors.js';
import type { Store } from '../../../src/store/store.js';
import { tryLock } from '../../../src/sys/lock.js';
import type { HostPath } from '../../../src/util/brand.js';
import { makeContainer, makeStore, markExited, type Made } from './made.js';

const PLAIN = { force: false, volumes: false };

function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof RrunError && error.code === code;
}

/** Holds the lock as a monitor does; gives what lets go. */
function hold(t: TestContext, { dir }: Made): () => void {
  const fd = openSync(path.join(dir, 'lock'), 'r+');
  assert.ok(tryLock(fd));
  let open = true;
  const letGo = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  t.after(letGo);
  return letGo;
}

function makeVolume(store: Store, name: string, anonymous: boolean): ContainerRecord['volumes'][number] {
  const source = path.join(store.volumesDir, name, '_data') as HostPath;
  mkdirSync(source, { recursive: true });
  return { destination: `/${name}`, name, source, anonymous, created: true, copyUp: true };
}

test('removeContainer() leaves nothing, neither name nor rubbish', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  mkdirSync(path.join(made.dir, 'upper/deep'), { recursive: true });
  markExited(made, 0);
  await removeContainer(store, made.record, PLAIN);
  for (const dir of [store.containersDir, store.namesDir, store.tmpDir]) assert.deepEqual(readdirSync(dir), []);
  await assert.rejects(removeContainer(store, made.record, PLAIN), hasCode('NOT_FOUND'));
});

test('removeContainer() refuses what runs', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  hold(t, made);
  await assert.rejects(removeContainer(store, made.record, PLAIN), hasCode('IN_USE'));
  assert.ok(existsSync(made.dir));
  assert.ok(existsSync(path.join(store.namesDir, 'web')));
});

test('removeContainer() with force kills the container and waits for its monitor', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  const letGo = hold(t, made);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('exit', (_code, signal) => {
      resolve(signal);
      letGo();
    });
  });
  writeFileSync(path.join(made.dir, 'lock'), `${child.pid ?? 0} ${new Date().toISOString()}\n`);
  await removeContainer(store, made.record, { force: true, volumes: false });
  assert.equal(await ended, 'SIGKILL');
  assert.equal(existsSync(made.dir), false);
});

test('removeContainer() with force does not kill a process that is younger or older than the container', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  const letGo = hold(t, made);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => child.kill());
  writeFileSync(path.join(made.dir, 'lock'), `${child.pid ?? 0} 2024-05-01T10:00:00Z\n`);
  setTimeout(letGo, 100);
  await removeContainer(store, made.record, { force: true, volumes: false });
  assert.equal(child.exitCode ?? child.signalCode, null);
});

test('removeContainer() takes anonymous volumes along when asked, those that nobody else has', async (t) => {
  const store = await makeStore(t);
  const volumes = [
    makeVolume(store, 'anon', true),
    makeVolume(store, 'shared', true),
    makeVolume(store, 'named', false),
  ];
  const made = makeContainer(store, 'web', { volumes });
  makeContainer(store, 'other', { volumes: volumes.slice(1, 2) });
  const kept = makeContainer(store, 'kept', { volumes: [makeVolume(store, 'left', true)] });
  await removeContainer(store, made.record, { force: false, volumes: true });
  await removeContainer(store, kept.record, PLAIN);
  assert.deepEqual(readdirSync(store.volumesDir).sort(), ['left', 'named', 'shared']);
});

test('removeContainer() removes a container whose record is damaged', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  writeFileSync(path.join(made.dir, 'container.json'), '{');
  await removeContainer(store, made.record, PLAIN);
  assert.deepEqual([readdirSync(store.containersDir), readdirSync(store.namesDir)], [[], []]);
});

test('many that remove the same container: one does, the others learn that it has gone or is in use', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => removeContainer(store, made.record, PLAIN)),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected')
      assert.ok(hasCode('NOT_FOUND')(result.reason) || hasCode('IN_USE')(result.reason), String(result.reason));
  }
});

/** Made two years ago unless it is `recent`. */
function makeAutoremoved(store: Store, name: string, mark: string, recent = false): Made {
  const made = makeContainer(store, name);
  if (!recent) utimesSync(path.join(made.dir, 'lock'), new Date('2024-05-01'), new Date('2024-05-01'));
  made.record.options.rm = true;
  writeFileSync(path.join(made.dir, 'container.json'), JSON.stringify(made.record));
  writeFileSync(path.join(made.dir, AUTOREMOVE), mark);
  return made;
}

test('sweepDead() removes what --rm should have removed, and nothing else', async (t) => {
  const store = await makeStore(t);
  markExited(makeAutoremoved(store, 'ended', ''), 0);
  writeFileSync(path.join(makeAutoremoved(store, 'killed', '').dir, 'lock'), '1 2024-05-01T10:00:00Z\n');
  const running = makeAutoremoved(store, 'running', '');
  writeFileSync(path.join(running.dir, 'lock'), '1 2024-05-01T10:00:00Z\n');
  hold(t, running);
  makeAutoremoved(store, 'created-only', '');
  makeAutoremoved(store, 'abandoned-run', STARTS_AT_ONCE);
  makeAutoremoved(store, 'run-that-starts', STARTS_AT_ONCE, true);
  markExited(makeContainer(store, 'kept'), 0);
  await sweepDead(store);
  assert.deepEqual(readdirSync(store.namesDir).sort(), ['created-only', 'kept', 'run-that-starts', 'running']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INIT_ANNOTATION } from '../../../src/bundle/build-spec.js';
import type { Spec } from '../../../src/bundle/spec.wire.js';
import { makeExecEnv, planExec, type ExecOptions } from '../../../src/container/exec.js';
import { findContainer } from '../../../src/container/list.js';
import { RrunError } from '../../../src/errors.js';
import { compileExec, type ExecRequest } from '../../../src/launch/compile-exec.js';
import type { HostPath } from '../../../src/util/brand.js';
import { makeContainer, makeStore, markExited } from './made.js';

const SPEC: Spec = {
  ociVersion: '1.2.0',
  root: { path: 'rootfs', readonly: true },
  annotations: { [INIT_ANNOTATION]: '1' },
  process: { cwd: '/work', args: ['id'], env: ['A=1'], user: { uid: 5, gid: 6 }, noNewPrivileges: true },
};

const REQUEST: ExecRequest = {
  id: 'abc',
  pid: 42,
  namespaces: ['user', 'mount', 'pid'],
  spec: SPEC,
  singleId: false,
  cacheDir: '/nonexistent' as HostPath,
  mode: 'foreground',
  stdin: 'pipe',
  detachKeys: [16, 17],
  onFailure: ['/data', 'abc', 'exec', 'id'],
};

const words = (steps: readonly { op: string; args: readonly unknown[] }[]): string[] =>
  steps.map(({ op, args }) => [op, ...args].join(' '));

test('makeExecEnv() puts options over the container’s, and takes away', () => {
  const own = ['PATH=/bin', 'A=1', 'B=2', 'TERM=dumb'];
  assert.deepEqual(makeExecEnv(own, { env: ['A=3', 'C='], unsetEnv: ['B'], tty: false }), [
    'PATH=/bin',
    'A=3',
    'TERM=dumb',
    'C=',
  ]);
  assert.deepEqual(makeExecEnv([], { env: [], unsetEnv: [], tty: true }), ['TERM=xterm']);
  assert.deepEqual(makeExecEnv(own.slice(3), { env: [], unsetEnv: [], tty: true }), ['TERM=dumb']);
});

test('compileExec() joins, and does nothing that the start of the container did', async () => {
  const { monitor, keeper, init, cleanup } = await compileExec(REQUEST);
  assert.deepEqual(words(monitor), [
    'mode foreground',
    'id abc',
    'stdio pipe pipe',
    'attach-stdin',
    'detach-keys 1011',
    'join 42 user mount pid',
    'clone',
    'on-failure /data abc exec id',
  ]);
  assert.deepEqual(words(keeper), ['clone-init']);
  const ops = words(init);
  assert.ok(ops.includes('cwd /work 0'));
  for (const op of ['reaper', 'remount', 'private', 'pivot', 'mount', 'console'])
    assert.ok(!ops.some((each) => each.split(' ')[0] === op), op);
  assert.deepEqual(ops.slice(-2), ['env A=1', 'exec id id']);
  assert.deepEqual(cleanup, []);
});

test('compileExec() with a terminal leaves /dev/console alone; detached it has no streams', async () => {
  const spec = { ...SPEC, process: { ...(SPEC.process as NonNullable<Spec['process']>), terminal: true } };
  const { monitor, init } = await compileExec({ ...REQUEST, spec, mode: 'detached', stdin: 'null' });
  assert.ok(words(monitor).includes('tty'));
  assert.ok(words(monitor).includes('stdio null null'));
  assert.equal(words(init)[0], 'console alone');
});

test('planExec() refuses what does not run', async (t) => {
  const store = await makeStore(t);
  makeContainer(store, 'new');
  markExited(makeContainer(store, 'old'), 0);
  const flags = { detach: false, interactive: false, tty: false, privileged: false };
  const none = { user: undefined, workdir: undefined, detachKeys: undefined };
  const options: ExecOptions = { args: ['id'], env: [], unsetEnv: [], callerEnv: {}, ...flags, ...none };
  for (const name of ['new', 'old']) {
    await assert.rejects(
      planExec(store, await findContainer(store, name), options),
      (error) => error instanceof RrunError && error.code === 'NOT_RUNNING' && error.exitCode === 1,
    );
  }
});

// Exit codes of run: the command's own, 128 + n, 127, 126, 125.

import assert from 'node:assert/strict';

import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const rows: [title: string, args: string[], want: number][] = [
  ['zero', ['payload', '--exit', '0'], 0],
  ["the command's own", ['payload', '--exit', '42'], 42],
  ["the command's own 125", ['payload', '--exit', '125'], 125],
  ['killed by SIGTERM', ['--init', '--entrypoint', 'sh', 'payload', '-c', 'kill -TERM $$'], 143],
  ['killed by SIGKILL', ['--entrypoint', 'sh', '--init', 'payload', '-c', 'kill -KILL $$'], 137],
  ['killed by SIGSEGV', ['--init', 'payload', '--signal', '11'], 139],
  ['not found in PATH', ['--entrypoint', '', 'payload', 'no-such-command'], 127],
  ['not found as a path', ['--entrypoint', '', 'payload', '/no/such/command'], 127],
  ['interpreter not found', ['--entrypoint', '', 'payload', '/bad-interpreter'], 127],
  ['not executable', ['--entrypoint', '', 'payload', '/not-executable'], 126],
  ['a directory', ['--entrypoint', '', 'payload', '/etc'], 126],
  ['unknown option', ['--no-such-option', 'payload'], 125],
  ['option without value', ['--name'], 125],
  ['malformed reference', ['UPPER/case'], 125],
  ['unknown image', ['no-such-image'], 125],
];

kernelTest('run ends with the exit code that Docker documents', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  await home.ok(['pull', 'payload']);
  for (const [title, args, want] of rows) {
    await t.test(`exit code ${want}: ${title}`, async () => {
      await expectStatus(home, ['run', '--rm', '--network', 'none', ...args], want);
    });
  }
  await t.test('nothing is left of the failed ones', async () => {
    assert.deepEqual(await home.containers(), []);
  });
});

async function expectStatus(home: Home, args: readonly string[], want: number): Promise<void> {
  const result = await home.run(args);
  assert.equal(result.status, want, describe(args, result));
  if (want !== 125 || args.includes('--exit')) return;
  assert.match(result.stderr, /^rrun: error: [a-z]/m, describe(args, result));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exitCode, printError } from '../../../src/cli/print-error.js';
import { RrunError } from '../../../src/errors.js';
import type { ErrorCode } from '../../../src/errors.js';

function print(error: unknown, options: { launch?: boolean; debug?: boolean } = {}) {
  let text = '';
  const stderr = { isTTY: false, columns: undefined, write: (part: string) => void (text += part) };
  const code = printError(error, stderr, { launch: options.launch ?? false, debug: options.debug ?? false });
  return { code, text };
}

/** Code, exit code of run, of others. */
const CODES: [ErrorCode, number, number][] = [
  ['USAGE', 125, 125],
  ['NOT_FOUND', 125, 1],
  ['IMAGE_NOT_LOCAL', 125, 1],
  ['IN_USE', 125, 2],
  ['NAME_TAKEN', 125, 125],
  ['MANIFEST_UNKNOWN', 125, 125],
  ['COMMAND_NOT_FOUND', 127, 125],
  ['COMMAND_NOT_EXECUTABLE', 126, 125],
  ['SYSCALL', 125, 125],
];

for (const [code, launch, other] of CODES) {
  test(`exitCode() of ${code}`, () => {
    const error = new RrunError(code, 'cannot x: y');
    assert.deepEqual([exitCode(error, true), exitCode(error, false)], [launch, other]);
  });
}

test('exitCode() lets the error decide', () => {
  assert.equal(exitCode(new RrunError('SYSCALL', 'cannot x', { exitCode: 126 }), true), 126);
});

test('printError() prints the sentence and the hint', () => {
  const error = new RrunError('IN_USE', 'cannot x: y', { hint: 'do z', cause: new Error('inner') });
  assert.deepEqual(print(error), { code: 2, text: 'rrun: error: cannot x: y\nrrun: hint: do z\n' });
});

test('printError() calls what nobody expected a bug, without a stack', () => {
  const want =
    'rrun: error: bug: x is undefined\nrrun: hint: please report this with `rrun info`; --debug shows where it happened\n';
  assert.deepEqual(print(new TypeError('x is undefined')), { code: 125, text: want });
  assert.deepEqual(print(new Error('bug: x is undefined')), { code: 125, text: want });
  assert.match(print('thrown text').text, /^rrun: error: bug: thrown text\n/);
  assert.match(print(undefined).text, /^rrun: error: bug: undefined\n/);
});

test('printError() does not call a full disk a bug', () => {
  const error = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
    path: '/x',
  });
  assert.deepEqual(print(error), { code: 125, text: 'rrun: error: cannot use "/x": write: ENOSPC\n' });
});

test('printError() shows the chain of causes with --debug', () => {
  const { text } = print(
    new RrunError('SYSCALL', 'cannot x', { cause: new Error('inner', { cause: new Error('innermost') }) }),
    { debug: true },
  );
  assert.match(text, /debug: RrunError: cannot x\n[^]*debug: Error: inner\n[^]*debug: Error: innermost\n/);
});

test('printError() survives a stderr that nobody reads', () => {
  const stderr = {
    isTTY: false,
    columns: undefined,
    write() {
      throw new Error('EPIPE');
    },
  };
  assert.equal(printError(new RrunError('USAGE', 'cannot x'), stderr, { launch: false, debug: false }), 125);
});

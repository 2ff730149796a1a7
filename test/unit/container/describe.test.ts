import assert from 'node:assert/strict';
import { test } from 'node:test';

import { commandText, goQuote, labelsText, statusText } from '../../../src/container/describe.js';
import type { ContainerRecord, ContainerState } from '../../../src/container/record.js';
import { goTime } from '../../../src/container/row.js';

const NOW = Date.parse('2024-05-01T10:00:00Z');

const STATUS_ROWS: [ContainerState, string][] = [
  [{ status: 'created', pid: 0, exitCode: 0 }, 'Created'],
  [{ status: 'running', pid: 1, exitCode: 0, startedAt: '2024-05-01T09:59:57Z' }, 'Up 3 seconds'],
  [{ status: 'running', pid: 1, exitCode: 0, startedAt: '2024-05-01T10:00:05Z' }, 'Up Less than a second'],
  [{ status: 'exited', pid: 0, exitCode: 0, finishedAt: '2024-05-01T09:58:00Z' }, 'Exited (0) 2 minutes ago'],
  [{ status: 'exited', pid: 0, exitCode: 137, finishedAt: '2024-04-01T10:00:00Z' }, 'Exited (137) 4 weeks ago'],
];

for (const [state, want] of STATUS_ROWS) {
  test(`statusText() says ${want}`, () => {
    assert.equal(statusText(state, NOW), want);
  });
}

const COMMAND_ROWS: [string[], string, string][] = [
  [['/bin/sh'], '"/bin/sh"', '"/bin/sh"'],
  [['sh', '-c', 'echo hi'], `"sh -c 'echo hi'"`, `"sh -c 'echo hi'"`],
  [['sh', '-c', 'while true; do date; done'], `"sh -c 'while true; …"`, `"sh -c 'while true; do date; done'"`],
  [['echo', 'a"b\\'], '"echo a\\"b\\\\"', '"echo a\\"b\\\\"'],
  [['12345678901234567890'], '"12345678901234567890"', '"12345678901234567890"'],
  [['123456789012345678901'], '"1234567890123456789…"', '"123456789012345678901"'],
];

for (const [args, short, full] of COMMAND_ROWS) {
  test(`commandText() of ${JSON.stringify(args)}`, () => {
    const record = { args } as ContainerRecord;
    assert.equal(commandText(record, false), short);
    assert.equal(commandText(record, true), full);
  });
}

test('goQuote() escapes what Go does', () => {
  assert.equal(goQuote('a\tb\nc\x01\x7fé\u00a0\u{e0001}'), '"a\\tb\\nc\\x01\\x7fé\\u00a0\\U000e0001"');
});

test('labelsText() sorts', () => {
  assert.equal(labelsText({ b: '2', a: '1', c: '' }), 'a=1,b=2,c=');
});

test("goTime() is Go's layout", () => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'UTC';
  assert.equal(goTime('2024-05-01T10:00:00.123456Z'), '2024-05-01 10:00:00 +0000 UTC');
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

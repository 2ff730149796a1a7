import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { findContainer } from '../../../src/container/list.js';
import { LogFile } from '../../../src/container/log-file.js';
import { parseLogTime } from '../../../src/container/log-time.js';
import { readLogs, type LogRequest } from '../../../src/container/logs.js';
import { RrunError } from '../../../src/errors.js';
import { makeContainer, makeStore, markExited } from './made.js';

const record = (log: string, second = 0, stream = 'stdout'): string =>
  `${JSON.stringify({ log, stream, time: `2024-05-01T10:00:0${String(second)}.000000000Z` })}\n`;

function openLog(t: TestContext, content: string): { log: LogFile; file: string } {
  const dir = mkdtempSync(path.join(tmpdir(), 'log-'));
  t.after(() => {
    rmSync(dir, { recursive: true });
  });
  const file = path.join(dir, 'log');
  writeFileSync(file, content);
  const log = new LogFile(file);
  t.after(() => {
    log.close();
  });
  return { log, file };
}

const texts = (log: LogFile): string[] => [...log.read()].map((entry) => entry.log);

test('LogFile gives records as they are finished, and passes over what is none', (t) => {
  const whole = record('é\n');
  const { log, file } = openLog(
    t,
    `${record('one\n')}{"log":"cut o\n${record('two', 1, 'stderr')}${whole.slice(0, 9)}`,
  );
  assert.deepEqual(
    [...log.read()].map(({ log: text, stream }) => [text, stream]),
    [
      ['one\n', 'stdout'],
      ['two', 'stderr'],
    ],
  );
  assert.deepEqual(texts(log), []);
  appendFileSync(file, whole.slice(9));
  assert.deepEqual(texts(log), ['é\n']);
});

test('LogFile.seekToTail() counts lines, not records', (t) => {
  const long = 'x'.repeat(100_000);
  const content = ['first\n', long, 'end of long\n', 'a\\\\n', 'rest\n', 'last'].map((text) => record(text)).join('');
  const rows: [number, string[]][] = [
    [0, []],
    [1, ['last']],
    [2, ['a\\\\n', 'rest\n', 'last']],
    [3, [long, 'end of long\n', 'a\\\\n', 'rest\n', 'last']],
    [4, ['first\n', long, 'end of long\n', 'a\\\\n', 'rest\n', 'last']],
    [99, ['first\n', long, 'end of long\n', 'a\\\\n', 'rest\n', 'last']],
  ];
  for (const [count, want] of rows) {
    const { log } = openLog(t, content);
    log.seekToTail(count);
    assert.deepEqual(texts(log), want, `the last ${String(count)}`);
  }
});

test('parseLogTime() takes what Docker takes', () => {
  const now = Date.parse('2024-05-01T10:00:00.250Z');
  const rows: [string, string][] = [
    ['2024-05-01T09:08:07.5Z', '2024-05-01T09:08:07.500000000Z'],
    ['2024-05-01T09:08:07.123456789+02:00', '2024-05-01T07:08:07.123456789Z'],
    ['2024-05-01T09Z', '2024-05-01T09:00:00.000000000Z'],
    ['2024-05-01Z', '2024-05-01T00:00:00.000000000Z'],
    ['1714557600', '2024-05-01T10:00:00.000000000Z'],
    ['1714557600.000000001', '2024-05-01T10:00:00.000000001Z'],
    ['10m', '2024-05-01T09:50:00.250000000Z'],
    ['1h30m1.5s', '2024-05-01T08:29:58.750000000Z'],
    ['-1h', '2024-05-01T11:00:00.250000000Z'],
  ];
  for (const [typed, want] of rows) assert.equal(parseLogTime('--since', typed, now), want, typed);
  for (const typed of ['yesterday', '2024-13-01Z', '1d', '', '99999999999999']) {
    assert.throws(() => parseLogTime('--since', typed, now), { code: 'USAGE' }, typed);
  }
});

test('readLogs() chooses by time, and ends at the end of what does not run', async (t) => {
  const store = await makeStore(t);
  const made = makeContainer(store, 'web');
  writeFileSync(path.join(made.dir, 'log'), [0, 1, 2, 3].map((n) => record(`${String(n)}\n`, n)).join(''));
  markExited(made, 0);
  const container = await findContainer(store, 'web');
  const all: LogRequest = { follow: true, tail: undefined, since: undefined, until: undefined };
  const read = async (change: Partial<LogRequest>): Promise<string> => {
    let text = '';
    await readLogs(store, container, { ...all, ...change }, (entry) => (text += entry.log.trim()));
    return text;
  };
  assert.equal(await read({}), '0123');
  assert.equal(await read({ since: '2024-05-01T10:00:01.000000000Z', until: '2024-05-01T10:00:02.000000000Z' }), '12');
  assert.equal(await read({ tail: 2, since: '2024-05-01T10:00:01.000000000Z' }), '23');
});

test('readLogs() says that there is no log, and is content with one that was never begun', async (t) => {
  const store = await makeStore(t);
  const { record: made } = makeContainer(store, 'new');
  const container = await findContainer(store, 'new');
  const request: LogRequest = { follow: true, tail: 1, since: undefined, until: undefined };
  await readLogs(store, container, request, () => assert.fail('nothing was printed'));
  const none = { ...container, record: { ...made, options: { ...made.options, logDriver: 'none' as const } } };
  await assert.rejects(
    readLogs(store, none, request, () => undefined),
    (error) => error instanceof RrunError && error.code === 'NOT_FOUND',
  );
});

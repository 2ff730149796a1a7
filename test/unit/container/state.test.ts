import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import type { ContainerState } from '../../../src/container/record.js';
import { observeState, parseExit, parseLock } from '../../../src/container/state.js';

const STARTED = '2024-05-01T10:00:00.000000001Z';
const EARLIER = '2024-05-01T09:00:00.5Z';
const FINISHED = '2024-05-01T10:00:07Z';

interface Row {
  title: string;
  held: boolean;
  lock?: string;
  exit?: string;
  want: Partial<ContainerState>;
}

const ROWS: Row[] = [
  { title: 'no lock file: created', held: false, want: { status: 'created', pid: 0, exitCode: 0 } },
  { title: 'empty lock: created', held: false, lock: '', want: { status: 'created' } },
  { title: 'held, nothing written yet: created', held: true, lock: '', want: { status: 'created' } },
  {
    title: 'held and written: running',
    held: true,
    lock: `42 ${STARTED}\n`,
    want: { status: 'running', pid: 42, startedAt: STARTED },
  },
  {
    title: 'held, exit of an earlier start: running',
    held: true,
    lock: `42 ${STARTED}\n`,
    exit: `3 ${EARLIER} ${EARLIER}\n`,
    want: { status: 'running', pid: 42, exitCode: 0 },
  },
  {
    title: 'held, but the exit of this start is there: exited',
    held: true,
    lock: `42 ${STARTED}\n`,
    exit: `3 ${STARTED} ${FINISHED}\n`,
    want: { status: 'exited', pid: 0, exitCode: 3 },
  },
  {
    title: 'free with its exit: exited',
    held: false,
    lock: `42 ${STARTED}\n`,
    exit: `0 ${STARTED} ${FINISHED}\n`,
    want: { status: 'exited', exitCode: 0, startedAt: STARTED, finishedAt: FINISHED },
  },
  {
    title: 'free without an exit: killed, 137',
    held: false,
    lock: `42 ${STARTED}\n`,
    want: { status: 'exited', pid: 0, exitCode: 137, startedAt: STARTED, finishedAt: STARTED },
  },
  {
    title: 'free with the exit of an earlier start: killed, 137',
    held: false,
    lock: `42 ${STARTED}\n`,
    exit: `0 ${EARLIER} ${EARLIER}\n`,
    want: { status: 'exited', exitCode: 137 },
  },
  {
    title: 'a damaged exit counts as none',
    held: false,
    lock: `42 ${STARTED}\n`,
    exit: 'x',
    want: { status: 'exited', exitCode: 137 },
  },
  { title: 'a lock with half a line counts as never started', held: false, lock: '42', want: { status: 'created' } },
];

for (const { title, held, lock, exit, want } of ROWS) {
  test(`observeState() ${title}`, (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'rrun-state-'));
    t.after(() => rmSync(dir, { recursive: true }));
    if (lock !== undefined) writeFileSync(path.join(dir, 'lock'), lock);
    if (exit !== undefined) writeFileSync(path.join(dir, 'exit'), exit);
    const state = observeState(dir, held);
    for (const [key, value] of Object.entries(want)) assert.equal(state[key as keyof ContainerState], value, key);
  });
}

test('observeState() takes the last line of the log as the end of a killed container', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'rrun-state-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(path.join(dir, 'lock'), `42 ${STARTED}\n`);
  writeFileSync(path.join(dir, 'log'), 'x');
  utimesSync(path.join(dir, 'log'), new Date(FINISHED), new Date(FINISHED));
  assert.equal(Date.parse(observeState(dir, false).finishedAt ?? ''), Date.parse(FINISHED));
});

test('parseLock() and parseExit() refuse what is not theirs', () => {
  for (const text of [undefined, '', 'x y', '-1 a\n', '12345678901 a\n', '1 a b\n', '1  a\n'])
    assert.equal(parseLock(text), undefined);
  for (const text of [undefined, '', '1 a\n', '1000 a b\n', 'a b c\n', '1 a b c\n'])
    assert.equal(parseExit(text), undefined);
});

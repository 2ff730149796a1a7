import assert from 'node:assert/strict';
import test from 'node:test';

import type { Output } from '../../../src/cli/command.js';
import { createPullProgress, makeProgress } from '../../../src/cli/progress.js';
import type { ProgressEvent } from '../../../src/image/progress.js';

const ESC = '\u001b';
const SEQUENCE = new RegExp(`(${ESC}\\[\\d*[A-Z]|\\n)`);
const UP = new RegExp(`^${ESC}\\[(\\d+)A$`);

class Screen implements Output {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  text = '';

  constructor(columns?: number) {
    this.isTTY = columns !== undefined;
    this.columns = columns;
  }

  write(text: string): void {
    this.text += text;
  }

  /** What a terminal shows in the end: "up" and "erase below" are all that may be used. */
  get shown(): string[] {
    const lines: string[] = [''];
    for (const part of this.text.split(SEQUENCE)) {
      const up = UP.exec(part)?.[1];
      if (up !== undefined) lines.length -= Number(up);
      else if (part === '\x1b[J') lines[lines.length - 1] = '';
      else if (part === '\n') lines.push('');
      else lines[lines.length - 1] += part;
    }
    return lines;
  }
}

const XTERM = { TERM: 'xterm' };

const layer = (
  name: string,
  state: 'waiting' | 'downloading' | 'unpacking' | 'done' | 'exists',
  doneBytes?: number,
): ProgressEvent => ({
  kind: 'layer',
  layer: name.repeat(12),
  state,
  ...(doneBytes === undefined ? {} : { doneBytes, totalBytes: 50_000_000 }),
});

const pull: ProgressEvent[] = [
  { kind: 'resolve', reference: 'debian:12', host: 'docker.io' },
  { kind: 'pulling', path: 'library/debian', tag: '12', layers: [] },
  layer('a', 'waiting'),
  layer('b', 'waiting'),
  layer('c', 'waiting'),
  layer('a', 'exists'),
  layer('b', 'downloading', 0),
  layer('b', 'downloading', 20_000_000),
  layer('c', 'downloading', 49_999_999),
];
const end: ProgressEvent[] = [
  layer('c', 'unpacking'),
  layer('b', 'done'),
  layer('c', 'done'),
  { kind: 'done', reference: 'debian:12', canonical: 'docker.io/library/debian:12', digest: 'sha256:0', isNew: true },
];
const lasting = [
  '12: Pulling from library/debian',
  'aaaaaaaaaaaa: Already exists',
  'bbbbbbbbbbbb: Pull complete',
  'cccccccccccc: Pull complete',
  'Digest: sha256:0',
  'Status: Downloaded newer image for debian:12',
  '',
];

test('createPullProgress() prints plain lines where there is no terminal', () => {
  const screen = new Screen();
  const progress = createPullProgress(screen, XTERM);
  for (const event of [...pull, ...end]) progress.onProgress(event);
  progress.end();
  assert.deepEqual(screen.text.split('\n'), lasting);
});

test('createPullProgress() moves only the layers that move, in 80 columns', async () => {
  const screen = new Screen(80);
  const progress = createPullProgress(screen, XTERM);
  for (const event of pull) progress.onProgress(event);
  await new Promise((resolve) => setTimeout(resolve, 100));
  progress.onProgress(layer('c', 'downloading', 50_000_000));
  assert.deepEqual(screen.shown, [
    '12: Pulling from library/debian',
    'aaaaaaaaaaaa: Already exists',
    'bbbbbbbbbbbb: Downloading  [=========>              ]  20MB/50MB',
    'cccccccccccc: Downloading  [========================]  50MB/50MB',
    '',
  ]);
  for (const event of end) progress.onProgress(event);
  assert.deepEqual(screen.shown, lasting);
  progress.end();
  assert.deepEqual(screen.shown, lasting);
});

test('createPullProgress() cuts lines to a narrow terminal and cleans up after a failure', async () => {
  const screen = new Screen(40);
  const progress = createPullProgress(screen, XTERM);
  for (const event of pull) progress.onProgress(event);
  await new Promise((resolve) => setTimeout(resolve, 100));
  progress.onProgress(layer('c', 'unpacking'));
  assert.ok(
    screen.shown.every((line) => [...line].length < 40),
    screen.shown.join('\n'),
  );
  progress.end();
  assert.deepEqual(screen.shown, ['12: Pulling from library/debian', 'aaaaaaaaaaaa: Already exists', '']);
});

test('makeProgress() tells which places did not have the image', () => {
  const screen = new Screen();
  makeProgress(screen, XTERM)({ kind: 'skipped', host: 'mirror.lan', why: 'cannot pull "x": it is down' });
  assert.equal(screen.text, 'mirror.lan: cannot pull "x": it is down\n');
});

for (const TERM of ['dumb', '', undefined]) {
  test(`createPullProgress() moves nothing on a terminal of type ${JSON.stringify(TERM)}`, () => {
    const screen = new Screen(80);
    const progress = createPullProgress(screen, { TERM });
    for (const event of [...pull, ...end]) progress.onProgress(event);
    progress.end();
    assert.deepEqual(screen.text.split('\n'), lasting);
  });
}

for (const [columns, line] of [
  [60, 'bbbbbbbbbbbb: 20MB/50MB'],
  [20, 'bbbbbbbbbbbb: 40%'],
  [9, '40% bbb…'],
] as const) {
  test(`createPullProgress() says how far a layer is in ${columns} columns`, () => {
    const screen = new Screen(columns);
    const progress = createPullProgress(screen, XTERM);
    progress.onProgress({ kind: 'pulling', path: 'x', tag: '1', layers: [] });
    progress.onProgress(layer('b', 'downloading', 20_000_000));
    progress.onProgress({ kind: 'skipped', host: 'h', why: 'w' }); // draws at once
    assert.deepEqual(screen.shown, ['1: Pulling from x', 'h: w', line, '']);
  });
}

test('createPullProgress() says that an image is not here, in the words of Docker', () => {
  const screen = new Screen();
  makeProgress(screen, XTERM)({ kind: 'missing', reference: 'alpine:latest' });
  assert.equal(screen.text, "Unable to find image 'alpine:latest' locally\n");
});

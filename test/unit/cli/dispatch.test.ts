import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import type { Output } from '../../../src/cli/command.js';
import { askForCommand, dispatch, processOutside } from '../../../src/cli/dispatch.js';
import { OutputClosed } from '../../../src/cli/output.js';
import { RrunError } from '../../../src/errors.js';
import { VERSION } from '../../../src/util/version.js';

let home = '';
before(() => {
  home = mkdtempSync(path.join(tmpdir(), 'rrun-dispatch-'));
});
after(() => {
  rmSync(home, { recursive: true });
});

class Collected implements Output {
  text = '';
  isTTY = false;
  columns = undefined;
  write(text: string): void {
    this.text += text;
  }
}

async function rrun(...argv: string[]) {
  const stdout = new Collected();
  const stderr = new Collected();
  const env = {
    HOME: home,
    XDG_RUNTIME_DIR: home,
    XDG_DATA_HOME: path.join(home, 'data'),
    XDG_CONFIG_HOME: home,
    PATH: process.env['PATH'],
  };
  const code = await dispatch(argv, { ...processOutside(), stdout, stderr, env, cwd: home });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

for (const argv of [['--version'], ['-v'], ['--debug', '--version']]) {
  test(`dispatch() of ${argv.join(' ')} prints the version`, async () => {
    assert.deepEqual(await rrun(...argv), { code: 0, stdout: `rrun version ${VERSION}\n`, stderr: '' });
  });
}

for (const argv of [[], ['--help'], ['-h'], ['help'], ['--debug'], ['--help', 'ps']]) {
  test(`dispatch() of ${JSON.stringify(argv)} prints the help and succeeds`, async () => {
    const { code, stdout, stderr } = await rrun(...argv);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: {2}rrun \[GLOBAL OPTIONS\] COMMAND/);
    assert.equal(stderr, '');
  });
}

for (const argv of [
  ['help', 'run'],
  ['run', '--help'],
  ['run', '-it', '--help', '--nonsense'],
  ['--debug', 'run', '--help'],
]) {
  test(`dispatch() of ${argv.join(' ')} prints the help of run`, async () => {
    const { code, stdout } = await rrun(...argv);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: {2}rrun run \[OPTIONS\] IMAGE/);
  });
}

/** What is typed, the lines on stderr without "rrun: ". All of them are usage: 125. */
const REFUSED: [string[], string[]][] = [
  [['run'], ['error: cannot make a container: no image is named', 'hint: name one, as in "rrun run -it alpine"']],
  [
    ['run', '--naem', 'x', 'alpine'],
    ['error: cannot use option "--naem": "rrun run" has no such option', 'hint: did you mean "--name"?'],
  ],
  [
    ['run', '--name'],
    ['error: cannot use option "--name": it needs a value', 'hint: see "rrun run --help"'],
  ],
  [
    ['--rot', 'x', 'ps'],
    ['error: cannot use option "--rot": "rrun" has no such option', 'hint: did you mean "--root"?'],
  ],
  [
    ['-it', 'alpine'],
    [
      'error: cannot use option "-i" in "-it": "rrun" has no such option',
      'hint: for options of a container write "rrun run -it alpine"',
    ],
  ],
  [
    ['--name', 'a b', 'alpine'],
    [
      'error: cannot use option "--name": "rrun" has no such option',
      `hint: for options of a container write "rrun run --name 'a b' alpine"`,
    ],
  ],
  [['--root=', 'ps'], ['error: cannot use option "--root": the path is empty']],
  [
    ['ps', '--storage-driver', 'btrfs'],
    ['error: cannot use option "--storage-driver btrfs": want overlay, fuse-overlayfs or vfs'],
  ],
  [
    ['ps', 'x'],
    [
      'error: cannot run "rrun ps": want no argument, got 1',
      'hint: the usage is "rrun ps [OPTIONS]", see "rrun ps --help"',
    ],
  ],
  [
    ['start'],
    [
      'error: cannot run "rrun start": want at least 1 argument, got 0',
      'hint: the usage is "rrun start [OPTIONS] CONTAINER [CONTAINER...]", see "rrun start --help"',
    ],
  ],
  [
    ['start', '-a', 'x', 'y'],
    [
      'error: cannot attach to 2 containers at once: want one',
      'hint: start the others without --attach and --interactive',
    ],
  ],
  [
    ['help', 'imagse'],
    ['error: cannot show help for "imagse": rrun has no such command', 'hint: did you mean "images"?'],
  ],
  [
    ['commit', 'x'],
    [
      'error: cannot run "rrun commit": this version of rrun has no such command yet',
      'hint: for an image of this name write "rrun run commit"',
    ],
  ],
  [
    ['run', '-d', '-a', 'stdout', '-a', 'stderr', 'x'],
    ['error: cannot use option "--attach" with "--detach": they contradict each other'],
  ],
];

for (const [argv, lines] of REFUSED) {
  test(`dispatch() refuses ${argv.join(' ')}`, async () => {
    const { code, stdout, stderr } = await rrun(...argv);
    assert.deepEqual(
      stderr.trimEnd().split('\n'),
      lines.map((line) => `rrun: ${line}`),
    );
    assert.equal(code, 125);
    assert.equal(stdout, '');
  });
}

test('askForCommand() asks whether an image that cannot be pulled was meant as a command', () => {
  const error = new RrunError('MANIFEST_UNKNOWN', 'cannot pull "rum": x', { hint: 'check the name' });
  const asked = askForCommand(error, 'rum') as RrunError;
  assert.equal(asked.message, error.message);
  assert.equal(asked.hint, '"rum" is no command of rrun and was taken for an image: did you mean "rrun run"?');
  assert.equal((askForCommand(error, 'Images') as RrunError).hint?.includes('"rrun images"'), true);
  assert.equal(askForCommand(error, 'debian'), error);
  const other = new RrunError('NETWORK_FAILED', 'cannot x');
  assert.equal(askForCommand(other, 'rum'), other);
});

test('dispatch() of help and version works where the configuration is broken', async () => {
  mkdirSync(path.join(home, 'rrun'));
  writeFileSync(path.join(home, 'rrun/config.toml'), 'nonsense');
  try {
    assert.equal((await rrun('help', 'ps')).code, 0);
    assert.equal((await rrun('--help')).code, 0);
    assert.equal((await rrun('version')).code, 0);
    assert.match((await rrun('ps')).stderr, /^rrun: error: cannot use configuration of /);
  } finally {
    rmSync(path.join(home, 'rrun'), { recursive: true });
  }
});

test('dispatch() shows where an error comes from with --debug only', async () => {
  const { stderr } = await rrun('--debug', 'run', '--naem');
  assert.match(stderr, /^rrun: error: .*\nrrun: hint: .*\nrrun: debug: RrunError: cannot use option "--naem"/);
  assert.match(stderr, /\n {4}at /);
});

test('dispatch() ends without a word when the reader of its output has gone', async () => {
  const stderr = new Collected();
  const stdout: Output = {
    isTTY: false,
    columns: undefined,
    write() {
      throw new OutputClosed('gone');
    },
  };
  assert.equal(await dispatch(['--version'], { ...processOutside(), stdout, stderr }), 141);
  assert.equal(stderr.text, '');
});

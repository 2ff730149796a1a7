import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FlagTable } from '../../../src/cli/command.js';
import { collectFlags, splitFlags } from '../../../src/cli/flags.js';
import { normalizeFlags } from '../../../src/cli/normalize.js';
import { RrunError } from '../../../src/errors.js';

const FLAGS = {
  interactive: { type: 'boolean', short: 'i', help: '' },
  tty: { type: 'boolean', short: 't', help: '' },
  rm: { type: 'boolean', help: '' },
  env: { type: 'strings', short: 'e', help: '' },
  name: { type: 'string', help: '' },
  hostname: { type: 'string', short: 'h', help: '' },
  network: { type: 'string', aliases: ['net'], help: '' },
  'no-hosts': { type: 'boolean', help: '' },
  'sig-proxy': { type: 'boolean', default: true, help: '' },
  'tls-verify': { type: 'tristate', help: '' },
  'stop-timeout': { type: 'number', help: '' },
  last: { type: 'number', short: 'n', default: -1, help: '' },
  pull: { type: 'string', choices: ['missing', 'always', 'never', 'newer'], emptyIsUnset: true, help: '' },
  secret: { type: 'string', hidden: true, help: '' },
} as const satisfies FlagTable;

function split(argv: readonly string[], stopAtFirst = true) {
  return splitFlags({ argv, flags: FLAGS, stopAtFirst, called: 'rrun run' });
}

/** What is written, the tokens, the other words. */
const GOOD: [string[], string[], string[]][] = [
  [
    ['-it', 'alpine', 'ls', '-l', '--color=auto'],
    ['interactive=true', 'tty=true'],
    ['alpine', 'ls', '-l', '--color=auto'],
  ],
  [['-itealpha=1', 'x'], ['interactive=true', 'tty=true', 'env=alpha=1'], ['x']],
  [['-e', 'A=B', '-eA=B', '-e=A=B', '--env=A=B', '--env', 'A=B'], Array<string>(5).fill('env=A=B'), []],
  [['-e', '-i', '--name', '--rm'], ['env=-i', 'name=--rm'], []],
  [['--env=', '-e', ''], ['env=', 'env='], []],
  [['-e='], ['env=='], []],
  [['--rm=false', '--rm=0', '--rm=T', '--rm'], ['rm=false', 'rm=false', 'rm=true', 'rm=true'], []],
  [['-t=false', '-it=true', 'x'], ['tty=false', 'interactive=true', 'tty=true'], ['x']],
  [['--rm', 'false'], ['rm=true'], ['false']],
  [['--', '-it', 'x'], [], ['-it', 'x']],
  [['-i', '--', 'alpine', '--', 'x'], ['interactive=true'], ['alpine', '--', 'x']],
  [['alpine', '--', 'x'], [], ['alpine', '--', 'x']],
  [['alpine', '--help'], [], ['alpine', '--help']],
  [['-', 'x'], [], ['-', 'x']],
  [['--net', 'none'], ['network=none'], []],
  [['-h', 'web'], ['hostname=web'], []],
  [['--no-hosts'], ['no-hosts=true'], []],
  [['--stop-timeout', '-1', '-n5'], ['stop-timeout=-1', 'last=5'], []],
  [['--env=A="B C"', '-e', "'x'"], ['env=A="B C"', "env='x'"], []],
  [['--pull', 'never'], ['pull=never'], []],
  [['--pull', 'never', '--pull', ''], [], []],
  [['--pull=', '--pull', 'never'], ['pull=never'], []],
];

for (const [argv, tokens, args] of GOOD) {
  test(`splitFlags() of ${JSON.stringify(argv)}`, () => {
    const result = split(argv);
    assert.deepEqual(
      result.tokens.map(({ name, value }) => `${name}=${value}`),
      tokens,
    );
    assert.deepEqual(result.args, args);
    assert.equal(result.help, false);
  });
}

test('splitFlags() goes on after the first word unless it is to stop there', () => {
  const result = split(['a', '-i', 'b', '--rm', '--', '-t'], false);
  assert.deepEqual(
    result.tokens.map((token) => token.name),
    ['interactive', 'rm'],
  );
  assert.deepEqual(result.args, ['a', 'b', '-t']);
});

for (const argv of [['--help'], ['-i', '--help', '--nonsense'], ['--rm', '--help', 'x']]) {
  test(`splitFlags() of ${argv.join(' ')} asks for help`, () => {
    assert.equal(split(argv).help, true);
  });
}

test('splitFlags() takes -h for help where no flag has that letter', () => {
  assert.equal(splitFlags({ argv: ['-h'], flags: {}, stopAtFirst: false, called: 'rrun ps' }).help, true);
});

/** What is written, the message, the hint. */
const BAD: [string[], string, string | undefined][] = [
  [['--naem', 'x'], 'cannot use option "--naem": "rrun run" has no such option', 'did you mean "--name"?'],
  [['--naem=x'], 'cannot use option "--naem": "rrun run" has no such option', 'did you mean "--name"?'],
  [['--zzzzzz'], 'cannot use option "--zzzzzz": "rrun run" has no such option', 'see "rrun run --help"'],
  [['-rm'], 'cannot use option "-r" in "-rm": "rrun run" has no such option', 'did you mean "--rm"?'],
  [['-name=x'], 'cannot use option "-n" wants', undefined],
  [['-iz'], 'cannot use option "-z" in "-iz": "rrun run" has no such option', 'see "rrun run --help"'],
  [['-z'], 'cannot use option "-z": "rrun run" has no such option', 'see "rrun run --help"'],
  [['-i='], 'cannot use option "-=" in "-i=": "rrun run" has no such option', 'see "rrun run --help"'],
  [['--secrte'], 'cannot use option "--secrte": "rrun run" has no such option', 'see "rrun run --help"'],
  [['---rm'], 'cannot use option "---rm": it has no name', 'see "rrun run --help"'],
  [['--=x'], 'cannot use option "--=x": it has no name', 'see "rrun run --help"'],
  [['--name'], 'cannot use option "--name": it needs a value', 'see "rrun run --help"'],
  [['-ie'], 'cannot use option "-e": it needs a value', 'see "rrun run --help"'],
  [['--rm=maybe'], 'cannot use option "--rm=maybe": want true or false', undefined],
  [['--rm='], 'cannot use option "--rm=": want true or false', undefined],
  [['--stop-timeout', 'x'], 'cannot use option "--stop-timeout x": "x" is not a whole number', undefined],
  [['--stop-timeout', '1.5'], 'cannot use option "--stop-timeout 1.5": "1.5" is not a whole number', undefined],
  [['--stop-timeout='], 'cannot use option "--stop-timeout ": "" is not a whole number', undefined],
  [
    ['--pull', 'nevr'],
    'cannot use option "--pull nevr": want missing, always, never or newer',
    'did you mean "never"?',
  ],
  [['--name', 'a\0b'], 'cannot use option "--name": its value contains a NUL character', undefined],
];

for (const [argv, message, hint] of BAD) {
  if (message.endsWith('wants')) continue;
  test(`splitFlags() refuses ${JSON.stringify(argv)}`, () => {
    assert.throws(
      () => split(argv),
      (error) =>
        error instanceof RrunError && error.code === 'USAGE' && error.message === message && error.hint === hint,
    );
  });
}

test('collectFlags() fills in defaults, keeps lists in order and lets the last one win', () => {
  const { tokens } = split([
    '-e',
    'B',
    '-eA',
    '--name',
    'x',
    '--name=y',
    '--sig-proxy=false',
    '-n',
    '+3',
    '--tls-verify=false',
  ]);
  const { flags, given } = collectFlags(tokens, FLAGS);
  assert.deepEqual(flags.env, ['B', 'A']);
  assert.equal(flags.name, 'y');
  assert.equal(flags['sig-proxy'], false);
  assert.equal(flags['tls-verify'], false);
  assert.equal(flags.last, 3);
  assert.equal(flags['stop-timeout'], undefined);
  assert.equal(flags.rm, false);
  assert.deepEqual([...given], ['env', 'name', 'sig-proxy', 'last', 'tls-verify']);
});

test('collectFlags() of nothing gives defaults', () => {
  const { flags } = collectFlags([], FLAGS);
  assert.equal(flags['sig-proxy'], true);
  assert.equal(flags['tls-verify'], undefined);
  assert.deepEqual(flags.env, []);
  assert.equal(flags.last, -1);
});

const AWKWARD = [
  '',
  ' ',
  '"x"',
  "'x'",
  '"',
  "''",
  '--rm',
  '-',
  '--',
  '=',
  'a=b',
  '0x10',
  '1e3',
  'true',
  'null',
  '\n',
  'é',
  '{{"{{"}}',
  '__proto__',
  'a,b',
  '""y""',
];

test('normalizeFlags() gives what collectFlags() gives, whatever the values are', async () => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  for (let round = 0; round < 200; round += 1) {
    const tokens = Array.from({ length: random(6) }, () => {
      const name = Object.keys(FLAGS)[random(Object.keys(FLAGS).length)] as keyof typeof FLAGS;
      const { type } = FLAGS[name];
      const word = AWKWARD[random(AWKWARD.length)] as string;
      const value =
        type === 'number'
          ? String(random(2000) - 1000)
          : type === 'string' || type === 'strings'
            ? word
            : String(random(2) === 0);
      return { name, value };
    });
    assert.deepEqual(await normalizeFlags(tokens, FLAGS), collectFlags(tokens, FLAGS), JSON.stringify(tokens));
  }
});

test('splitFlags() of random words gives flags or a RrunError, and never loses what follows the image', () => {
  const pieces = [
    '-',
    '--',
    '=',
    'i',
    't',
    'e',
    'h',
    'rm',
    'name',
    'env',
    ' ',
    'A',
    '\0',
    'é',
    '\u{1F600}',
    'false',
    '--name',
    '-it',
    'x',
  ];
  let seed = 3;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  for (let round = 0; round < 20000; round += 1) {
    const argv = Array.from({ length: random(5) }, () =>
      Array.from({ length: 1 + random(3) }, () => pieces[random(pieces.length)] as string).join(''),
    );
    const rest = ['IMAGE', '-x', '--', '--rm', '-it'];
    try {
      const { args, help } = split([...argv, ...rest]);
      // Where an option took IMAGE for its value, "-x" was refused.
      if (!help) assert.deepEqual(args.slice(-rest.length), rest, JSON.stringify(argv));
    } catch (error) {
      assert.ok(error instanceof RrunError, `${JSON.stringify(argv)}: ${String(error)}`);
    }
  }
});

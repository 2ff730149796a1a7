// Arguments, environment, users, capabilities, limits, signals: what makes up process in config.json.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  capabilitySets,
  chooseCapabilities,
  DEFAULT_CAPABILITIES,
  parseCapability,
} from '../../../src/bundle/capabilities.js';
import { makeEnv } from '../../../src/bundle/make-env.js';
import { RLIMIT_UNLIMITED } from '../../../src/bundle/parse-spec.js';
import { resolveArgs, type ArgsSources } from '../../../src/bundle/resolve-args.js';
import { resolveGroups, resolveUser } from '../../../src/bundle/resolve-user.js';
import { parseSignal } from '../../../src/bundle/stop-signal.js';
import { makeRlimits, parseProcLimits, parseUlimit } from '../../../src/bundle/ulimits.js';
import { assertRefused, GROUP, PASSWD } from './table.js';

const LOOKUP = { passwd: PASSWD, group: GROUP };

const argsTable: [string, ArgsSources, string[]][] = [
  ['the image decides', { command: [], imageEntrypoint: ['/e'], imageCmd: ['c'] }, ['/e', 'c']],
  ['a command replaces CMD only', { command: ['x', 'y'], imageEntrypoint: ['/e'], imageCmd: ['c'] }, ['/e', 'x', 'y']],
  ['--entrypoint drops CMD', { entrypoint: '/n', command: [], imageEntrypoint: ['/e'], imageCmd: ['c'] }, ['/n']],
  [
    '--entrypoint keeps the words after IMAGE',
    { entrypoint: '/n', command: ['x'], imageEntrypoint: ['/e'], imageCmd: ['c'] },
    ['/n', 'x'],
  ],
  ["--entrypoint '' clears", { entrypoint: '', command: ['x'], imageEntrypoint: ['/e'], imageCmd: ['c'] }, ['x']],
  ['null members of an image', { command: ['x'], imageEntrypoint: null, imageCmd: null }, ['x']],
  ['an empty word is a word', { command: ['x', ''] }, ['x', '']],
];
for (const [name, sources, want] of argsTable)
  test(`resolveArgs(): ${name}`, () => assert.deepEqual(resolveArgs(sources), want));
test('resolveArgs() refuses when there is nothing to execute', () => {
  assertRefused(() => resolveArgs({ command: [] }), 'CONFIG_INVALID', /no command specified/);
  assertRefused(
    () => resolveArgs({ command: [], entrypoint: '', imageEntrypoint: ['/e'], imageCmd: ['c'] }),
    'CONFIG_INVALID',
  );
});

const userTable: [string, { uid: number; gid: number; home: string; groups: number[] }][] = [
  ['', { uid: 0, gid: 0, home: '/root', groups: [0, 1, 10] }],
  ['joe', { uid: 1000, gid: 1001, home: '/home/joe', groups: [10, 29] }],
  ['1000', { uid: 1000, gid: 1001, home: '/home/joe', groups: [10, 29] }],
  ['joe:wheel', { uid: 1000, gid: 10, home: '/home/joe', groups: [] }],
  ['joe:77', { uid: 1000, gid: 77, home: '/home/joe', groups: [] }],
  ['4242', { uid: 4242, gid: 0, home: '/', groups: [] }],
  ['4242:4343', { uid: 4242, gid: 4343, home: '/', groups: [] }],
  [':audio', { uid: 0, gid: 29, home: '/root', groups: [] }],
];
for (const [word, want] of userTable) {
  test(`resolveUser("${word}")`, () => {
    const { name: _, ...rest } = resolveUser(word, LOOKUP);
    assert.deepEqual(rest, want);
  });
}
test('resolveUser() works without files in the image', () =>
  assert.deepEqual(resolveUser('', {}), { uid: 0, gid: 0, home: '/', groups: [] }));
test('resolveUser() skips damaged lines', () => {
  const passwd = '#joe:x:1:1::/:\njoe\njoe:x:abc:1::/:\n  joe:x:7:8::/h:\r\n';
  assert.deepEqual(resolveUser('joe', { passwd }), { uid: 7, gid: 8, home: '/h', groups: [], name: 'joe' });
});
const badUsers: [string, RegExp][] = [
  ['bob', /unable to find user bob: no matching entries in passwd file/],
  ['joe:staff', /unable to find group staff: no matching entries in group file/],
  ['-1', /range 0-2147483647/],
  ['2147483648', /range 0-2147483647/],
  ['0:2147483648', /range 0-2147483647/],
];
for (const [word, text] of badUsers)
  test(`resolveUser("${word}") is refused`, () =>
    assertRefused(() => resolveUser(word, LOOKUP), 'CONFIG_INVALID', text));
test('resolveGroups() takes names and numbers once', () =>
  assert.deepEqual(resolveGroups(['wheel', '10', '77'], LOOKUP), [10, 77]));

test('makeEnv() orders defaults, image, user and keeps the first place of a name', () => {
  const env = makeEnv({
    hostname: 'h',
    tty: true,
    home: '/root',
    imageEnv: ['PATH=/i', 'A=1', 'broken'],
    userEnv: ['A=2', 'B=x=y', 'TERM=vt100'],
  });
  assert.deepEqual(env, ['PATH=/i', 'HOSTNAME=h', 'container=rrun', 'TERM=vt100', 'A=2', 'B=x=y', 'HOME=/root']);
});
test('makeEnv() takes proxies of the caller, below the image', () => {
  const proxyEnv = { http_proxy: 'http://p', NO_PROXY: 'x', HTTPS_PROXY: '', OTHER: 'no' };
  const env = makeEnv({
    hostname: 'h',
    tty: false,
    home: '/',
    imageEnv: ['NO_PROXY=image', 'HOME=/own'],
    userEnv: [],
    proxyEnv,
  });
  assert.deepEqual(env.slice(3), ['http_proxy=http://p', 'NO_PROXY=image', 'HOME=/own']);
});

test("chooseCapabilities() is Docker's set by default", () => {
  assert.deepEqual(
    [...chooseCapabilities({ add: [], drop: [], privileged: false })].sort(),
    [...DEFAULT_CAPABILITIES].sort(),
  );
});
const capTable: [string, string[], string[], (names: string[]) => boolean][] = [
  [
    'adds with any spelling',
    ['net_admin', 'CAP_SYS_TIME'],
    [],
    (names) => names.length === 16 && names.includes('CAP_SYS_TIME'),
  ],
  ['drops', [], ['chown', 'CAP_KILL'], (names) => names.length === 12 && !names.includes('CAP_CHOWN')],
  ['drop ALL leaves what is added', ['chown'], ['all'], (names) => names.join() === 'CAP_CHOWN'],
  [
    'add ALL leaves out what is dropped',
    ['ALL'],
    ['chown'],
    (names) => names.length === 40 && !names.includes('CAP_CHOWN'),
  ],
  ['what is dropped and added is added', ['chown'], ['chown'], (names) => names.includes('CAP_CHOWN')],
];
for (const [name, add, drop, holds] of capTable)
  test(`chooseCapabilities() ${name}`, () => assert.ok(holds(chooseCapabilities({ add, drop, privileged: false }))));
test('chooseCapabilities() gives all of the kernel to --privileged', () => {
  assert.equal(chooseCapabilities({ add: [], drop: [], privileged: true, lastCap: 37 }).length, 38);
});
test('parseCapability() suggests', () => {
  assertRefused(() => parseCapability('net_admn'), 'CONFIG_INVALID', /unknown capability\ndid you mean NET_ADMIN\?/);
  assertRefused(() => parseCapability('frobnicate'), 'CONFIG_INVALID', /capabilities\(7\)/);
  assertRefused(
    () => chooseCapabilities({ add: ['bpf'], drop: [], privileged: false, lastCap: 37 }),
    'CONFIG_INVALID',
    /this kernel/,
  );
});
test('capabilitySets() leaves only the bounding set to a user', () => {
  assert.deepEqual(capabilitySets(['CAP_CHOWN'], 5), { bounding: ['CAP_CHOWN'] });
  assert.deepEqual(capabilitySets(['CAP_CHOWN'], 0), {
    bounding: ['CAP_CHOWN'],
    effective: ['CAP_CHOWN'],
    permitted: ['CAP_CHOWN'],
  });
});

const ulimitTable: [string, { name: string; soft: number; hard: number }][] = [
  ['nofile=10:20', { name: 'nofile', soft: 10, hard: 20 }],
  ['nofile=10', { name: 'nofile', soft: 10, hard: 10 }],
  ['core=-1', { name: 'core', soft: Infinity, hard: Infinity }],
  ['memlock=0:unlimited', { name: 'memlock', soft: 0, hard: Infinity }],
];
for (const [typed, want] of ulimitTable)
  test(`parseUlimit("${typed}")`, () => assert.deepEqual(parseUlimit(typed), want));
const badUlimits: [string, RegExp][] = [
  ['nofile', /invalid ulimit argument/],
  ['nofle=1', /invalid ulimit type: nofle\ndid you mean nofile\?/],
  ['nofile=20:10', /soft limit must be less than or equal to hard limit: 20 > 10/],
  ['nofile=-1:10', /soft limit must be less/],
  ['nofile=a', /not a number/],
  ['nofile=1:2:3', /up to two/],
];
for (const [typed, text] of badUlimits)
  test(`parseUlimit("${typed}") is refused`, () => assertRefused(() => parseUlimit(typed), 'CONFIG_INVALID', text));
test('makeRlimits() keeps the last of a name and stays below the hard limit of the caller', () => {
  assert.deepEqual(makeRlimits(['nofile=1', 'core=-1', 'nofile=2:3'], { nofile: 100 }), [
    { type: 'RLIMIT_NOFILE', soft: 2, hard: 3 },
    { type: 'RLIMIT_CORE', soft: RLIMIT_UNLIMITED, hard: RLIMIT_UNLIMITED },
  ]);
  assertRefused(
    () => makeRlimits(['nofile=101'], { nofile: 100 }),
    'CONFIG_INVALID',
    /hard limit of the caller is 100/,
  );
});
test('parseProcLimits() reads the hard column', () => {
  const text =
    'Limit   Soft Limit   Hard Limit   Units\nMax open files            1024      4096    files\nMax core file size        0         unlimited   bytes\nMax nice priority         0         0\n';
  assert.deepEqual(parseProcLimits(text), { nofile: 4096, core: Infinity, nice: 0 });
});

const signalTable: [string, number, string][] = [
  ['TERM', 15, 'SIGTERM'],
  ['sigkill', 9, 'SIGKILL'],
  ['3', 3, 'SIGQUIT'],
  ['RTMIN', 34, 'SIGRTMIN+0'],
  ['SIGRTMIN+3', 37, 'SIGRTMIN+3'],
  ['RTMAX-1', 63, 'SIGRTMAX-1'],
  ['64', 64, 'SIGRTMAX-0'],
];
for (const [typed, number, name] of signalTable) {
  test(`parseSignal("${typed}")`, () => {
    assert.equal(parseSignal(typed).number, number);
    assert.equal(parseSignal(parseSignal(typed).name).number, number);
    if (!/RT|64/.test(typed)) assert.equal(parseSignal(typed).name, name);
  });
}
for (const typed of ['', '0', '65', 'FOO', 'RTMIN+40', 'RTMAX+1', '-9', '1e1']) {
  test(`parseSignal("${typed}") is refused`, () =>
    assertRefused(() => parseSignal(typed), 'CONFIG_INVALID', /invalid signal/));
}

// A config.json of anybody: what is accepted, what is refused and with which words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpec, RLIMIT_UNLIMITED, stringifySpec } from '../../../src/bundle/parse-spec.js';
import type { Spec } from '../../../src/bundle/spec.wire.js';
import { RrunError } from '../../../src/errors.js';
import { assertRefused } from './table.js';

const MINIMAL: Spec = { ociVersion: '1.0.2', root: { path: 'rootfs' } };
const FULL: Spec = {
  ociVersion: '1.2.0',
  root: { path: '/r', readonly: true },
  process: {
    terminal: true,
    consoleSize: { height: 24, width: 80 },
    user: { uid: 0, gid: 0, umask: 18, additionalGids: [5] },
    args: ['sh', ''],
    env: ['A=b'],
    cwd: '/',
    capabilities: { bounding: ['CAP_CHOWN'], ambient: [] },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: RLIMIT_UNLIMITED }],
    noNewPrivileges: true,
    oomScoreAdj: -5,
  },
  hostname: 'h',
  domainname: 'd',
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc', options: ['ro'] }, { destination: 'relative' }],
  hooks: { poststart: [{ path: '/x', args: ['x'], timeout: 5 }] },
  annotations: { a: 'b' },
  linux: {
    uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    sysctl: { 'net.x': '1' },
    resources: { pids: { limit: 5 } },
    namespaces: [{ type: 'user' }, { type: 'network', path: '/run/netns/x' }],
    devices: [{ path: '/dev/x', type: 'c', major: 1, minor: 3, fileMode: 438 }],
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        {
          names: ['read'],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: 0,
          args: [{ index: 0, value: '18446744073709551615', op: 'SCMP_CMP_EQ' }],
        },
      ],
    },
    rootfsPropagation: 'rslave',
    maskedPaths: ['/x'],
    readonlyPaths: ['/y'],
  },
};

for (const [name, spec] of [
  ['the least', MINIMAL],
  ['all', FULL],
] as const) {
  test(`parseSpec() takes ${name} and stringifySpec() gives it back`, () =>
    assert.deepEqual(parseSpec(stringifySpec(spec)), spec));
}
test('stringifySpec() writes 64-bit numbers as numbers', () => {
  const text = stringifySpec(FULL);
  assert.match(text, /"hard": 18446744073709551615/);
  assert.match(text, /"value": 18446744073709551615/);
});
test('parseSpec() takes null for absent and leaves members it does not know', () => {
  const spec = parseSpec(
    '{"ociVersion":"1.1.0+dev","root":{"path":"r"},"mounts":null,"windows":{"x":1},"process":{"cwd":"/","args":["a"],"env":null,"user":{"uid":0,"gid":0}}}',
  );
  assert.equal(spec.mounts, undefined);
  assert.ok('windows' in spec);
});

function edited(edit: (spec: Record<string, never>) => void): string {
  const copy = JSON.parse(JSON.stringify(FULL)) as Record<string, never>;
  edit(copy);
  return JSON.stringify(copy);
}
type Loose = { [key: string]: Loose } & unknown[] & (string | number | boolean | null);
const refusals: [string, (spec: Loose) => void, RegExp][] = [
  ['no version', (spec) => delete spec['ociVersion'], /config.json.ociVersion: want a string, got nothing/],
  ['version 2', (spec) => (spec['ociVersion'] = '2.0.0' as Loose), /want a version 1.x.y, got "2.0.0"/],
  ['no root', (spec) => delete spec['root'], /config.json.root: want an object/],
  ['empty root', (spec) => (spec['root']!['path'] = '' as Loose), /root.path: want a string that is not empty/],
  [
    'no args',
    (spec) => (spec['process']!['args'] = [] as unknown as Loose),
    /process.args: want a list of at least 1, got \[\]/,
  ],
  [
    'a number among args',
    (spec) => (spec['process']!['args'] = ['a', 5] as unknown as Loose),
    /process.args\[1\]: want a string, got 5/,
  ],
  [
    'NUL in env',
    (spec) => (spec['process']!['env'] = ['a\0b'] as unknown as Loose),
    /process.env\[0\]: want a string without NUL/,
  ],
  ['a relative cwd', (spec) => (spec['process']!['cwd'] = 'x' as Loose), /process.cwd: want an absolute path, got "x"/],
  [
    'a negative uid',
    (spec) => (spec['process']!['user']!['uid'] = -1 as unknown as Loose),
    /process.user.uid: want a whole number from 0 to 4294967294, got -1/,
  ],
  ['a fraction', (spec) => (spec['process']!['user']!['gid'] = 1.5 as unknown as Loose), /process.user.gid/],
  ['oomScoreAdj out of range', (spec) => (spec['process']!['oomScoreAdj'] = 1001 as unknown as Loose), /-1000 to 1000/],
  [
    'a flag that is text',
    (spec) => (spec['process']!['terminal'] = 'yes' as Loose),
    /process.terminal: want true or false/,
  ],
  ['mounts that are an object', (spec) => (spec['mounts'] = {} as Loose), /mounts: want a list/],
  [
    'a mount without destination',
    (spec) => (spec['mounts'] = [{ type: 'proc' }] as unknown as Loose),
    /mounts\[0\].destination: want a string, got nothing/,
  ],
  [
    'an unknown namespace',
    (spec) => (spec['linux']!['namespaces'] = [{ type: 'net' }] as unknown as Loose),
    /namespaces\[0\].type: want one of user, pid/,
  ],
  [
    'a namespace twice',
    (spec) => (spec['linux']!['namespaces'] = [{ type: 'user' }, { type: 'user' }] as unknown as Loose),
    /want each type once/,
  ],
  [
    'a map without a user namespace',
    (spec) => (spec['linux']!['namespaces'] = [{ type: 'pid' }] as unknown as Loose),
    /want a "user" entry/,
  ],
  [
    'an empty extent',
    (spec) => (spec['linux']!['uidMappings'] = [{ containerID: 0, hostID: 0, size: 0 }] as unknown as Loose),
    /uidMappings\[0\].size/,
  ],
  [
    'a value above 64 bits',
    (spec) =>
      (spec['linux']!['seccomp']!['syscalls'] = [
        {
          names: ['a'],
          action: 'SCMP_ACT_LOG',
          args: [{ index: 0, value: '18446744073709551616', op: 'SCMP_CMP_EQ' }],
        },
      ] as unknown as Loose),
    /args\[0\].value/,
  ],
  [
    'a relative hook',
    (spec) => (spec['hooks'] = { poststop: [{ path: 'x' }] } as unknown as Loose),
    /hooks.poststop\[0\].path/,
  ],
  [
    'annotations of numbers',
    (spec) => (spec['annotations'] = { a: 1 } as unknown as Loose),
    /annotations.a: want a string/,
  ],
];
for (const [name, edit, text] of refusals)
  test(`parseSpec() refuses ${name}`, () =>
    assertRefused(() => parseSpec(edited(edit as never)), 'CONFIG_INVALID', text));
test('parseSpec() refuses what is no object, no JSON or too long', () => {
  assertRefused(() => parseSpec('[]'), 'CONFIG_INVALID', /want an object/);
  assertRefused(() => parseSpec('null', 'x.json'), 'CONFIG_INVALID', /x.json: want an object/);
  assertRefused(() => parseSpec('{'), 'CONFIG_INVALID', /no JSON/);
  assertRefused(() => parseSpec(' '.repeat(5 << 20)), 'CONFIG_INVALID', /at most/);
});
test('parseSpec() cuts long values in its message', () => {
  assertRefused(
    () => parseSpec(JSON.stringify({ ociVersion: 'x'.repeat(1000), root: { path: 'r' } })),
    'CONFIG_INVALID',
    /x\.\.\.$/m,
  );
});

test('parseSpec() survives deep nesting', () => {
  for (const member of ['ociVersion', 'annotations', 'process', 'x']) {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const source = `{"ociVersion":"1.0.0","root":{"path":"r"},"${member}":${deep}}`;
    if (member === 'x') assert.ok(parseSpec(source));
    else assertRefused(() => parseSpec(source), 'CONFIG_INVALID', /got a list of 1/);
  }
});

/** A small generator, so that a failure comes again. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('parseSpec() answers mutated files with a sentence or a spec, never with another error', () => {
  const random = makeRandom(7);
  const source = JSON.stringify(FULL);
  const pieces = [
    'null',
    '-1',
    '1e99',
    '""',
    '[]',
    '{}',
    'true',
    '"\\u0000"',
    '18446744073709551616',
    '{"__proto__":{"path":1}}',
    '"/.."',
  ];
  for (let round = 0; round < 3000; round++) {
    const at = random(source.length);
    const piece = pieces[random(pieces.length)] ?? '';
    const values = [...source.matchAll(/"[^"]*"(?!:)|\d+|true|false|\[\]/g)];
    const value = values[random(values.length)];
    const mutated =
      round % 3 === 0 || value === undefined
        ? source.slice(0, at) + piece + source.slice(at + random(20))
        : source.slice(0, value.index) + piece + source.slice(value.index + value[0].length);
    try {
      parseSpec(mutated);
    } catch (error) {
      assert.ok(error instanceof RrunError, `${String(error)}: ${mutated}`);
    }
  }
});

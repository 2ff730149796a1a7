// Profiles, their resolution, the single-id fakes and the compiled program, whose answers are read by running it.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { chooseCapabilities } from '../../../src/bundle/capabilities.js';
import { chooseSeccomp, type SeccompRequest } from '../../../src/bundle/choose-seccomp.js';
import {
  parseSeccompProfile,
  isKernelAtLeast,
  nativeArchitecture,
  type ProfileConditions,
} from '../../../src/bundle/seccomp-profile.js';
import { actionNumber, filterFlags, makeFilter } from '../../../src/bundle/seccomp-filter.js';
import { loadSeccomp } from '../../../src/bundle/seccomp.js';
import type { SpecSeccomp } from '../../../src/bundle/spec.wire.js';
import type { Decision } from '../../../src/util/decision.js';
import type { HostPath } from '../../../src/util/brand.js';
import { AUDIT_ARCH, runFilter, type CallData } from './bpf-interpreter.js';
import { assertRefused } from './table.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-seccomp-'));
after(() => rmSync(dir, { recursive: true }));
const cacheDir = dir as HostPath;
const conditions: ProfileConditions = {
  kernelArch: 'x64',
  kernelRelease: '6.1.0-13-amd64',
  capabilities: chooseCapabilities({ add: [], drop: [], privileged: false }),
};

function request(more: Partial<SeccompRequest> = {}): SeccompRequest {
  return { ...conditions, choice: 'builtin', cwd: dir, privileged: false, singleId: false, profiles: [], ...more };
}

/** Numbers of x86-64 (asm/unistd_64.h). */
const NR = {
  read: 0,
  clone: 56,
  chown: 92,
  personality: 135,
  mknod: 133,
  mount: 165,
  setuid: 105,
  ptrace: 101,
  socket: 41,
  mknodat: 259,
  clone3: 435,
  unshare: 272,
  reboot: 169,
  kexec_load: 246,
  io_uring_setup: 425,
  bpf: 321,
};
const X32 = 0x40000000;
const CLONE_NEWUSER = 0x10000000;
const SIGCHLD = 17;

const skip =
  existsSync('/usr/lib/x86_64-linux-gnu/libseccomp.so.2') && process.arch === 'x64'
    ? false
    : 'needs libseccomp on x86-64';

type Row = [name: string, call: CallData, want: string];
async function checkRows(filter: SpecSeccomp | undefined, rows: readonly Row[]): Promise<void> {
  assert.ok(filter);
  const file = await loadSeccomp(filter, cacheDir);
  for (const [name, call, want] of rows) assert.equal(runFilter(file, call), want, name);
}

test("chooseSeccomp() has Docker's rules of its own", { skip }, async () => {
  await checkRows(chooseSeccomp(request(), []), [
    ['read', { nr: NR.read }, 'allow'],
    ['mount', { nr: NR.mount }, 'errno 1'],
    ['unshare', { nr: NR.unshare }, 'errno 1'],
    ['reboot', { nr: NR.reboot }, 'errno 1'],
    ['io_uring', { nr: NR.io_uring_setup }, 'errno 1'],
    ['ptrace since 4.8', { nr: NR.ptrace }, 'allow'],
    ['fork by clone', { nr: NR.clone, args: [SIGCHLD] }, 'allow'],
    ['clone with a namespace', { nr: NR.clone, args: [CLONE_NEWUSER | SIGCHLD] }, 'errno 1'],
    ['clone3', { nr: NR.clone3 }, 'errno 38'],
    ['AF_INET', { nr: NR.socket, args: [2] }, 'allow'],
    ['AF_PACKET', { nr: NR.socket, args: [17] }, 'allow'],
    ['AF_ALG', { nr: NR.socket, args: [38] }, 'errno 1'],
    ['AF_VSOCK', { nr: NR.socket, args: [40] }, 'errno 1'],
    ['personality query', { nr: NR.personality, args: [0xffffffff] }, 'allow'],
    ['ADDR_NO_RANDOMIZE', { nr: NR.personality, args: [0x40000] }, 'errno 1'],
    ['a call that is newer than the profile', { nr: 1000 }, 'errno 38'],
    ['the same in 32 bits', { nr: 1000, arch: AUDIT_ARCH.i386 }, 'errno 38'],
    ['the same in x32', { nr: X32 + 1000 }, 'errno 38'],
    ['read in 32 bits', { nr: 3, arch: AUDIT_ARCH.i386 }, 'allow'],
    ['mount in 32 bits', { nr: 21, arch: AUDIT_ARCH.i386 }, 'errno 1'],
    ['read in x32', { nr: X32 }, 'allow'],
    ['another architecture', { nr: 0, arch: AUDIT_ARCH.aarch64 }, 'kill'],
  ]);
});

test('chooseSeccomp() opens calls with their capability', { skip }, async () => {
  const capabilities = [...conditions.capabilities, 'CAP_SYS_ADMIN', 'CAP_SYS_BOOT'];
  await checkRows(chooseSeccomp(request({ capabilities }), []), [
    ['mount', { nr: NR.mount }, 'allow'],
    ['clone with a namespace', { nr: NR.clone, args: [CLONE_NEWUSER] }, 'allow'],
    ['clone3', { nr: NR.clone3 }, 'allow'],
    ['reboot', { nr: NR.reboot }, 'allow'],
  ]);
});

const FAKES: Row[] = [
  ['chown', { nr: NR.chown }, 'errno 0'],
  ['setuid', { nr: NR.setuid }, 'errno 0'],
  ['kexec_load', { nr: NR.kexec_load }, 'errno 0'],
  ['a character device', { nr: NR.mknod, args: [0, 0o020666] }, 'errno 0'],
  ['a block device', { nr: NR.mknodat, args: [0, 0, 0o060600] }, 'errno 0'],
  ['a fifo', { nr: NR.mknod, args: [0, 0o010644] }, 'allow'],
  ['a plain file', { nr: NR.mknodat, args: [0, 0, 0o100644] }, 'allow'],
  ['a file without a type', { nr: NR.mknodat, args: [0, 0, 0o644] }, 'allow'],
  ['chown in 32 bits', { nr: 212, arch: AUDIT_ARCH.i386 }, 'errno 0'],
];
test('chooseSeccomp() fakes what one id cannot do', { skip }, async () => {
  await checkRows(chooseSeccomp(request({ singleId: true }), []), [...FAKES, ['mount', { nr: NR.mount }, 'errno 1']]);
});
test('chooseSeccomp() fakes without a profile too', { skip }, async () => {
  await checkRows(chooseSeccomp(request({ singleId: true, choice: 'unconfined' }), []), [
    ...FAKES,
    ['mount', { nr: NR.mount }, 'allow'],
  ]);
  await checkRows(chooseSeccomp(request({ singleId: true, privileged: true }), []), [
    ['unshare', { nr: NR.unshare }, 'allow'],
  ]);
});

test('chooseSeccomp() says what it chose and why', () => {
  const topics = (more: Partial<SeccompRequest>): [SpecSeccomp | undefined, string[]] => {
    const decisions: Decision[] = [];
    const filter = chooseSeccomp(request(more), decisions);
    return [filter, decisions.map(({ choice, why }) => `${choice}: ${why}`)];
  };
  assert.deepEqual(topics({ choice: 'unconfined' }), [undefined, ['none: --security-opt seccomp=unconfined']]);
  assert.deepEqual(topics({ privileged: true }), [undefined, ['none: --privileged']]);
  const host = path.join(dir, 'host.json');
  writeFileSync(host, '{"defaultAction": "SCMP_ACT_LOG"}');
  assert.deepEqual(topics({ profiles: [path.join(dir, 'absent.json'), host] })[1], [
    `${host}: the host's default profile`,
  ]);
  writeFileSync(host, '{"defaultAction": "SCMP_ACT_');
  const [filter, reasons] = topics({ profiles: [host] });
  assert.equal(reasons.length, 2);
  assert.match(reasons[0] ?? '', /no JSON/);
  assert.equal(filter?.defaultAction, 'SCMP_ACT_ERRNO');
  assertRefused(
    () => topics({ choice: path.join(dir, 'absent.json') }),
    'CONFIG_INVALID',
    /cannot read seccomp profile .*ENOENT/,
  );
});

test('parseSeccompProfile() resolves both formats', () => {
  const docker = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrno: 'ENOSYS',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW', args: null, comment: 'x', includes: {}, excludes: null },
      { name: 'old', action: 'SCMP_ACT_ERRNO', errno: 'EPERM', errnoRet: 9 },
      { names: ['admin'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['not-admin'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['arm'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } },
      { names: ['new'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '6.2' } },
      { names: ['until'], action: 'SCMP_ACT_ALLOW', excludes: { minKernel: '6.1' } },
    ],
  };
  const parsed = parseSeccompProfile(JSON.stringify(docker), 'p', conditions);
  assert.deepEqual(
    parsed.syscalls?.flatMap(({ names }) => names),
    ['read', 'old', 'not-admin'],
  );
  assert.equal(parsed.defaultErrnoRet, 38);
  assert.equal(parsed.syscalls?.[1]?.errnoRet, 1);
  assert.deepEqual(parsed.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  const plain = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    flags: ['SECCOMP_FILTER_FLAG_LOG'],
    syscalls: [],
  };
  assert.deepEqual(parseSeccompProfile(JSON.stringify(plain), 'p', conditions), plain);
});
const badProfiles: [string, string, RegExp][] = [
  ['no JSON', '{', /no JSON/],
  ['no object', '[]', /want an object/],
  ['no action', '{}', /defaultAction: want one of/],
  ['unknown action', '{"defaultAction":"SCMP_ACT_FOO"}', /defaultAction: want one of .*SCMP_ACT_FOO/],
  ['unknown errno', '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EFOO"}', /EFOO/],
  [
    'two lists of architectures',
    '{"defaultAction":"SCMP_ACT_LOG","architectures":["a"],"archMap":[{"architecture":"b"}]}',
    /both/,
  ],
  ['syscalls of a wrong type', '{"defaultAction":"SCMP_ACT_LOG","syscalls":5}', /not of the form/],
  [
    'a rule without names',
    '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"action":"SCMP_ACT_LOG"}]}',
    /names: want a list of at least 1/,
  ],
  [
    'an index out of range',
    '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}',
    /args\[0\].index/,
  ],
];
for (const [name, source, text] of badProfiles)
  test(`parseSeccompProfile() refuses ${name}`, () =>
    assertRefused(() => parseSeccompProfile(source, 'p', conditions), 'CONFIG_INVALID', text));

test('loadSeccomp() knows every action and comparison', { skip }, async () => {
  const wide = '18446744073709551615';
  const arg = (op: string, value: number | string, valueTwo?: number) => ({
    index: 1,
    op,
    value,
    ...(valueTwo === undefined ? {} : { valueTwo }),
  });
  const rule = (name: string, action: string, args?: object[], errnoRet?: number) => ({
    names: [name],
    action,
    ...(args ? { args } : {}),
    ...(errnoRet === undefined ? {} : { errnoRet }),
  });
  const source = JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [
      rule('read', 'SCMP_ACT_ERRNO', [arg('SCMP_CMP_GT', 5), arg('SCMP_CMP_LT', 2)], 7),
      rule('write', 'SCMP_ACT_TRACE', [arg('SCMP_CMP_EQ', wide)], 9),
      rule('open', 'SCMP_ACT_KILL_PROCESS', [arg('SCMP_CMP_NE', 3)]),
      rule('close', 'SCMP_ACT_KILL', [arg('SCMP_CMP_GE', 3)]),
      rule('stat', 'SCMP_ACT_TRAP', [arg('SCMP_CMP_LE', 3)]),
      rule('fstat', 'SCMP_ACT_LOG', [arg('SCMP_CMP_MASKED_EQ', 0xf0, 0x30)]),
      rule('lstat', 'SCMP_ACT_ERRNO'),
      rule('poll', 'SCMP_ACT_ALLOW'),
      rule('no_such_call_anywhere', 'SCMP_ACT_ERRNO'),
    ],
  });
  await checkRows(parseSeccompProfile(source, 'p', conditions), [
    ['either of two conditions: more', { nr: 0, args: [0, 6] }, 'errno 7'],
    ['either of two conditions: less', { nr: 0, args: [0, 1] }, 'errno 7'],
    ['neither', { nr: 0, args: [0, 3] }, 'allow'],
    ['64 bits', { nr: 1, args: [0, -1] }, 'trace 9'],
    ['64 bits, low half only', { nr: 1, args: [0, 0xffffffff] }, 'allow'],
    ['not equal', { nr: 2, args: [0, 4] }, 'kill-process'],
    ['at least', { nr: 3, args: [0, 3] }, 'kill'],
    ['at most', { nr: 4, args: [0, 3] }, 'trap'],
    ['masked', { nr: 5, args: [0, 0x3f] }, 'log'],
    ['errno without a number', { nr: 6 }, 'errno 1'],
    ['no ENOSYS where everything is allowed', { nr: 5000 }, 'allow'],
  ]);
});

test('loadSeccomp() makes a program once, and again when it is damaged', { skip }, async () => {
  const filter: SpecSeccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_ERRNO' }],
  };
  const own = path.join(dir, 'own') as HostPath;
  const file = await loadSeccomp(filter, own);
  const reordered: SpecSeccomp = {
    syscalls: [{ action: 'SCMP_ACT_ERRNO', names: ['reboot'] }],
    defaultAction: 'SCMP_ACT_ALLOW',
  };
  assert.equal(await loadSeccomp(reordered, own), file);
  const rubbish = path.join(own, 'seccomp/x.tmp');
  writeFileSync(rubbish, '');
  utimesSync(rubbish, 1, 1);
  truncateSync(file, 12);
  assert.equal(await loadSeccomp(filter, own), file);
  assert.equal(runFilter(file, { nr: NR.reboot }), 'errno 1');
  assert.deepEqual(readdirSync(path.join(own, 'seccomp')), [path.basename(file)]);
  const all = await Promise.all(
    Array.from({ length: 8 }, () => loadSeccomp({ ...filter, defaultAction: 'SCMP_ACT_LOG' }, own)),
  );
  assert.equal(new Set(all).size, 1);
});

test('loadSeccomp() leaves nothing behind when it fails', { skip }, async () => {
  const own = path.join(dir, 'failing') as HostPath;
  await assert.rejects(
    loadSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_VAX'] }, own),
    /cannot filter system calls of architecture "vax"/,
  );
  assert.deepEqual(readdirSync(path.join(own, 'seccomp')), []);
});

test('makeFilter() refuses what cannot be installed', () => {
  assertRefused(() => actionNumber('SCMP_ACT_NOTIFY'), 'CONFIG_INVALID', /listener/);
  assertRefused(
    () => makeFilter({ defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_NEW_LISTENER'] }),
    'CONFIG_INVALID',
    /flag/,
  );
  assert.equal(
    filterFlags({
      defaultAction: 'SCMP_ACT_ALLOW',
      flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
    }),
    6,
  );
});

test('nativeArchitecture() takes the names of Node and of uname', () => {
  assert.deepEqual(nativeArchitecture('x64'), nativeArchitecture('x86_64'));
  assert.deepEqual(nativeArchitecture('aarch64'), { go: 'arm64', scmp: 'SCMP_ARCH_AARCH64' });
  assertRefused(() => nativeArchitecture('vax'), 'CONFIG_INVALID', /"vax"/);
});
const kernels: [string, string, boolean][] = [
  ['6.1.0-13-amd64', '4.8', true],
  ['4.8.0', '4.8', true],
  ['4.7.9', '4.8', false],
  ['5.15.167.4-microsoft-standard', '5.15', true],
  ['6.1', '6.10', false],
];
for (const [release, wanted, want] of kernels)
  test(`isKernelAtLeast("${release}", "${wanted}")`, () => assert.equal(isKernelAtLeast(release, wanted), want));

// Namespaces, groups, --security-opt, sysctls, time zone: what a container shares and what it may not touch.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { chooseGroups, isMapped, type GroupRequest } from '../../../src/bundle/choose-groups.js';
import { chooseNamespaces } from '../../../src/bundle/namespaces.js';
import { resolveUser } from '../../../src/bundle/resolve-user.js';
import { parseSecurityOptions, type SecurityOptions } from '../../../src/bundle/security-options.js';
import { defaultSysctls, validateSysctls } from '../../../src/bundle/sysctls.js';
import { chooseTimezone } from '../../../src/bundle/timezone.js';
import { assertRefused, GROUP, makeContext, makeOptions, PASSWD, RANGES, SINGLE } from './table.js';

const lookup = { passwd: PASSWD, group: GROUP };

function namespaceWords(
  options: Parameters<typeof makeOptions>[0],
  context: Parameters<typeof makeContext>[0] = {},
): string {
  const { list } = chooseNamespaces(makeOptions(options), makeContext(context), []);
  return list.map(({ type, path }) => (path === undefined ? type : `${type}=${path}`)).join(' ');
}
const namespaceTable: [string, Parameters<typeof makeOptions>[0], Parameters<typeof makeContext>[0], string][] = [
  ['all by default', {}, {}, 'user mount network pid ipc uts cgroup'],
  ['private and shareable', { pid: 'private', ipc: 'shareable', uts: '' }, {}, 'user mount network pid ipc uts cgroup'],
  ["the host's", { pid: 'host', ipc: 'host', uts: 'host' }, { network: { kind: 'host' } }, 'user mount cgroup'],
  [
    'a joined netns',
    {},
    { network: { kind: 'container', path: '/proc/5/ns/net' } },
    'user mount network=/proc/5/ns/net pid ipc uts cgroup',
  ],
  [
    'joined pid and ipc',
    { pid: 'container:a', ipc: 'container:b' },
    { joined: { pid: 7, ipc: 8 } },
    'user mount network pid=/proc/7/ns/pid ipc=/proc/8/ns/ipc uts cgroup',
  ],
];
for (const [name, options, context, want] of namespaceTable)
  test(`chooseNamespaces(): ${name}`, () => assert.equal(namespaceWords(options, context), want));
const badNamespaces: [Parameters<typeof makeOptions>[0], RegExp][] = [
  [{ pid: 'shareable' }, /--pid "shareable": want private, host or container:NAME/],
  [{ ipc: 'container:' }, /--ipc "container:"/],
  [{ uts: 'container:x' }, /--uts "container:x": want private, host$/m],
  [{ uts: 'host', hostname: 'x' }, /conflicting options/],
];
for (const [options, text] of badNamespaces)
  test(`chooseNamespaces(${JSON.stringify(options)}) is refused`, () =>
    assertRefused(() => namespaceWords(options), 'CONFIG_INVALID', text));

const groups = (word: string, groupAdd: string[], more: Partial<GroupRequest> = {}) =>
  chooseGroups(
    {
      groupAdd,
      user: resolveUser(word, lookup),
      userNamed: word !== '',
      lookup,
      mapping: RANGES,
      callerGroups: [1000, 44],
      callerGid: 1000,
      ...more,
    },
    [],
  );
const groupTable: [string, string, string[], Partial<GroupRequest>, number[] | 'keep'][] = [
  ["root of the image keeps the caller's", '', [], {}, 'keep'],
  ["a user with groups has the image's", 'joe', [], {}, [1001, 10, 29]],
  ["a user without groups keeps the caller's", '4242', [], {}, 'keep'],
  ["a user with a named group keeps the caller's", 'joe:wheel', [], {}, 'keep'],
  ['a caller without groups has none to keep for a user', '4242', [], { callerGroups: [1000] }, [0]],
  ['a caller without groups, and a named group', 'joe:wheel', [], { callerGroups: [] }, [10]],
  ["root keeps the caller's, were it only one", '', [], { callerGroups: [1000] }, 'keep'],
  ['--group-add asks', '', ['audio', '77'], {}, [0, 29, 77]],
  ['--group-add comes after the groups of the user', 'joe', ['77'], {}, [1001, 10, 29, 77]],
  ["keep-groups forces the caller's", 'joe', ['keep-groups'], {}, 'keep'],
  ["one id: the caller's, whoever", 'root', [], { mapping: SINGLE }, 'keep'],
];
for (const [name, word, add, more, want] of groupTable)
  test(`chooseGroups(): ${name}`, () => assert.deepEqual(groups(word, add, more), want));
test('chooseGroups() refuses what setgroups(2) would', () => {
  assertRefused(() => groups('', ['keep-groups', '5']), 'CONFIG_INVALID', /not allowed with any other/);
  assertRefused(() => groups('', ['5'], { mapping: SINGLE }), 'IDMAP_UNAVAILABLE', /only one group is mapped/);
  assertRefused(() => groups('', ['70000']), 'IDMAP_UNAVAILABLE', /group 70000: the user namespace maps 65537 ids/);
  assertRefused(() => groups('', ['nogroup']), 'CONFIG_INVALID', /unable to find group nogroup/);
});
test('isMapped() knows the borders', () =>
  assert.deepEqual(
    [0, 1, 65536, 65537].map((id) => isMapped(id, RANGES.uidMappings)),
    [true, true, true, false],
  ));

const securityTable: [string[], Partial<SecurityOptions>][] = [
  [[], { seccomp: 'builtin', noNewPrivileges: false, mask: [], unmask: [] }],
  [['seccomp=unconfined', 'no-new-privileges'], { seccomp: 'unconfined', noNewPrivileges: true }],
  [['seccomp:/p=q.json', 'no-new-privileges=false'], { seccomp: '/p=q.json', noNewPrivileges: false }],
  [['no-new-privileges:true'], { noNewPrivileges: true }],
  [['apparmor=unconfined', 'label=disable', 'label=type:x_t'], { labels: ['disable', 'type:x_t'] }],
  [['mask=/a:/b', 'unmask=ALL', 'unmask=/proc/*'], { mask: ['/a', '/b'], unmask: ['ALL', '/proc/*'] }],
  [['systempaths=unconfined', 'writable-cgroups=true'], { unmask: ['ALL'], writableCgroups: true }],
];
for (const [typed, want] of securityTable) {
  test(`parseSecurityOptions(${typed.join(' ')})`, () => {
    const parsed = parseSecurityOptions(typed);
    for (const [key, value] of Object.entries(want)) assert.deepEqual(parsed[key as keyof SecurityOptions], value);
  });
}
const badSecurity: [string, RegExp][] = [
  ['secomp=x', /unknown option\ndid you mean seccomp\?/],
  ['foo', /unknown option/],
  ['seccomp', /a value is missing/],
  ['seccomp=', /a value is missing/],
  ['no-new-privileges=maybe', /want true or false/],
  ['label=foo', /want label=disable/],
  ['mask=a', /"a" is not an absolute path/],
  ['mask=ALL', /"ALL" is not an absolute path/],
  ['apparmor=docker-default', /no AppArmor profile is applied/],
  ['systempaths=x', /want systempaths=unconfined/],
  ['proc-opts=hidepid=2', /options for \/proc are not supported/],
];
for (const [typed, text] of badSecurity)
  test(`parseSecurityOptions("${typed}") is refused`, () =>
    assertRefused(() => parseSecurityOptions([typed]), 'CONFIG_INVALID', text));

const OWN = { network: true, ipc: true, uts: true };
for (const key of [
  'net.ipv4.ip_forward',
  'net/ipv4/conf/eth0.1/forwarding',
  'kernel.msgmax',
  'fs.mqueue.msg_max',
  'kernel.shm_rmid_forced',
]) {
  test(`validateSysctls("${key}") is fine in namespaces of one's own`, () => validateSysctls({ [key]: '1' }, OWN));
}
const badSysctls: [string, typeof OWN, RegExp][] = [
  ['net.ipv4.ip_forward', { ...OWN, network: false }, /not allowed in the host's network namespace/],
  ['kernel.sem', { ...OWN, ipc: false }, /not allowed in the host's ipc namespace/],
  ['kernel.domainname', { ...OWN, uts: false }, /not allowed in the host's uts namespace/],
  ['kernel.hostname', OWN, /set by --hostname/],
  ['kernel.domainname', OWN, /set by --domainname/],
  ['vm.swappiness', OWN, /not in a separate kernel namespace/],
  ['kernel.pid_max', OWN, /not in a separate kernel namespace/],
  ['net', OWN, /not a sysctl name/],
  ['net/../kernel/core_pattern', OWN, /not a sysctl name/],
  ['net./x', OWN, /not a sysctl name/],
  ['', OWN, /not a sysctl name/],
];
for (const [key, own, text] of badSysctls)
  test(`validateSysctls("${key}") is refused`, () =>
    assertRefused(() => validateSysctls({ [key]: '1' }, own), 'CONFIG_INVALID', text));
test('defaultSysctls() opens ping to all groups that are mapped', () => {
  assert.equal(defaultSysctls(true, RANGES.gidMappings, [])['net.ipv4.ping_group_range'], '0 65536');
  assert.equal(
    defaultSysctls(true, [{ containerID: 1000, hostID: 1, size: 1 }], [])['net.ipv4.ping_group_range'],
    '1000 1000',
  );
  assert.deepEqual(defaultSysctls(false, RANGES.gidMappings, []), {});
});

test(
  'chooseTimezone() binds a zone of the host',
  { skip: existsSync('/usr/share/zoneinfo/UTC') ? false : 'no time zones here' },
  () => {
    assert.deepEqual(chooseTimezone(undefined), {});
    const { mount } = chooseTimezone('UTC');
    assert.equal(mount?.destination, '/etc/localtime');
    assert.ok(mount?.options?.includes('ro'));
    for (const zone of ['Nowhere/City', '../../../etc/passwd', '/etc/passwd', 'Europe', 'UTC/']) {
      assertRefused(() => chooseTimezone(zone), 'CONFIG_INVALID', /cannot use time zone/);
    }
  },
);

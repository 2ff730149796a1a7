// -v, --mount, --tmpfs, --device, the default mounts and how they are put together.

import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { defaultMounts, hiddenPaths, type DefaultMountChoices } from '../../../src/bundle/default-mounts.js';
import { deviceMounts, parseDevice, privilegedDevices, runtimeDevices } from '../../../src/bundle/devices.js';
import { parseMount } from '../../../src/bundle/mount-option.js';
import { mergeTmpfsOptions, parseTmpfs, parseVolume, type MountRequest } from '../../../src/bundle/mount-requests.js';
import type { Spec } from '../../../src/bundle/spec.wire.js';
import { makeUserMounts, mergeMounts } from '../../../src/bundle/user-mounts.js';
import { RrunError } from '../../../src/errors.js';
import type { HostPath } from '../../../src/util/brand.js';
import { parseSize } from '../../../src/util/size.js';
import { assertRefused } from './table.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-mounts-'));
after(() => rmSync(dir, { recursive: true }));
const context = { volumesDir: path.join(dir, 'volumes') as HostPath, uid: 5, gid: 6 };

function pick(request: MountRequest, want: Partial<MountRequest>): Partial<MountRequest> {
  return Object.fromEntries(Object.keys(want).map((key) => [key, request[key as keyof MountRequest]]));
}

const volumeTable: [string, Partial<MountRequest>][] = [
  ['/data', { type: 'volume', source: undefined, destination: '/data' }],
  ['vol:/data/', { type: 'volume', source: 'vol', destination: '/data', readonly: false }],
  [
    '/a//b:/c:ro,z',
    { type: 'bind', source: '/a/b', destination: '/c', readonly: true, relabel: true, createSource: true },
  ],
  ['./x:/c', { type: 'bind', source: '/home/ana/x' }],
  ['..:/c', { type: 'bind', source: '/home' }],
  ['/a:/b:rslave,nocopy,U,noexec', { propagation: 'rslave', noCopy: true, chown: true, flags: ['noexec'] }],
  ['/a:/b/../c:rw,cached', { destination: '/c', readonly: false }],
];
for (const [typed, want] of volumeTable)
  test(`parseVolume("${typed}")`, () => assert.deepEqual(pick(parseVolume(typed, '/home/ana'), want), want));
const badVolumes: [string, RegExp][] = [
  ['', /invalid volume specification/],
  ['/a:/b:ro:x', /invalid volume specification/],
  ['/a:/b:rw,ro', /invalid mode: rw,ro/],
  ['a b:/c', /invalid characters for a local volume name/],
  ['x:/c', /invalid characters|allowed/],
  ['vol:rel', /mount path must be absolute/],
  ['vol:/', /destination can't be/],
  ['vol:/..', /destination can't be/],
  ['vol:/a:rx', /invalid mode: rx/],
  ['/a:/b:O', /overlay volumes/],
];
for (const [typed, text] of badVolumes)
  test(`parseVolume("${typed}") is refused`, () =>
    assertRefused(() => parseVolume(typed, '/'), 'CONFIG_INVALID', text));

const mountTable: [string, Partial<MountRequest>][] = [
  ['type=bind,src=/a,dst=/b', { type: 'bind', source: '/a', destination: '/b', readonly: false, createSource: false }],
  ['type=bind,source=/a,target=/b,readonly,bind-propagation=shared', { readonly: true, propagation: 'shared' }],
  ['type=bind,source=/a,target=/b,ro=false', { readonly: false }],
  ['type=bind,source=a,target=/b,bind-recursive=writable,ro', { source: '/home/ana/a', recursive: 'writable' }],
  ['type=bind,source=/a,target=/b,bind-nonrecursive', { recursive: 'disabled' }],
  ['"type=bind","source=/a,b",target=/b', { source: '/a,b' }],
  ['source=vv,target=/b,volume-nocopy', { type: 'volume', source: 'vv', noCopy: true }],
  ['type=volume,target=/b', { type: 'volume', source: undefined }],
  ['type=volume,src=vv,dst=/b,volume-subpath=x/y,volume-label=k=v', { subpath: 'x/y', labels: { k: 'v' } }],
  [
    'type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=1770',
    { type: 'tmpfs', flags: ['noexec', 'nosuid', 'nodev', 'size=1048576', 'mode=1770'] },
  ],
];
for (const [typed, want] of mountTable)
  test(`parseMount("${typed}")`, () => assert.deepEqual(pick(parseMount(typed, '/home/ana'), want), want));
const badMounts: [string, RegExp][] = [
  ['type=bind,src=/a', /target is required/],
  ['type=bind,dst=/a', /needs a source/],
  ['type=tmpfs,src=/x,dst=/a', /no source/],
  ['type=npipe,dst=/a', /mount type "npipe" is not supported/],
  ['type=bind,src=/a,dst=/b,tmpfs-size=1', /"tmpfs-size" does not fit type "bind"/],
  ['type=bind,src=/a,dst=/b,foo=1', /unknown option "foo"/],
  ['type=bind,src=/a,dst=/b,ro=maybe', /invalid value for readonly: maybe/],
  ['type=volume,src=vv,dst=/b,volume-subpath=../x', /inside the volume/],
  ['type=volume,src=vv,dst=/b,volume-driver=nfs', /driver "nfs"/],
  ['type=tmpfs,dst=/b,tmpfs-size=big', /invalid value for tmpfs-size/],
];
for (const [typed, text] of badMounts)
  test(`parseMount("${typed}") is refused`, () => assertRefused(() => parseMount(typed, '/'), 'CONFIG_INVALID', text));

test('parseTmpfs() adds the defaults, later words win', () => {
  assert.deepEqual(parseTmpfs('/run').flags, ['noexec', 'nosuid', 'nodev']);
  assert.deepEqual(mergeTmpfsOptions(['exec', 'size=1m', 'ro', 'rw', 'size=2m']), [
    'exec',
    'nosuid',
    'nodev',
    'size=2m',
    'rw',
  ]);
  assertRefused(() => parseTmpfs('/run:size'), 'CONFIG_INVALID', /invalid tmpfs option "size"/);
  assertRefused(() => parseTmpfs('run'), 'CONFIG_INVALID', /absolute/);
});

test('makeUserMounts() makes volumes and, for -v, host directories', async () => {
  const host = path.join(dir, 'made', 'here');
  const requests = [parseVolume('named:/n', '/'), parseVolume('/anon', '/'), parseVolume(`${host}:/h:ro,U`, '/')];
  const { mounts, volumes } = await makeUserMounts(requests, context);
  assert.ok(statSync(host).isDirectory());
  assert.ok(statSync(path.join(context.volumesDir, 'named/_data')).isDirectory());
  assert.deepEqual(
    volumes.map(({ anonymous, created, copyUp }) => [anonymous, created, copyUp]),
    [
      [false, true, true],
      [true, true, true],
      [false, false, false],
    ],
  );
  assert.match(volumes[1]?.name ?? '', /^[0-9a-f]{64}$/);
  assert.deepEqual(volumes[2]?.chown, { uid: 5, gid: 6 });
  assert.deepEqual(mounts[2], {
    destination: '/h',
    type: 'bind',
    source: host,
    options: ['rbind', 'ro', 'rro', 'rprivate'],
  });
  const again = await makeUserMounts([parseVolume('named:/n', '/')], context);
  assert.equal(again.volumes[0]?.created, false);
});

test('makeUserMounts() of a dry run looks and makes nothing', async () => {
  const dry = { ...context, dryRun: true };
  const host = path.join(dir, 'dry');
  const { volumes } = await makeUserMounts([parseVolume('dry:/n', '/'), parseVolume(`${host}:/h`, '/')], dry);
  assert.equal(volumes[0]?.created, true);
  assert.throws(() => statSync(host));
  assert.throws(() => statSync(path.join(context.volumesDir, 'dry')));
});

async function refusedMount(typed: string): Promise<RrunError> {
  const error: unknown = await makeUserMounts([parseMount(typed, '/')], context).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RrunError, typed);
  return error;
}

test('makeUserMounts() refuses a missing source of --mount and what is no directory', async () => {
  assert.match((await refusedMount(`type=bind,src=${dir}/none,dst=/x`)).message, /bind source path does not exist/);
  writeFileSync(path.join(dir, 'file'), '');
  assert.match((await refusedMount(`type=bind,src=${dir}/file/x,dst=/x`)).message, /does not exist/);
});

test('makeUserMounts() keeps a subpath inside its volume', async () => {
  mkdirSync(path.join(context.volumesDir, 'sub/_data/in'), { recursive: true });
  symlinkSync('/etc', path.join(context.volumesDir, 'sub/_data/out'));
  assert.match((await refusedMount('src=sub,dst=/x,volume-subpath=out')).message, /leads out of the volume/);
  assert.match((await refusedMount('src=sub,dst=/x,volume-subpath=none')).message, /ENOENT/);
  const { mounts } = await makeUserMounts([parseMount('src=sub,dst=/x,volume-subpath=in', '/')], context);
  assert.match(mounts[0]?.source ?? '', /sub\/_data\/in$/);
});

test('makeUserMounts() refuses a destination given twice, before it makes anything', async () => {
  const requests = [parseVolume('never:/n', '/'), parseTmpfs('/n/')];
  await assert.rejects(makeUserMounts(requests, context), /duplicate mount point: \/n/);
  assert.throws(() => statSync(path.join(context.volumesDir, 'never')));
});

test('mergeMounts() replaces defaults and mounts shallow destinations first', () => {
  const at = (destination: string) => ({ destination });
  const merged = mergeMounts(
    [at('/proc'), at('/dev'), at('/dev/pts'), at('/dev/shm')],
    [at('/etc/hosts'), at('/etc'), at('/dev/shm')],
  );
  assert.deepEqual(
    merged.map(({ destination }) => destination),
    ['/proc', '/dev', '/dev/pts', '/etc', '/etc/hosts', '/dev/shm'],
  );
  const onDev = mergeMounts([at('/proc'), at('/dev'), at('/dev/pts')], [at('/dev')]);
  assert.deepEqual(
    onDev.map(({ destination }) => destination),
    ['/proc', '/dev'],
  );
});

const CHOICES: DefaultMountChoices = {
  privileged: false,
  hasTtyGroup: true,
  ownNetwork: true,
  ownPid: true,
  ipc: 'private',
  shmBytes: 1024,
  hasCgroup2: true,
  writableCgroups: false,
};
const defaultsTable: [string, Partial<DefaultMountChoices>, string, string | undefined][] = [
  ['proc', {}, '/proc', 'proc nosuid,noexec,nodev'],
  ['proc of the host', { ownPid: false }, '/proc', 'bind rbind,rprivate,nosuid,noexec,nodev'],
  ['sysfs', {}, '/sys', 'sysfs nosuid,noexec,nodev,ro'],
  ['sysfs, privileged', { privileged: true }, '/sys', 'sysfs nosuid,noexec,nodev,rw'],
  ['sysfs without a netns', { ownNetwork: false }, '/sys', 'bind rbind,rprivate,nosuid,noexec,nodev,ro'],
  ['devpts', {}, '/dev/pts', 'devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5'],
  [
    'devpts without gid 5',
    { hasTtyGroup: false },
    '/dev/pts',
    'devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620',
  ],
  ['shm', {}, '/dev/shm', 'tmpfs nosuid,noexec,nodev,mode=1777,size=1024'],
  ['shm, unlimited', { shmBytes: 0 }, '/dev/shm', 'tmpfs nosuid,noexec,nodev,mode=1777'],
  ['no shm', { ipc: 'none' }, '/dev/shm', undefined],
  ['cgroup', {}, '/sys/fs/cgroup', 'cgroup nosuid,noexec,nodev,ro'],
  ['cgroup, writable', { writableCgroups: true }, '/sys/fs/cgroup', 'cgroup nosuid,noexec,nodev,rw'],
  ['no cgroup v2', { hasCgroup2: false }, '/sys/fs/cgroup', undefined],
];
for (const [name, more, destination, want] of defaultsTable) {
  test(`defaultMounts(): ${name}`, () => {
    const found = defaultMounts({ ...CHOICES, ...more }, []).find((mount) => mount.destination === destination);
    assert.equal(found === undefined ? undefined : `${found.type} ${found.options?.join(',')}`, want);
  });
}

test('hiddenPaths() follows privileged, mask and unmask', () => {
  const usual = hiddenPaths({ privileged: false, mask: ['/x'], unmask: [] });
  for (const hidden of ['/proc/interrupts', '/sys/devices/virtual/powercap', '/sys/firmware', '/proc/acpi', '/x'])
    assert.ok(usual.maskedPaths.includes(hidden), hidden);
  assert.deepEqual(usual.readonlyPaths, ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']);
  assert.deepEqual(hiddenPaths({ privileged: true, mask: [], unmask: [] }), { maskedPaths: [], readonlyPaths: [] });
  assert.deepEqual(hiddenPaths({ privileged: false, mask: [], unmask: ['ALL'] }), {
    maskedPaths: [],
    readonlyPaths: [],
  });
  const some = hiddenPaths({ privileged: false, mask: [], unmask: ['/proc/*', '/sys/firmware'] });
  assert.ok(some.maskedPaths.every((hidden) => hidden.startsWith('/sys/devices/')));
});

const deviceTable: [string, [string, string, string]][] = [
  ['/dev/fuse', ['/dev/fuse', '/dev/fuse', 'rwm']],
  ['/dev/fuse:/dev/x', ['/dev/fuse', '/dev/x', 'rwm']],
  ['/dev/fuse:r', ['/dev/fuse', '/dev/fuse', 'r']],
  ['/dev/fuse:/dev/x:rw', ['/dev/fuse', '/dev/x', 'rw']],
];
for (const [typed, [host, container, permissions]] of deviceTable) {
  test(`parseDevice("${typed}")`, () => assert.deepEqual(parseDevice(typed), { host, container, permissions }));
}
const badDevices: [string, RegExp][] = [
  ['/dev/fuse:/dev/x:rx', /invalid mode "rx"/],
  ['/dev/fuse:rel', /not an absolute path/],
  ['fuse', /want an absolute path/],
  ['nvidia.com/gpu=all', /CDI devices/],
  ['/dev/none-such', /no such file or directory/],
  ['/etc/passwd', /not a device node/],
];
for (const [typed, text] of badDevices)
  test(`deviceMounts("${typed}") is refused`, () => assertRefused(() => deviceMounts(typed), 'CONFIG_INVALID', text));
test('deviceMounts() binds the node of the host', () => {
  assert.deepEqual(deviceMounts('/dev/null:/dev/nix'), [
    { destination: '/dev/nix', type: 'bind', source: '/dev/null', options: ['bind', 'rprivate', 'nosuid', 'noexec'] },
  ]);
});
test('privilegedDevices() leaves out the default devices', () => {
  const found = privilegedDevices().map(({ destination }) => destination);
  assert.ok(!found.includes('/dev/null') && !found.some((device) => device.startsWith('/dev/pts/')));
});

test('runtimeDevices() adds nodes and links to a /dev of its own only', () => {
  const spec = (mounts: Spec['mounts'], linux: Spec['linux'] = {}): Spec => ({
    ociVersion: '1.2.0',
    root: { path: 'r' },
    ...(mounts ? { mounts } : {}),
    linux,
  });
  const own = { destination: '/dev', type: 'tmpfs' };
  const usual = runtimeDevices(
    spec([own, { destination: '/dev/tty' }], {
      devices: [
        { path: '/dev/kvm', type: 'c' },
        { path: '/dev/null', type: 'c' },
      ],
    }),
  );
  assert.deepEqual(usual.binds, ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/kvm']);
  assert.deepEqual(
    usual.links.map(([link]) => link),
    ['/dev/fd', '/dev/stdin', '/dev/stdout', '/dev/stderr', '/dev/core', '/dev/ptmx'],
  );
  const none = { binds: [], links: [] };
  assert.deepEqual(runtimeDevices(spec([own, { destination: '/dev/', type: 'bind' }])), none);
  assert.deepEqual(runtimeDevices(spec([{ destination: '/dev', options: ['rbind'] }])), none);
  assert.deepEqual(runtimeDevices(spec(undefined)), none);
});

const sizes: [string, number | undefined][] = [
  ['64m', 67108864],
  ['1', 1],
  ['1.5k', 1536],
  ['2GiB', 2147483648],
  ['1 gb', 1073741824],
  ['0', 0],
  ['10b', 10],
  ['x', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['', undefined],
];
for (const [typed, want] of sizes) test(`parseSize("${typed}")`, () => assert.equal(parseSize(typed), want));

// buildSpec() as a whole: what depends on several options at once, and that a refusal leaves nothing on disk.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { buildSpec, INIT_ANNOTATION } from '../../../src/bundle/build-spec.js';
import { KEEP_GROUPS_ANNOTATION } from '../../../src/bundle/choose-groups.js';
import type { ImageProcessConfig, SpecContext } from '../../../src/bundle/context.js';
import type { ContainerOptions } from '../../../src/bundle/options.js';
import { parseSpec, stringifySpec } from '../../../src/bundle/parse-spec.js';
import { APT_SANDBOX_PATH } from '../../../src/bundle/single-id.js';
import type { SpecProcess } from '../../../src/bundle/spec.wire.js';
import { RrunError, type ErrorCode } from '../../../src/errors.js';
import type { HostPath } from '../../../src/util/brand.js';
import type { UsernsMapping } from '../../../src/util/id-mapping.js';
import { makeContext, makeOptions, RANGES, SINGLE } from './table.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-spec-'));
after(() => rmSync(dir, { recursive: true }));
const volumesDir = path.join(dir, 'volumes') as HostPath;
const IMAGE: ImageProcessConfig = {
  Entrypoint: ['/e'],
  Cmd: ['c'],
  Env: ['PATH=/i'],
  WorkingDir: '/w/',
  StopSignal: 'SIGINT',
  Volumes: { '/v1': {}, '/v2/': {} },
};

async function build(
  options: Partial<ContainerOptions> = {},
  context: Partial<SpecContext> = {},
  image: ImageProcessConfig | undefined = IMAGE,
) {
  return await buildSpec(makeOptions(options), image, makeContext({ volumesDir, ...context }));
}
async function processOf(
  options: Partial<ContainerOptions> = {},
  context: Partial<SpecContext> = {},
  image?: ImageProcessConfig,
): Promise<SpecProcess> {
  const { spec } = await build(options, context, image);
  assert.ok(spec.process);
  return spec.process;
}

test('buildSpec() makes a config.json that parseSpec() takes', async () => {
  const { spec, decisions, stopSignal, rootfsDirs, volumes } = await build({ tty: true, ulimits: ['core=-1'] });
  assert.deepEqual(
    parseSpec(stringifySpec(spec)),
    JSON.parse(stringifySpec(spec).replace(/18446744073709551615/g, '18446744073709551615')),
  );
  assert.deepEqual(spec.process?.args, ['/e', 'c']);
  assert.equal(spec.process?.cwd, '/w');
  assert.equal(spec.process?.user.umask, 0o022);
  assert.equal(spec.hostname, 'aaaaaaaaaaaa');
  assert.deepEqual(stopSignal, { name: 'SIGINT', number: 2 });
  assert.deepEqual(rootfsDirs, ['/v1', '/v2']);
  assert.deepEqual(volumes, []);
  assert.equal(spec.annotations?.[KEEP_GROUPS_ANNOTATION], '1');
  for (const { topic, choice, why } of decisions) assert.ok(topic !== '' && choice !== '' && why !== '');
});

test('buildSpec() works without an image', async () => {
  const { spec, rootfsDirs } = await buildSpec(
    makeOptions({ command: ['sh'] }),
    undefined,
    makeContext({ volumesDir, userLookup: {}, rootfs: '/r' }),
  );
  assert.deepEqual(spec.root, { path: '/r', readonly: false });
  assert.equal(spec.process?.cwd, '/');
  assert.ok(spec.process?.env?.includes('HOME=/'));
  assert.deepEqual(rootfsDirs, []);
});

const keepId: UsernsMapping = {
  kind: 'ranges',
  uidMappings: [
    { containerID: 0, hostID: 100000, size: 1000 },
    { containerID: 1000, hostID: 1000, size: 1 },
    { containerID: 1001, hostID: 101000, size: 64536 },
  ],
  gidMappings: [
    { containerID: 0, hostID: 100000, size: 1000 },
    { containerID: 1000, hostID: 1000, size: 1 },
    { containerID: 1001, hostID: 101000, size: 64536 },
  ],
};
const users: [string, Partial<ContainerOptions>, Partial<SpecContext>, ImageProcessConfig, string][] = [
  ['root without any', {}, {}, IMAGE, '0:0'],
  ["the image's USER", {}, {}, { ...IMAGE, User: 'joe' }, '1000:1001'],
  ['-u over it', { user: '7:8' }, {}, { ...IMAGE, User: 'joe' }, '7:8'],
  ['keep-id: the caller', { userns: 'keep-id' }, { mapping: keepId }, { ...IMAGE, User: 'joe' }, '1000:1000'],
  ['keep-id and -u', { userns: 'keep-id', user: 'root' }, { mapping: keepId }, IMAGE, '0:0'],
];
for (const [name, options, context, image, want] of users) {
  test(`buildSpec() runs as ${name}`, async () => {
    const { user, capabilities } = await processOf(options, context, image);
    assert.equal(`${user.uid}:${user.gid}`, want);
    assert.equal(capabilities?.effective === undefined, user.uid !== 0);
  });
}

test('buildSpec() of a privileged container hides and filters nothing', async () => {
  const { spec } = await build({ privileged: true });
  assert.equal(spec.linux?.seccomp, undefined);
  assert.deepEqual([spec.linux?.maskedPaths, spec.linux?.readonlyPaths], [[], []]);
  assert.equal(spec.process?.capabilities?.bounding?.length, 41);
  assert.ok(spec.mounts?.find(({ destination }) => destination === '/sys')?.options?.includes('rw'));
});

test('buildSpec() in single-id mode fakes, keeps groups and binds the file for apt', async () => {
  const { spec } = await build({}, { mapping: SINGLE, files: { aptSandbox: '/f' as HostPath } });
  assert.deepEqual(spec.linux?.seccomp?.syscalls?.[0]?.errnoRet, 0);
  assert.ok(spec.mounts?.some(({ destination, source }) => destination === APT_SANDBOX_PATH && source === '/f'));
  assert.ok(!spec.mounts?.find(({ destination }) => destination === '/dev/pts')?.options?.includes('gid=5'));
});

test('buildSpec() binds the files it is given, read-only where the root is', async () => {
  const files = { hosts: '/h' as HostPath, resolvConf: '/r' as HostPath };
  const at = async (options: Partial<ContainerOptions>) =>
    (await build(options, { files })).spec.mounts?.filter(({ destination }) => destination.startsWith('/etc/'));
  assert.deepEqual(
    (await at({}))?.map(({ destination, options }) => [destination, options]),
    [
      ['/etc/resolv.conf', ['bind', 'rprivate']],
      ['/etc/hosts', ['bind', 'rprivate']],
    ],
  );
  assert.ok((await at({ readOnly: true }))?.every(({ options }) => options?.includes('ro')));
  assert.deepEqual(
    (await at({ volumes: [`${dir}:/etc/hosts`] }))?.map(({ source }) => source),
    ['/r', dir],
  );
});

test("buildSpec() keeps the image's volumes writable under --read-only", async () => {
  const { volumes, rootfsDirs, spec } = await build({ readOnly: true, tmpfs: ['/v1'] });
  assert.deepEqual(
    volumes.map(({ destination, anonymous }) => [destination, anonymous]),
    [['/v2', true]],
  );
  assert.deepEqual(rootfsDirs, []);
  assert.equal(spec.root.readonly, true);
});

test('buildSpec() shares what it is told to', async () => {
  const { spec } = await build({ pid: 'host', uts: 'host' }, { network: { kind: 'host' } });
  assert.equal(spec.hostname, undefined);
  assert.deepEqual(spec.linux?.sysctl, {});
  const types = new Map(spec.mounts?.map(({ destination, type }) => [destination, type]));
  assert.deepEqual([types.get('/proc'), types.get('/sys')], ['bind', 'bind']);
});

test('buildSpec() passes the small things on', async () => {
  const { spec } = await build({
    init: true, domainname: 'example.org', annotations: { a: 'b' }, umask: '0027', oomScoreAdj: 300, sysctls: { 'net.core.somaxconn': '9' },
    securityOpt: ['no-new-privileges'], shmSize: '1k', stopSignal: '9', env: ['X=1'], workdir: '/a/../b',
  }); // prettier-ignore
  assert.equal(spec.annotations?.[INIT_ANNOTATION], '1');
  assert.equal(spec.annotations?.['a'], 'b');
  assert.equal(spec.domainname, 'example.org');
  assert.equal(spec.process?.user.umask, 0o027);
  assert.equal(spec.process?.oomScoreAdj, 300);
  assert.equal(spec.process?.noNewPrivileges, true);
  assert.equal(spec.process?.cwd, '/b');
  assert.equal(spec.linux?.sysctl?.['net.core.somaxconn'], '9');
  assert.equal(spec.linux?.sysctl?.['net.ipv4.ip_unprivileged_port_start'], '0');
  assert.ok(spec.mounts?.find(({ destination }) => destination === '/dev/shm')?.options?.includes('size=1024'));
});

const hostile: [string, Partial<ImageProcessConfig>, ErrorCode][] = [
  ['NUL in its environment', { Env: ['A=b\0c'] }, 'CONFIG_INVALID'],
  ['NUL in its command', { Cmd: ['a\0'] }, 'CONFIG_INVALID'],
  ['NUL in its working directory', { WorkingDir: '/\0' }, 'CONFIG_INVALID'],
  ['NUL in a volume', { Volumes: { '/\0': {} } }, 'IMAGE_INVALID'],
  ['a relative working directory', { WorkingDir: 'x' }, 'CONFIG_INVALID'],
  ['an unknown stop signal', { StopSignal: 'SIGFOO' }, 'CONFIG_INVALID'],
];
for (const [name, more, code] of hostile) {
  test(`buildSpec() refuses an image with ${name}`, async () => {
    await assert.rejects(
      build({}, {}, { ...IMAGE, ...more }),
      (error) => error instanceof RrunError && error.code === code,
    );
  });
}
test('buildSpec() keeps the volumes of an image below its root', async () => {
  const { rootfsDirs } = await build({}, {}, { ...IMAGE, Volumes: { '/../../etc/x': {}, '/': {}, '.': {}, rel: {} } });
  assert.deepEqual(rootfsDirs, ['/etc/x', '/rel']);
});

const refusals: [string, Partial<ContainerOptions>, Partial<SpecContext>, ErrorCode, RegExp][] = [
  ['a relative working directory', { workdir: 'x' }, {}, 'CONFIG_INVALID', /needs to be an absolute path/],
  ['a umask that is none', { umask: '8' }, {}, 'CONFIG_INVALID', /octal/],
  ['a large umask', { umask: '7777' }, {}, 'CONFIG_INVALID', /octal/],
  ['a size that is none', { shmSize: 'big' }, {}, 'CONFIG_INVALID', /invalid size/],
  ['an oom score out of range', { oomScoreAdj: 1001 }, {}, 'CONFIG_INVALID', /\[-1000, 1000\]/],
  [
    'a lowered oom score',
    { oomScoreAdj: -1 },
    {},
    'CONFIG_INVALID',
    /the caller has 0, and lowering it needs root\nuse 0 or more/,
  ],
  ['an unknown user', { user: 'bob' }, {}, 'CONFIG_INVALID', /unable to find user bob/],
  [
    'a uid that is not mapped',
    { user: '70000' },
    {},
    'IDMAP_UNAVAILABLE',
    /user 70000: the user namespace maps 65537 ids/,
  ],
  ['a gid that is not mapped', { user: '0:70000' }, {}, 'IDMAP_UNAVAILABLE', /group 70000/],
  ['a long domain name', { domainname: 'd'.repeat(65) }, {}, 'CONFIG_INVALID', /domainname .* at most 64 bytes/],
  ['a long host name', {}, { hostname: 'h'.repeat(65) }, 'CONFIG_INVALID', /hostname .* at most 64 bytes/],
  ['a bad stop signal', { stopSignal: 'FOO' }, {}, 'CONFIG_INVALID', /signal "FOO"/],
  [
    'a sysctl of the host',
    { sysctls: { 'vm.swappiness': '1' } },
    {},
    'CONFIG_INVALID',
    /not in a separate kernel namespace/,
  ],
  ['a device that is not there', { devices: ['/dev/none-such'] }, {}, 'CONFIG_INVALID', /no such file/],
];
for (const [name, options, context, code, text] of refusals) {
  test(`buildSpec() refuses ${name} and makes nothing`, async () => {
    const unused = path.join(dir, 'unused') as HostPath;
    const error: unknown = await build(
      { volumes: ['new:/n'], ...options },
      { volumesDir: unused, mapping: RANGES, ...context },
    ).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof RrunError, String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message}\n${error.hint ?? ''}`, text);
    assert.ok(!existsSync(unused));
  });
}

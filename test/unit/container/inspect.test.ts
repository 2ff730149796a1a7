import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { inspectContainer } from '../../../src/container/inspect.js';
import type { Container } from '../../../src/container/list.js';
import type { HostPath } from '../../../src/util/brand.js';
import { makeContainer, makeStore } from './made.js';

type Document = Record<string, unknown> & {
  State: Record<string, unknown>;
  Config: Record<string, unknown>;
  HostConfig: Record<string, unknown>;
  NetworkSettings: Record<string, unknown> & { Networks: Record<string, Record<string, unknown>> };
  Mounts: Record<string, unknown>[];
};

async function inspected(
  t: Parameters<typeof makeStore>[0],
  change: Partial<Container['state']> = {},
): Promise<Document> {
  const store = await makeStore(t);
  const { record, dir } = makeContainer(store, 'web', {
    args: ['/entry', 'one', 'two'],
    network: 'slirp4netns',
    address: { ip: '10.1.2.100', prefixLength: 24 },
    labels: { 'com.example': 'x' },
    image: {
      entrypoint: ['/entry'],
      cmd: ['one', 'two'],
      user: 'app',
      exposedPorts: ['80/tcp'],
      volumes: ['/data'],
      onBuild: null,
    },
    volumes: [
      {
        destination: '/data',
        name: 'vol',
        source: '/s/vol/_data' as HostPath,
        anonymous: true,
        created: true,
        copyUp: true,
      },
      { destination: '/host', source: '/srv' as HostPath, anonymous: false, created: false, copyUp: false },
    ],
  });
  record.options.capAdd = ['NET_ADMIN'];
  record.options.tmpfs = ['/run:size=1m', '/tmp'];
  record.options.devices = ['/dev/fuse', '/dev/a:/dev/b', '/dev/c:r', '/dev/d:/dev/e:rw'];
  mkdirSync(path.join(dir, 'upper'));
  writeFileSync(
    path.join(dir, 'config.json'),
    JSON.stringify({
      ociVersion: '1.2.0',
      root: { path: 'rootfs' },
      hostname: 'abc',
      process: {
        user: { uid: 0, gid: 0 },
        args: ['/entry'],
        cwd: '/work',
        env: ['A=1'],
        rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 18446744073709551615 }],
      },
      mounts: [
        { destination: '/data', type: 'bind', source: '/s/vol/_data', options: ['rbind', 'rprivate'] },
        { destination: '/host', type: 'bind', source: '/srv', options: ['rbind', 'ro', 'rslave'] },
      ],
    }),
  );
  const state = { status: 'created', pid: 0, exitCode: 0, ...change } as const;
  return inspectContainer({
    record: { ...record, storageDriver: 'overlay', lower: ['/l2', '/l1'] },
    dir: dir as HostPath,
    state,
  }) as Document;
}

test('inspectContainer() has every field that Docker has at the top', async (t) => {
  const document = await inspected(t);
  const names =
    'Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver Platform MountLabel ' +
    'ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver Mounts Config NetworkSettings';
  assert.deepEqual(Object.keys(document).sort(), names.split(' ').sort());
  assert.equal(document['Name'], '/web');
  assert.equal(document['Path'], '/entry');
  assert.deepEqual(document['Args'], ['one', 'two']);
  assert.deepEqual(JSON.parse(JSON.stringify(document['GraphDriver'])), {
    Data: {
      LowerDir: '/l2:/l1',
      MergedDir: path.join(path.dirname(String(document['HostsPath'])), 'rootfs'),
      UpperDir: path.join(path.dirname(String(document['HostsPath'])), 'upper'),
      WorkDir: path.join(path.dirname(String(document['HostsPath'])), 'work'),
    },
    Name: 'overlay',
  });
});

test('inspectContainer() tells of a container that never ran', async (t) => {
  const { State, NetworkSettings } = await inspected(t);
  assert.deepEqual(State, {
    Status: 'created',
    Running: false,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: 0,
    ExitCode: 0,
    Error: '',
    StartedAt: '0001-01-01T00:00:00Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  });
  assert.equal(NetworkSettings['IPAddress'], '');
  assert.equal(NetworkSettings.Networks['slirp4netns']?.['IPAddress'], '');
});

test('inspectContainer() tells the address of one that runs', async (t) => {
  const { State, NetworkSettings } = await inspected(t, {
    status: 'running',
    pid: 42,
    startedAt: '2024-05-01T10:00:00Z',
  });
  assert.deepEqual([State['Running'], State['Pid'], State['StartedAt']], [true, 42, '2024-05-01T10:00:00Z']);
  for (const found of [NetworkSettings, NetworkSettings.Networks['slirp4netns'] ?? {}]) {
    assert.deepEqual([found['IPAddress'], found['IPPrefixLen'], found['Gateway']], ['10.1.2.100', 24, '10.1.2.2']);
  }
  assert.deepEqual({ ...(NetworkSettings['Ports'] as object) }, { '80/tcp': null });
});

test('inspectContainer() shows image and options as Docker does', async (t) => {
  const { Config, HostConfig } = await inspected(t);
  assert.deepEqual(Config['Cmd'], ['one', 'two']);
  assert.deepEqual(Config['Entrypoint'], ['/entry']);
  assert.equal(Config['User'], 'app');
  assert.equal(Config['WorkingDir'], '/work');
  assert.deepEqual(Config['Env'], ['A=1']);
  assert.deepEqual({ ...(Config['Labels'] as object) }, { 'com.example': 'x' });
  assert.deepEqual(HostConfig['CapAdd'], ['NET_ADMIN']);
  assert.equal(HostConfig['CapDrop'], null);
  assert.equal(HostConfig['ShmSize'], 67108864);
  assert.deepEqual({ ...(HostConfig['Tmpfs'] as object) }, { '/run': 'size=1m', '/tmp': '' });
  assert.deepEqual(HostConfig['Ulimits'], [{ Name: 'nofile', Hard: -1, Soft: 1 }]);
  assert.deepEqual(HostConfig['Devices'], [
    { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
    { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'rwm' },
    { PathOnHost: '/dev/c', PathInContainer: '/dev/c', CgroupPermissions: 'r' },
    { PathOnHost: '/dev/d', PathInContainer: '/dev/e', CgroupPermissions: 'rw' },
  ]);
});

test('inspectContainer() lists volumes and binds', async (t) => {
  const { Mounts } = await inspected(t);
  assert.deepEqual(Mounts, [
    {
      Type: 'volume',
      Name: 'vol',
      Source: '/s/vol/_data',
      Destination: '/data',
      Mode: '',
      RW: true,
      Propagation: '',
      Driver: 'local',
    },
    { Type: 'bind', Source: '/srv', Destination: '/host', Mode: 'ro', RW: false, Propagation: 'rslave' },
  ]);
});

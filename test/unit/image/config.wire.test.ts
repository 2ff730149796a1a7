import assert from 'node:assert/strict';
import test from 'node:test';

import { parseImageConfig } from '../../../src/image/config.wire.js';

const DIFF_ID = `sha256:${'c'.repeat(64)}`;
const rootfs = { type: 'layers', diff_ids: [DIFF_ID] };

test('parseImageConfig() reads all that a container starts with', () => {
  const config = parseImageConfig(
    {
      os: 'linux',
      architecture: 'arm64',
      variant: 'v8',
      created: '2024-01-02T03:04:05Z',
      author: 'ana',
      rootfs,
      history: [{ created_by: 'x', empty_layer: true }, {}],
      config: {
        User: 'web',
        Env: ['A=b'],
        Entrypoint: ['/e'],
        Cmd: ['c'],
        WorkingDir: '/w',
        Labels: { a: 'b' },
        StopSignal: 'SIGINT',
        ExposedPorts: { '80/tcp': {} },
        Volumes: { '/data': {} },
        Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
        Unknown: 1,
      },
    },
    'x',
  );
  assert.deepEqual(config, {
    os: 'linux',
    architecture: 'arm64',
    variant: 'v8',
    created: '2024-01-02T03:04:05Z',
    author: 'ana',
    rootfs,
    history: [{ created_by: 'x', empty_layer: true }, {}],
    config: {
      User: 'web',
      Env: ['A=b'],
      Entrypoint: ['/e'],
      Cmd: ['c'],
      WorkingDir: '/w',
      Labels: { a: 'b' },
      StopSignal: 'SIGINT',
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
    },
  });
});

test('parseImageConfig() takes null for absent, as Go writes it', () => {
  const config = parseImageConfig(
    { rootfs, config: { Env: null, Cmd: null, Labels: null, Volumes: null, Healthcheck: null }, history: null },
    'x',
  );
  assert.deepEqual(config.config, {});
  assert.deepEqual(config.history, []);
  assert.deepEqual(parseImageConfig({ rootfs, config: null }, 'x').config, {});
});

test('parseImageConfig() refuses wrong types, NUL bytes and what is no image', () => {
  const cases: [value: unknown, message: RegExp][] = [
    [[], /not a JSON object/],
    [{}, /no rootfs.diff_ids/],
    [{ rootfs: { diff_ids: ['x'] } }, /no digest/],
    [{ rootfs, config: [] }, /config is not an object/],
    [{ rootfs, config: { Env: 'A=b' } }, /config.Env is not a list/],
    [{ rootfs, config: { Env: [1] } }, /config.Env holds something that is no string/],
    [{ rootfs, config: { Cmd: ['a\0b'] } }, /config.Cmd holds a NUL byte/],
    [{ rootfs, config: { Labels: { a: {} } } }, /config.Labels holds something/],
    [{ rootfs, config: { Volumes: ['/a'] } }, /config.Volumes is not an object/],
    [{ rootfs, config: { WorkingDir: 'x'.repeat(2 ** 20 + 1) } }, /more than 1 MiB/],
    [{ rootfs, config: { Healthcheck: { Interval: 'x' } } }, /Healthcheck.Interval is not a number/],
    [{ rootfs, history: {} }, /history is not a list/],
    [{ rootfs, os: 1 }, /os holds something/],
  ];
  for (const [value, message] of cases)
    assert.throws(() => parseImageConfig(value, 'x'), { code: 'IMAGE_INVALID', message });
});

test('parseImageConfig() is not misled by names of JavaScript', () => {
  const config = parseImageConfig(
    JSON.parse(
      `{"rootfs":${JSON.stringify(rootfs)},"config":{"__proto__":{"User":"root"},"Labels":{"__proto__":"x"}}}`,
    ),
    'x',
  );
  assert.equal(config.config.User, undefined);
  assert.equal(({} as { User?: string }).User, undefined);
});

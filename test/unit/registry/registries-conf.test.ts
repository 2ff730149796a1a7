import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { parse } from 'smol-toml';

import {
  loadRegistriesConf,
  parseRegistriesConf,
  resolveEndpoints,
  type RegistriesConf,
} from '../../../src/registry/registries-conf.js';

const conf = (toml: string): RegistriesConf => {
  const { searchRegistries, aliases, registries } = parseRegistriesConf(parse(toml), 'test.conf');
  return { searchRegistries: searchRegistries ?? [], aliases, registries };
};

const places = (toml: string, name: string, suffix = ':latest'): string[] =>
  resolveEndpoints(conf(toml), name, suffix).map(
    ({ host, path: repository, insecure, isMirror }) =>
      `${isMirror ? 'mirror ' : ''}${host}/${repository}${insecure ? ' insecure' : ''}`,
  );

test('resolveEndpoints() asks the registry itself where nothing is configured', () => {
  assert.deepEqual(places('', 'docker.io/library/alpine'), ['docker.io/library/alpine']);
});

test('resolveEndpoints() applies the rule with the longest prefix', () => {
  const toml = `
    [[registry]]
    location = "quay.io"
    insecure = true
    [[registry]]
    prefix = "quay.io/ana"
    location = "mirror.lan:5000/deep/er"
    [[registry]]
    prefix = "docker.io"
    location = "127.0.0.1:5000"`;
  assert.deepEqual(places(toml, 'quay.io/bob/x'), ['quay.io/bob/x insecure']);
  assert.deepEqual(places(toml, 'quay.io/ana/x'), ['mirror.lan:5000/deep/er/x']);
  assert.deepEqual(places(toml, 'quay.io/anabel/x'), ['quay.io/anabel/x insecure']);
  assert.deepEqual(places(toml, 'docker.io/library/alpine'), ['127.0.0.1:5000/library/alpine']);
  assert.deepEqual(places(toml, 'docker.io.evil.example/x'), ['docker.io.evil.example/x']);
});

test('resolveEndpoints() takes prefixes with a tag or digest', () => {
  const toml = `
    [[registry]]
    prefix = "quay.io/ana/x:1"
    location = "other.lan/y:1"`;
  assert.deepEqual(places(toml, 'quay.io/ana/x', ':1'), ['other.lan/y']);
  assert.deepEqual(places(toml, 'quay.io/ana/x', ':1.2'), ['quay.io/ana/x']);
});

test('resolveEndpoints() takes wildcards for hosts below a domain', () => {
  const toml = `
    [[registry]]
    prefix = "*.example.com"
    insecure = true
    [[registry]]
    prefix = "*.special.example.com"
    location = "moved.lan/root"`;
  assert.deepEqual(places(toml, 'a.example.com/x'), ['a.example.com/x insecure']);
  assert.deepEqual(places(toml, 'a.b.example.com:5000/x'), ['a.b.example.com:5000/x insecure']);
  assert.deepEqual(places(toml, 'example.com/x'), ['example.com/x']);
  assert.deepEqual(places(toml, 'a.special.example.com/ns/x'), ['moved.lan/root/ns/x']);
});

test('resolveEndpoints() asks mirrors first, as far as they are for tags or digests', () => {
  const toml = `
    [[registry]]
    prefix = "docker.io"
    location = "docker.io"
    [[registry.mirror]]
    location = "m1.lan"
    insecure = true
    [[registry.mirror]]
    location = "m2.lan/hub"
    pull-from-mirror = "digest-only"
    [[registry.mirror]]
    location = "m3.lan"
    pull-from-mirror = "tag-only"`;
  assert.deepEqual(places(toml, 'docker.io/library/a'), [
    'mirror m1.lan/library/a insecure',
    'mirror m3.lan/library/a',
    'docker.io/library/a',
  ]);
  assert.deepEqual(places(toml, 'docker.io/library/a', '@sha256:00'), [
    'mirror m1.lan/library/a insecure',
    'mirror m2.lan/hub/library/a',
    'docker.io/library/a',
  ]);
  const byDigest = toml
    .replace('location = "docker.io"', 'location = "docker.io"\nmirror-by-digest-only = true')
    .replaceAll(/pull-from-mirror.*/g, '');
  assert.deepEqual(places(byDigest, 'docker.io/library/a'), ['docker.io/library/a']);
});

test('resolveEndpoints() refuses blocked registries', () => {
  const toml = '[[registry]]\nlocation = "bad.example"\nblocked = true';
  assert.throws(() => places(toml, 'bad.example/x'), {
    code: 'REGISTRY_REFUSED',
    message: /"bad.example" is blocked in registries.conf/,
  });
});

test('parseRegistriesConf() says what is wrong in a file', () => {
  const cases: [toml: string, message: RegExp][] = [
    ['unqualified-search-registries = "docker.io"', /not a list of strings/],
    ['[registries.search]\nregistries = []', /old format, version 1/],
    ['[registry]\nlocation = "x"', /want \[\[registry\]\]/],
    ['[[registry]]\ninsecure = true', /neither prefix nor location/],
    ['[[registry]]\nprefix = "a.b"', /has no location/],
    ['[[registry]]\nlocation = 5', /location is not a string/],
    ['[[registry]]\nlocation = "x"\ninsecure = "yes"', /insecure is not true or false/],
    ['[[registry]]\nlocation = "x"\n[[registry.mirror]]\ninsecure = true', /mirror\]\] has no location/],
    [
      '[[registry]]\nlocation = "x"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "never"',
      /want all, digest-only or tag-only/,
    ],
    ['[aliases]\na = 1', /alias "a" is not a string/],
  ];
  for (const [toml, message] of cases) assert.throws(() => conf(toml), { code: 'CONFIG_INVALID', message });
});

test('loadRegistriesConf() merges the files in the documented order', async (t) => {
  const home = mkdtempSync(path.join(tmpdir(), 'conf-'));
  t.after(() => {
    rmSync(home, { recursive: true });
  });
  const dir = path.join(home, '.config/containers');
  mkdirSync(path.join(dir, 'registries.conf.d'), { recursive: true });
  const env = { HOME: home };

  writeFileSync(path.join(dir, 'registries.conf'), '# nothing but a comment\n');
  assert.deepEqual((await loadRegistriesConf(env)).searchRegistries, ['docker.io']);

  writeFileSync(
    path.join(dir, 'registries.conf'),
    'unqualified-search-registries = ["a.lan"]\n[aliases]\nx = "a.lan/x"\ny = "a.lan/y"\n[[registry]]\nlocation = "a.lan"',
  );
  writeFileSync(
    path.join(dir, 'registries.conf.d/10-b.conf'),
    'unqualified-search-registries = ["b.lan"]\n[aliases]\nx = ""\n[[registry]]\nlocation = "a.lan"\ninsecure = true',
  );
  writeFileSync(path.join(dir, 'registries.conf.d/ignored.txt'), 'not toml at all [');
  const loaded = await loadRegistriesConf(env);
  assert.deepEqual(loaded.searchRegistries, ['b.lan']);
  assert.deepEqual([...loaded.aliases], [['y', 'a.lan/y']]);
  assert.deepEqual(
    loaded.registries.map(({ prefix, insecure }) => [prefix, insecure]),
    [['a.lan', true]],
  );

  const only = path.join(home, 'only.conf');
  writeFileSync(only, 'unqualified-search-registries = ["only.lan"]');
  assert.deepEqual((await loadRegistriesConf({ ...env, CONTAINERS_REGISTRIES_CONF: only })).searchRegistries, [
    'only.lan',
  ]);
  await assert.rejects(loadRegistriesConf({ ...env, CONTAINERS_REGISTRIES_CONF: '/nowhere' }), {
    code: 'CONFIG_INVALID',
    message: /no such file/,
  });

  writeFileSync(only, 'a = [');
  await assert.rejects(loadRegistriesConf({ ...env, CONTAINERS_REGISTRIES_CONF: only }), {
    code: 'CONFIG_INVALID',
    message: /only.conf": line 1: /,
  });
});

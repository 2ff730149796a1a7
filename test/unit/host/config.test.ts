import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { CONFIG_KEYS, configFiles, describeConfig, loadConfig, parseConfig } from '../../../src/host/config.js';
import { RrunError } from '../../../src/errors.js';
import { projectRoot } from '../../support/paths.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-config-'));
after(() => {
  rmSync(dir, { recursive: true });
});

function file(name: string, text: string): string {
  const target = path.join(dir, name);
  writeFileSync(target, text);
  return target;
}

test('loadConfig() takes files, then the environment, then flags, and says where each value came from', async () => {
  const system = file('system.toml', 'pull = "always"\nnetwork = "none"\nlog_driver = "none"\ntls_verify = false\n');
  const user = file('user.toml', 'network = "host"\nlog_driver = "json-file"\n');
  const config = await loadConfig({
    files: [system, path.join(dir, 'absent.toml'), user],
    env: { RRUN_LOG_DRIVER: 'passthrough', RRUN_USERNS: 'keep-id', RRUN_PLAN_FD: '3', RRUN_PULL: '' },
    flags: { userns: 'single', storage_driver: undefined },
  });
  assert.deepEqual(config, {
    pull: { value: 'always', origin: system },
    network: { value: 'host', origin: user },
    log_driver: { value: 'passthrough', origin: 'RRUN_LOG_DRIVER' },
    tls_verify: { value: false, origin: system },
    userns: { value: 'single', origin: '--userns' },
  });
});

test('loadConfig() is empty without files and variables', async () => {
  assert.deepEqual(await loadConfig({ files: [path.join(dir, 'absent')], env: {} }), {});
});

const BAD: [string, string, RegExp, RegExp | undefined][] = [
  ['an unknown key', 'storage = "vfs"', /unknown key "storage"/, /the keys are root, /],
  ['a misspelt key', 'storage-driver = "vfs"', /unknown key "storage-driver"/, /did you mean "storage_driver"/],
  ['a table', '[network]\nmtu = 1', /"network" must be a string/, undefined],
  ['a number for a path', 'root = 3', /"root" must be an absolute path, got 3/, undefined],
  ['a relative path', 'root = "store"', /must be an absolute path/, undefined],
  [
    'a word that is no choice',
    'pull = "sometimes"',
    /one of missing, always, never, newer, got "sometimes"/,
    undefined,
  ],
  ['a string for a switch', 'tls_verify = "no"', /true or false/, undefined],
  ['what is not TOML', 'pull = ', /line 1/, undefined],
  ['a key that is there twice', 'pull = "never"\npull = "always"', /line 2/, undefined],
  ['a name of Object', '__proto__ = 1\ntoString = 2', /unknown key/, undefined],
];

for (const [what, text, message, hint] of BAD) {
  test(`parseConfig() rejects ${what}`, async () => {
    await assert.rejects(parseConfig(text, '/etc/rrun/config.toml'), (error) => {
      assert.ok(error instanceof RrunError);
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.match(error.message, /"\/etc\/rrun\/config\.toml"/);
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
      return true;
    });
  });
}

test('loadConfig() rejects a bad variable by its name, and a file that cannot be read', async () => {
  await assert.rejects(loadConfig({ files: [], env: { RRUN_TLS_VERIFY: 'maybe' } }), {
    code: 'CONFIG_INVALID',
    message: /"RRUN_TLS_VERIFY"/,
  });
  mkdirSync(path.join(dir, 'folder.toml'));
  await assert.rejects(loadConfig({ files: [path.join(dir, 'folder.toml')], env: {} }), {
    code: 'CONFIG_INVALID',
    message: /EISDIR/,
  });
});

test('loadConfig() reads switches of the environment and the home directory in paths', async () => {
  const config = await loadConfig({ files: [], env: { RRUN_TLS_VERIFY: '0', RRUN_ROOT: '~/x' } });
  assert.deepEqual([config.tls_verify?.value, config.root?.value], [false, path.join(homedir(), 'x')]);
});

test('configFiles() goes by XDG_CONFIG_HOME, then HOME', () => {
  assert.deepEqual(configFiles({ XDG_CONFIG_HOME: '/c', HOME: '/h' }), [
    '/etc/rrun/config.toml',
    '/c/rrun/config.toml',
  ]);
  assert.deepEqual(configFiles({ XDG_CONFIG_HOME: 'c', HOME: '/h' })[1], '/h/.config/rrun/config.toml');
});

test('describeConfig() fills in the defaults', () => {
  const effective = {
    root: '/r',
    runroot: '/u',
    storage_driver: 'best',
    network: 'n',
    log_driver: 'l',
    userns: 'd',
    pull: 'missing',
    tls_verify: 'true',
  };
  const described = describeConfig({ pull: { value: 'never', origin: 'RRUN_PULL' } }, effective);
  assert.deepEqual(
    [described.pull, described.root],
    [
      { value: 'never', origin: 'RRUN_PULL' },
      { value: '/r', origin: 'default' },
    ],
  );
});

test('docs/config.md lists every key and no other', () => {
  const table = readFileSync(path.join(projectRoot, 'docs/config.md'), 'utf8').split('\n## ')[0] ?? '';
  const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key);
  assert.deepEqual(listed, CONFIG_KEYS);
});

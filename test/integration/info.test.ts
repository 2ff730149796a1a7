// rrun info and rrun version.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { projectRoot } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { openHome } from '../support/run-rrun.js';

interface Info {
  KernelVersion: string;
  Driver: string;
  RootDir: string;
  Images: number;
  Store: { FsType: string; FreeBytes: number; Driver: { Driver: string; Why: string } };
  UserNamespace: { Kind: string; Why: string };
  Network: { Kind: string; Why: string };
  Configuration: Record<string, { Value: unknown; Origin: string }>;
  Host: { Programs: { Name: string; Path?: string; Version?: string }[]; Devices: { Path: string }[] };
  Warnings: string[];
}

kernelTest(
  'info names the facts, the choices with reasons, and the origin of settings',
  ['userns', 'slirp4netns', 'tun'],
  async (t) => {
    const home = openHome(t);
    const file = path.join(home.dir, 'c/rrun/config.toml');
    mkdirSync(path.dirname(file));
    writeFileSync(file, 'pull = "never"\nstorage_driver = "vfs"\n');
    const text = await home.ok(['info', '--format', 'json'], { env: { RRUN_USERNS: 'single' } });
    const info = JSON.parse(text) as Info;
    assert.equal(info.KernelVersion, release());
    assert.equal(info.RootDir, home.store);
    assert.deepEqual([info.Driver, info.Store.Driver.Driver, info.Images], ['vfs', 'vfs', 0]);
    assert.deepEqual([info.UserNamespace.Kind, info.Network.Kind], ['single', 'slirp4netns']);
    assert.ok(info.Store.FreeBytes > 0 && info.Store.Driver.Why !== '' && info.Network.Why !== '');
    assert.match(info.Host.Programs.find(({ Name }) => Name === 'slirp4netns')?.Version ?? '', /^\d/);
    assert.deepEqual(info.Configuration['pull'], { Value: 'never', Origin: file });
    assert.deepEqual(info.Configuration['userns'], { Value: 'single', Origin: 'RRUN_USERNS' });
    assert.equal(info.Configuration['network']?.Origin, 'default');
    assert.equal(await home.ok(['info', '-f', '{{.Driver}} {{.Host.Kernel}}']), `vfs ${release()}`);
    const forPeople = await home.ok(['info']);
    for (const part of ['Host', 'Store', 'User namespace', 'Network', 'Programs', 'Settings', `never (${file})`]) {
      assert.ok(forPeople.includes(part), `${part} in\n${forPeople}`);
    }
  },
);

test('info works on a store that cannot be used, and says so', async (t) => {
  const home = openHome(t);
  writeFileSync(path.join(home.dir, 'd/rrun'), 'not a directory');
  const info = JSON.parse(await home.ok(['info', '--format', 'json'])) as Info;
  assert.ok(
    info.Warnings.some((line) => line.includes(home.store)),
    info.Warnings.join('\n'),
  );
});

test('a configuration that is wrong is an error that names the file', async (t) => {
  const home = openHome(t);
  const file = path.join(home.dir, 'c/rrun/config.toml');
  mkdirSync(path.dirname(file));
  writeFileSync(file, 'netwrok = "none"\n');
  const { status, stderr } = await home.run(['ps']);
  assert.equal(status, 125);
  assert.match(
    stderr,
    /^rrun: error: cannot use configuration of ".*config\.toml": unknown key "netwrok"\nrrun: hint: did you mean "network"\?/,
  );
});

test('version prints text, JSON and templates', async (t) => {
  const { version } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  const home = openHome(t);
  assert.match(await home.ok(['version']), new RegExp(`Version: +${version.replaceAll('.', '\\.')}\\n`));
  const { Client } = JSON.parse(await home.ok(['version', '--format', 'json'])) as { Client: Record<string, string> };
  assert.deepEqual([Client['Version'], Client['Os'], Client['KernelVersion']], [version, 'linux', release()]);
  assert.equal(await home.ok(['version', '-f', '{{.Client.Version}} {{.Version}}']), `${version} ${version}`);
  assert.equal((await home.run(['version', '-f', '{{.Nope'])).status, 125);
});

// What a command does not need it does not load: the package files of the bundle, told by V8's coverage, and koffi's binary.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { distDir } from '../support/paths.js';
import { openHome, type Home } from '../support/run-rrun.js';

/** Prints, when Node ends, whether the binary is mapped. */
const hook = `data:text/javascript,import{readFileSync,writeSync}from'node:fs';
process.on('exit',()=>readFileSync('/proc/self/maps','utf8').includes('koffi.node')&&writeSync(2,'koffi.node'))`;

/** Packages that `rrun ARGS…` evaluates. */
function loadedPackages(home: Home, args: readonly string[]): string[] {
  const dir = path.join(home.dir, `coverage-${encodeURIComponent(args.join(''))}`);
  mkdirSync(dir);
  const env = { ...home.env, NODE_V8_COVERAGE: dir };
  const argv = ['--import', hook, path.join(distDir, 'rrun.cjs'), ...args];
  const { stderr } = spawnSync(process.execPath, argv, { env, encoding: 'utf8' });
  const urls = readdirSync(dir).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(path.join(dir, name), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url);
  });
  const files = urls.filter((url) => url.startsWith('file:')).map((url) => path.basename(url));
  assert.ok(files.includes('rrun.cjs'));
  return [
    ...files.filter((name) => !/^rrun(-main-.*)?\.cjs$/.test(name)),
    ...(stderr.includes('koffi.node') ? ['koffi.node'] : []),
  ];
}

for (const args of [
  ['--version'],
  ['help'],
  ['ps', '-a'],
  ['images'],
  ['run', '--help'],
  ['create', '--network', 'none', '--rootfs', '/', 'true'],
]) {
  test(`rrun ${args.join(' ')} loads no package`, (t) => {
    const home = openHome(t);
    assert.deepEqual(
      loadedPackages(home, args).filter((name) => name !== 'rrun-meow.cjs'),
      [],
    );
  });
}

// What a command does not need it does not load: the bundle's chunks that Node has evaluated, told by V8's coverage.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { distDir } from '../support/paths.js';
import { openHome, type Home } from '../support/run-rrun.js';

/** Packages whose code is in the chunks that `rrun ARGS…` evaluates. */
function loadedPackages(home: Home, args: readonly string[]): Set<string> {
  const dir = path.join(home.dir, `coverage-${args.join('-').replaceAll('/', '_')}`);
  mkdirSync(dir);
  const env = { ...home.env, NODE_V8_COVERAGE: dir };
  execFileSync(process.execPath, [path.join(distDir, 'rrun.mjs'), ...args], { env, stdio: 'pipe' });
  const packages = new Set<string>();
  for (const name of readdirSync(dir)) {
    const { result } = JSON.parse(readFileSync(path.join(dir, name), 'utf8')) as { result: { url: string }[] };
    const chunks = result.map(({ url }) => url).filter((url) => url.startsWith('file:') && url.includes('/rrun'));
    for (const chunk of chunks)
      packagesIn(readFileSync(fileURLToPath(chunk), 'utf8')).forEach((each) => packages.add(each));
  }
  return packages;
}

/** esbuild writes the path of each module above it. */
function packagesIn(text: string): string[] {
  return [...text.matchAll(/^\/\/ (?:named-imports:|node_modules\/)((?:@[^/\n]+\/)?[^/\n]+)/gm)].map(
    (match) => match[1] ?? '',
  );
}

const rows: [args: string[], mayLoad: string[]][] = [
  [['--version'], []],
  [['ps', '-a'], ['meow']],
  [['images'], ['meow']],
  [['run', '--help'], ['meow']],
];

for (const [args, mayLoad] of rows) {
  test(`rrun ${args.join(' ')} loads only ${mayLoad.join(', ') || 'what is rrun’s own'}`, (t) => {
    const home = openHome(t);
    const loaded = loadedPackages(home, args);
    for (const heavy of ['undici', 'koffi', 'tar-stream', 'fzstd', 'meow']) {
      if (!mayLoad.includes(heavy)) assert.ok(!loaded.has(heavy), `${heavy} is loaded`);
    }
  });
}

#!/usr/bin/env node
// Builds dist/: the C program `rrun`, the bundle rrun.cjs with koffi's binary beside it, node-path and the licences; and build/ by tsc.
// `--bundle` makes only the bundle, `--no-types` leaves build/ alone.
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { $ } from 'zx';
import { bundle } from './lib/bundle.mjs';
import { makeCodeCache } from './lib/make-code-cache.mjs';
import { root } from './lib/root.mjs';

$.verbose = false;
const dist = path.join(root, 'dist');
const options = new Set(process.argv.slice(2));

mkdirSync(dist, { recursive: true });
const main = await bundle(dist).catch(() => process.exit(1)); // esbuild has said what is wrong
if (!options.has('--bundle')) {
  await buildProgram();
  makeCodeCache(dist, main);
  if (!options.has('--no-types')) await compileTypes();
}

/** The C program; and the Node that it starts, found once, here, so that a start needs no search. */
async function buildProgram() {
  await run('make', ['-s', '-C', path.join(root, 'helpers')]);
  replaceFile(path.join(root, 'helpers/build/rrun'), path.join(dist, 'rrun'));
  writeFileSync(path.join(dist, 'node-path'), `${process.execPath}\n`);
}

/** The modules that package.json exports, and the tests, as JavaScript with types. */
async function compileTypes() {
  await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', root]);
}

/** By rename, since a program that runs cannot be written over (ETXTBSY). */
function replaceFile(from, to) {
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}

async function run(program, args) {
  const result = await $({ nothrow: true, cwd: root })`${program} ${args}`;
  if (result.exitCode === 0) return;
  process.stderr.write(result.stdout + result.stderr);
  console.error(`build: "${[program, ...args].join(' ')}" failed with exit code ${result.exitCode}`);
  process.exit(1);
}

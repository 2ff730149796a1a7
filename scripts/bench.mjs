#!/usr/bin/env node
// `npm run bench`: times and memory of rrun beside podman and bwrap, in one run, as an unprivileged user.
// Prints a table; --write puts it, with the numbers as JSON, into docs/. Other arguments name the measurements to make.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './lib/root.mjs';

const words = process.argv.slice(2);
prepare();
const { openPlace } = await import('./lib/test-place.mjs');
const place = await openPlace();
try {
  const images = path.join(place.temp, 'images');
  makeImages(images);
  const result = path.join(place.temp, 'bench.json');
  const argv = [
    place.node,
    'scripts/lib/bench-run.mjs',
    place.dir,
    images,
    result,
    ...words.filter((word) => word !== '--write'),
  ];
  const { ok } = await place.run(argv);
  if (!ok) process.exitCode = 1;
  if (ok && words.includes('--write')) await writeDocuments(result);
} finally {
  place.close();
}

function prepare() {
  const isRoot = process.getuid() === 0;
  run(path.join(root, 'scripts/install-packages'), [
    ...(isRoot ? [] : ['--check']),
    'run',
    'build',
    'demo',
    'test',
    'bench',
  ]);
  run(process.execPath, [path.join(root, 'scripts/build.mjs')]);
}

function makeImages(images) {
  mkdirSync(images, { recursive: true });
  for (const kind of ['alpine', 'many', 'debian']) {
    const cached = path.join(place.cache, `debian-${new Date().toISOString().slice(0, 7)}-${process.arch}`);
    if (kind === 'debian' && spawnSync('test', ['-e', cached]).status === 0)
      cpSync(cached, path.join(images, kind), { recursive: true });
    else run(process.execPath, [path.join(root, 'scripts/make-image.mjs'), kind, path.join(images, kind)]);
  }
  if (process.getuid() === 0) run('chown', ['-R', `${place.user.uid}:${place.user.gid}`, images]);
}

async function writeDocuments(file) {
  const { toMarkdown } = await import('./lib/bench-table.mjs');
  const result = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(path.join(root, 'docs/benchmarks.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(path.join(root, 'docs/benchmarks.md'), toMarkdown(result));
}

function run(program, args) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`cannot measure: ${program} ended with ${status}`);
}

#!/usr/bin/env node
// Makes an image for stand-ins and tests as an OCI layout: make-image.mjs alpine|debian|many|payload FOLDER [PAYLOAD-PROGRAM].
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { Layout, architecture } from './lib/oci.mjs';
import { alpineConfig, alpineTar, debianTar, tarOf } from './lib/rootfs.mjs';

const [kind, dir, program] = process.argv.slice(2);
if (kind === undefined || dir === undefined)
  throw new Error('usage: make-image.mjs alpine|debian|many|payload FOLDER [PAYLOAD-PROGRAM]');

const makers = { alpine, debian, many, payload };
const temp = `${dir}.${process.pid}.tmp`;
try {
  const layout = new Layout(temp);
  layout.finish(await makers[kind](layout));
  rmSync(dir, { recursive: true, force: true });
  renameSync(temp, dir);
} finally {
  rmSync(temp, { recursive: true, force: true });
}

/** A multi-architecture index, as the real one is; the other machine's file system is one file. */
async function alpine(layout) {
  const other = architecture === 'amd64' ? 'arm64' : 'amd64';
  const foreign = tarOf([{ name: 'other-machine', content: `this is for ${other}\n` }]);
  return [
    await layout.addImage({ layers: [foreign], config: alpineConfig, arch: other }),
    await layout.addImage({ layers: [alpineTar()], config: alpineConfig }),
  ];
}

async function debian(layout) {
  const config = { Env: alpineConfig.Env, Cmd: ['bash'] };
  return [await layout.addImage({ layers: [debianTar()], config })];
}

/** One layer of ten thousand small files in a hundred folders. */
async function many(layout) {
  const entries = [];
  for (let folder = 0; folder < 100; folder++) {
    entries.push({ name: `d${folder}/`, type: 'directory', mode: 0o755 });
    for (let file = 0; file < 100; file++)
      entries.push({ name: `d${folder}/f${file}`, content: `file ${folder} ${file}\n`.repeat(40) });
  }
  return [await layout.addImage({ layers: [tarOf(entries)], config: alpineConfig })];
}

/** alpine, the test program, and a third layer that hides and replaces things of the layers below. */
async function payload(layout) {
  const second = tarOf([
    { name: 'payload', mode: 0o755, content: readFileSync(program) },
    { name: 'not-executable', mode: 0o644, content: 'text\n' },
    { name: 'bad-interpreter', mode: 0o755, content: '#!/no/such/interpreter\n' },
    { name: 'gone/', type: 'directory', mode: 0o755 },
    { name: 'gone/file', content: 'below\n' },
    { name: 'opaque/', type: 'directory', mode: 0o755 },
    { name: 'opaque/below', content: 'below\n' },
    { name: 'hidden', content: 'below\n' },
    { name: 'owned', uid: 1000, gid: 1000, content: 'app\n' },
  ]);
  const third = tarOf([
    { name: '.wh.hidden', content: '' },
    { name: '.wh.gone', content: '' },
    { name: 'opaque/', type: 'directory', mode: 0o755 },
    { name: 'opaque/.wh..wh..opq', content: '' },
    { name: 'opaque/above', content: 'above\n' },
    { name: 'tmp/implicit', content: 'its tar does not list tmp/\n' },
    { name: 'hard', content: 'one\n' },
    { name: 'link', type: 'link', linkname: 'hard' },
  ]);
  const config = {
    ...alpineConfig,
    Env: [...alpineConfig.Env, 'FROM_IMAGE=yes'],
    Entrypoint: ['/payload'],
    Cmd: ['--facts'],
    Labels: { 'org.example.kind': 'payload' },
    StopSignal: 'SIGUSR1',
  };
  return [await layout.addImage({ layers: [alpineTar(), second, third], config })];
}

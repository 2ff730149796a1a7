// packTree() and TreeWriter, one into the other, on the host's side.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { openHostDirectory } from '../../../src/container/directory.js';
import { encodeMember, endOfArchive, padding, type EncodedMember } from '../../../src/container/tar-encode.js';
import { packTree } from '../../../src/container/tree-packer.js';
import { TreeWriter, type WriteOptions } from '../../../src/container/tree-writer.js';
import { RrunError } from '../../../src/errors.js';
import { TarReader } from '../../../src/layer/tar-reader.js';

function makeDir(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(tmpdir(), 'rrun-tree-'));
  t.after(() => {
    execFileSync('chmod', ['-R', 'u+rwx', dir]);
    fs.rmSync(dir, { recursive: true });
  });
  return dir;
}

function pack(parent: string, name: string, rootName = 'r'): Buffer {
  const directory = openHostDirectory(parent);
  try {
    return Buffer.concat([...packTree(directory, name, { rootName })]);
  } finally {
    directory.close();
  }
}

function write(target: string, bytes: Buffer, options: Partial<WriteOptions> = {}): TreeWriter {
  const base = openHostDirectory(target);
  const writer = new TreeWriter(base, { specialBits: false, ...options });
  try {
    const reader = new TarReader(writer);
    for (let at = 0; at < bytes.length; at += 1000) reader.push(bytes.subarray(at, at + 1000));
    reader.finish();
    writer.finish();
    return writer;
  } finally {
    writer.close();
    base.close();
  }
}

const openFds = (): number => fs.readdirSync('/proc/self/fd').length;

function member(name: string, change: Partial<EncodedMember> & { text?: string } = {}): Buffer {
  const { text = '', ...rest } = change;
  const data = Buffer.from(text);
  const header = encodeMember({
    type: 'file',
    name,
    linkName: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 1_600_000_000, nanoseconds: 0 },
    sizeBytes: data.length,
    major: 0,
    minor: 0,
    ...rest,
  });
  return Buffer.concat([header, data, padding(data.length)]);
}

test('a tree comes out as it went in', (t) => {
  const [from, to] = [makeDir(t), makeDir(t)];
  const tree = path.join(from, 'tree');
  fs.mkdirSync(path.join(tree, 'a/b/c'), { recursive: true });
  fs.writeFileSync(path.join(tree, 'a/b/c/file'), Buffer.alloc(700_000, 7));
  fs.writeFileSync(path.join(tree, 'a/empty'), '', { mode: 0o600 });
  fs.linkSync(path.join(tree, 'a/empty'), path.join(tree, 'a/second'));
  fs.symlinkSync('../nowhere', path.join(tree, 'a/link'));
  fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/caf`), Buffer.from([0xe9])]), 'latin1');
  execFileSync('mkfifo', [path.join(tree, 'fifo')]);
  fs.utimesSync(path.join(tree, 'a/b'), 1_500_000_000, 1_500_000_000);
  fs.chmodSync(path.join(tree, 'a/b'), 0o555);
  const before = openFds();

  write(to, pack(from, 'tree'), { rename: { from: 'r', to: 'copy' } });

  assert.equal(openFds(), before);
  const copy = path.join(to, 'copy');
  assert.deepEqual(fs.readFileSync(path.join(copy, 'a/b/c/file')), Buffer.alloc(700_000, 7));
  assert.equal(fs.lstatSync(path.join(copy, 'a/empty')).mode & 0o7777, 0o600);
  assert.equal(fs.lstatSync(path.join(copy, 'a/empty')).ino, fs.lstatSync(path.join(copy, 'a/second')).ino);
  assert.equal(fs.readlinkSync(path.join(copy, 'a/link')), '../nowhere');
  assert.ok(fs.lstatSync(path.join(copy, 'fifo')).isFIFO());
  assert.equal(fs.lstatSync(path.join(copy, 'a/b')).mode & 0o7777, 0o555);
  assert.equal(fs.lstatSync(path.join(copy, 'a/b')).mtimeMs, 1_500_000_000_000);
  assert.equal(fs.readFileSync(Buffer.concat([Buffer.from(`${copy}/caf`), Buffer.from([0xe9])]), 'utf8'), 'latin1');
});

test('packTree() follows no symlink, not even the topmost', (t) => {
  const from = makeDir(t);
  fs.symlinkSync('/etc/passwd', path.join(from, 'link'));
  const to = makeDir(t);
  write(to, pack(from, 'link'), { rename: { from: 'r', to: 'x' } });
  assert.equal(fs.readlinkSync(path.join(to, 'x')), '/etc/passwd');
});

test('TreeWriter merges into a directory that is there, whose own mode stays', (t) => {
  const [from, to] = [makeDir(t), makeDir(t)];
  fs.writeFileSync(path.join(from, 'new'), 'new');
  fs.writeFileSync(path.join(to, 'old'), 'old');
  fs.chmodSync(to, 0o750);
  write(to, pack(path.dirname(from), path.basename(from)), { rename: { from: 'r', to: '' } });
  assert.deepEqual(fs.readdirSync(to).sort(), ['new', 'old']);
  assert.equal(fs.statSync(to).mode & 0o777, 0o750);
});

test('TreeWriter replaces a file and a symlink, and does not write through them', (t) => {
  const to = makeDir(t);
  const outside = path.join(makeDir(t), 'outside');
  fs.writeFileSync(outside, 'untouched');
  fs.symlinkSync(outside, path.join(to, 'x'));
  fs.linkSync(outside, path.join(to, 'y'));
  write(to, Buffer.concat([member('x', { text: 'new' }), member('y', { text: 'new' }), endOfArchive()]));
  assert.equal(fs.readFileSync(outside, 'utf8'), 'untouched');
  assert.ok(fs.lstatSync(path.join(to, 'x')).isFile());
  assert.equal(fs.readFileSync(path.join(to, 'y'), 'utf8'), 'new');
});

test('TreeWriter drops setuid and setgid unless told otherwise', (t) => {
  const to = makeDir(t);
  const bytes = Buffer.concat([member('x', { mode: 0o6755 }), endOfArchive()]);
  write(to, bytes);
  assert.equal(fs.statSync(path.join(to, 'x')).mode & 0o7777, 0o755);
  write(to, bytes, { specialBits: true });
  assert.equal(fs.statSync(path.join(to, 'x')).mode & 0o7777, 0o6755);
});

type Bad = [title: string, members: Buffer[], code: string, options?: Partial<WriteOptions>];
const RENAMED = { rename: { from: 'r', to: 'x' } };
const BAD: Bad[] = [
  ['a name that climbs out', [member('../evil', { text: 'x' })], 'LAYER_UNSAFE'],
  ['a name outside of what was asked for', [member('s/evil', { text: 'x' })], 'LAYER_UNSAFE', RENAMED],
  [
    'a way through a symlink of its own',
    [member('d', { type: 'symlink', linkName: '..' }), member('d/evil', { text: 'x' })],
    'CONFIG_INVALID',
  ],
  [
    'a hard link through a symlink of its own',
    [member('d', { type: 'symlink', linkName: '..' }), member('l', { type: 'link', linkName: 'd/secret' })],
    'CONFIG_INVALID',
  ],
  [
    'a directory in place of a symlink',
    [member('d', { type: 'symlink', linkName: '..' }), member('d/', { type: 'directory' })],
    'CONFIG_INVALID',
  ],
  [
    'a file in place of a directory',
    [member('d/', { type: 'directory' }), member('d', { text: 'x' })],
    'CONFIG_INVALID',
  ],
];

for (const [title, members, code, options] of BAD) {
  test(`TreeWriter refuses ${title}`, (t) => {
    const around = makeDir(t);
    fs.mkdirSync(path.join(around, 'to'));
    fs.writeFileSync(path.join(around, 'secret'), 'secret');
    const before = openFds();
    assert.throws(
      () => write(path.join(around, 'to'), Buffer.concat([...members, endOfArchive()]), options),
      (error) => error instanceof RrunError && error.code === code,
    );
    assert.deepEqual(fs.readdirSync(around).sort(), ['secret', 'to']);
    assert.equal(openFds(), before);
  });
}

test('TreeWriter writes sparse files as GNU tar makes them', (t) => {
  const [from, to] = [makeDir(t), makeDir(t)];
  const fd = fs.openSync(path.join(from, 'sparse'), 'w');
  fs.writeSync(fd, 'start', 0);
  fs.writeSync(fd, 'middle', 1_000_000);
  fs.ftruncateSync(fd, 3_000_000);
  fs.closeSync(fd);
  for (const format of ['gnu', 'posix']) {
    const tar = execFileSync('tar', ['-C', from, '-S', `--format=${format}`, '-cf', '-', 'sparse'], {
      maxBuffer: 1 << 26,
    });
    write(to, tar);
    assert.deepEqual(fs.readFileSync(path.join(to, 'sparse')), fs.readFileSync(path.join(from, 'sparse')));
  }
});

test('packTree() says when a file shrinks while it is read', (t) => {
  const from = makeDir(t);
  const file = path.join(from, 'log');
  fs.writeFileSync(file, Buffer.alloc(1_000_000));
  const directory = openHostDirectory(from);
  t.after(() => directory.close());
  assert.throws(() => {
    for (const piece of packTree(directory, 'log', { rootName: 'r' })) {
      assert.ok(piece.length > 0);
      fs.truncateSync(file, 10);
    }
  }, /changed while it was read/);
});

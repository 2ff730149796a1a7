// Members that try to reach out of the layer, or to make of it what it must not be. Each is unpacked for real.

import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { kernelTest } from '../support/requires.js';
import { makeTar, type MemberFields } from '../support/tar-builder.js';
import { leftovers, openUnpacking, unpackTar } from '../support/unpack.js';

const refused: [string, string, (MemberFields | Buffer)[]][] = [
  ['".." out of the root', 'LAYER_UNSAFE', [{ name: '../../outside', data: 'x' }]],
  ['".." in the middle', 'LAYER_UNSAFE', [{ name: 'a/../../outside', data: 'x' }]],
  ['a hard link target with ".."', 'LAYER_UNSAFE', [{ name: 'a', type: '1', linkName: '../../outside' }]],
  ['a hard link to nothing', 'LAYER_INVALID', [{ name: 'a', type: '1', linkName: 'nothing' }]],
  ['a hard link to an absolute path of the host', 'LAYER_INVALID', [{ name: 'a', type: '1', linkName: '/etc/passwd' }]],
  [
    'a hard link to itself',
    'LAYER_INVALID',
    [
      { name: 'a', data: 'x' },
      { name: './a', type: '1', linkName: 'a' },
    ],
  ],
  [
    'a hard link to a directory',
    'LAYER_INVALID',
    [
      { name: 'd/', type: '5' },
      { name: 'a', type: '1', linkName: 'd' },
    ],
  ],
  [
    'a hard link through a link to the host',
    'LAYER_INVALID',
    [
      { name: 'l', type: '2', linkName: '/etc' },
      { name: 'a', type: '1', linkName: 'l/passwd' },
    ],
  ],
  ['a file in the place of the root', 'LAYER_INVALID', [{ name: '.', data: 'x' }]],
  ['a link in the place of the root', 'LAYER_INVALID', [{ name: './', type: '2', linkName: '/' }]],
  [
    'a member below a file',
    'LAYER_INVALID',
    [
      { name: 'f', data: 'x' },
      { name: 'f/g', data: 'x' },
    ],
  ],
  [
    'a member below a link to itself',
    'LAYER_INVALID',
    [
      { name: 'l', type: '2', linkName: 'l' },
      { name: 'l/g', data: 'x' },
    ],
  ],
  ['a whiteout without a name', 'LAYER_INVALID', [{ name: '.wh.' }]],
  ['a whiteout of ".."', 'LAYER_UNSAFE', [{ name: 'a/.wh...' }]],
  ['a whiteout as a directory', 'LAYER_INVALID', [{ name: '.wh.a/b', data: 'x' }]],
  ['a name with NUL', 'LAYER_INVALID', [{ name: 'x', pax: { path: 'a\0b' } }]],
  ['a link target with NUL', 'LAYER_INVALID', [{ name: 'l', type: '2', linkName: 'x', pax: { linkpath: 'a\0b' } }]],
  ['a link to nothing at all', 'LAYER_INVALID', [{ name: 'l', type: '2' }]],
  ['a component that is too long', 'LAYER_INVALID', [{ name: 'x', pax: { path: 'n'.repeat(300) } }]],
  ['a path that is too long', 'LAYER_INVALID', [{ name: 'x', pax: { path: 'n/'.repeat(2500) } }]],
  ['an owner that is not mapped', 'IDMAP_UNAVAILABLE', [{ name: 'a', uid: 4_000_000_000 }]],
  ['a file of more than 64 GiB', 'LAYER_INVALID', [{ name: 'a', size: 2 ** 37 }]],
  [
    'a sparse file of more than 64 GiB',
    'LAYER_INVALID',
    [{ name: 'a', pax: { 'GNU.sparse.size': String(2 ** 40), 'GNU.sparse.map': '' } }],
  ],
];

for (const [name, code, members] of refused) {
  kernelTest(`unpackLayer() refuses ${name} and leaves nothing`, ['userns', 'subid'], async (t) => {
    const unpacking = await openUnpacking(t);
    const outside = guard(unpacking.store.root);
    await assert.rejects(unpackTar(unpacking, makeTar({ name: 'before', data: 'x' }, ...members)), {
      name: 'RrunError',
      code,
    });
    assert.deepEqual(leftovers(unpacking), []);
    outside();
  });
}

kernelTest('unpackLayer() keeps absolute names, links and ".." inside', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const outside = guard(unpacking.store.root);
  const victim = path.join(unpacking.store.root, '..', 'outside');
  const tree = await unpackTar(
    unpacking,
    makeTar(
      { name: '/abs', data: 'inside' },
      { name: 'up', type: '2', linkName: '../../../../../../../../..' },
      { name: `up${victim}/evil`, data: 'x' },
      { name: 'root', type: '2', linkName: '/' },
      { name: `root${victim}/evil`, data: 'x' },
      { name: 'direct', type: '2', linkName: victim },
      { name: 'direct/in', data: 'implied where the link points, inside' },
      { name: 'chain1', type: '2', linkName: 'chain2' },
      { name: 'chain2', type: '2', linkName: '/deep/er' },
      { name: 'chain1/file', data: 'followed' },
      { name: 'final', type: '2', linkName: victim },
      { name: 'final', data: 'a file in the place of the link' },
    ),
  );
  outside();
  assert.equal(readFileSync(path.join(tree, 'abs'), 'utf8'), 'inside');
  assert.equal(readFileSync(path.join(tree, 'deep/er/file'), 'utf8'), 'followed');
  assert.deepEqual(
    readdirSync(path.join(tree, victim)).sort(),
    ['evil', 'in'],
    'what climbed is below the root of the layer',
  );
  assert.equal(readFileSync(path.join(tree, 'final'), 'utf8'), 'a file in the place of the link');
});

kernelTest('unpackLayer() lets later members replace earlier ones of any kind', ['userns', 'subid'], async (t) => {
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar(
      { name: 'd/sub/file', data: 'x' },
      { name: 'd', data: 'now a file' },
      { name: 'f', data: 'x' },
      { name: 'f/', type: '5', mode: 0o700 },
      { name: 'f/in', data: 'y' },
      { name: 'l', type: '2', linkName: 'f' },
      { name: 'l/', type: '5' },
      { name: 'l/in', data: 'z' },
      { name: 'again', data: 'long text' },
      { name: 'again', data: 'short' },
      { name: 'h1', data: 'one' },
      { name: 'h2', type: '1', linkName: 'h1' },
      { name: 'h1', data: 'two' },
      { name: 'p', type: '6' },
      { name: 'p', type: '2', linkName: 'again' },
    ),
  );
  const read = (name: string): string => readFileSync(path.join(tree, name), 'utf8');
  assert.equal(read('d'), 'now a file');
  assert.equal(read('f/in'), 'y');
  assert.ok(lstatSync(path.join(tree, 'l')).isDirectory());
  assert.equal(read('again'), 'short');
  assert.equal(read('h1'), 'two');
  assert.equal(read('h2'), 'one', 'the other link keeps the old file');
  assert.equal(readlinkSync(path.join(tree, 'p')), 'again');
});

kernelTest('unpackLayer() makes no device, and none that would be a whiteout', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const tree = await unpackTar(
    unpacking,
    makeTar(
      { name: 'dev/null', type: '3', major: 1, minor: 3 },
      { name: 'dev/sda', type: '4', major: 8 },
      { name: 'etc/shadow', type: '3', major: 0, minor: 0 },
      { name: 'after', data: 'x' },
    ),
  );
  assert.equal(existsSync(path.join(tree, 'dev/null')), false);
  assert.equal(existsSync(path.join(tree, 'etc')), false);
  assert.equal(existsSync(path.join(tree, 'after')), true);
  assert.equal(layerJson(tree)['skippedDevices'], 3);
});

kernelTest('unpackLayer() takes no attributes by which an overlay is steered', ['userns', 'subid'], async (t) => {
  const { listXattrs } = await import('../../src/sys/xattr.js');
  const pax = {
    'SCHILY.xattr.user.overlay.redirect': '/../..',
    'SCHILY.xattr.trusted.overlay.opaque': 'y',
    'SCHILY.xattr.user.fuseoverlayfs.opaque': 'y',
    'SCHILY.xattr.user.mine': 'kept',
  };
  const tree = await unpackTar(
    await openUnpacking(t),
    makeTar({ name: 'd/', type: '5', mode: 0o755, pax }, { name: 'd/f', pax }),
  );
  for (const name of ['d', 'd/f']) assert.deepEqual(listXattrs(path.join(tree, name)).map(String), ['user.mine']);
});

kernelTest('unpackLayer() takes names of any bytes, control characters and all', ['userns', 'subid'], async (t) => {
  const names = ['new\nline', '\x1b[31mred', ' ', 'back\\slash', '\xff\xfe\xfd', '\xc3\xa4', '-rf', '*'];
  const tree = await unpackTar(await openUnpacking(t), makeTar(...names.map((name) => ({ name, data: name }))));
  assert.deepEqual(readdirSync(tree, 'latin1').sort(), [...names].sort());
});

kernelTest('errors show control characters escaped', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  await assert.rejects(unpackTar(unpacking, makeTar({ name: '../\x1b]0;title\x07' })), (error: Error) => {
    assert.doesNotMatch(error.message, /[\x00-\x1f]/);
    return true;
  });
});

/** A file beside the store; the result tells whether it is still as it was. */
function guard(storeRoot: string): () => void {
  const file = path.join(storeRoot, '..', 'outside');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'untouched');
  return () => {
    assert.equal(readFileSync(file, 'utf8'), 'untouched');
    assert.equal(lstatSync(file).nlink, 1);
  };
}

function layerJson(tree: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(tree, '../layer.json'), 'utf8')) as Record<string, unknown>;
}

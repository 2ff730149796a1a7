import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { saveName, tagImage } from '../../../src/image/names.js';
import { removeImage, removeUnreferenced } from '../../../src/image/remove.js';
import { candidateReferences, findImage, listImages } from '../../../src/image/search.js';
import { parseReference, canonicalReference } from '../../../src/image/reference.js';
import { keepInTemp } from '../../../src/store/keep.js';
import type { Store } from '../../../src/store/store.js';
import { openTestStore, storeImage } from '../../support/stored-image.js';

// Short names are then looked for at docker.io only, whatever this machine has configured.
process.env['CONTAINERS_REGISTRIES_CONF'] = '/dev/null';

const X = 'docker.io/library/x:latest';
const free = { force: false, inUse: () => [] };
const names = async (store: Store): Promise<string[]> =>
  (await listImages(store)).map(({ reference }) => reference).sort();
const layers = (store: Store): number => readdirSync(store.layersDir).length;
const blobs = (store: Store): number => readdirSync(store.blobsDir).length;

test('findImage() takes names, ids, beginnings of ids and digests', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X, ['a', 'b'], { created: '2024-01-01T00:00:00Z' });
  const found = await findImage(store, 'x', 'ranges');
  assert.deepEqual(
    [
      found?.id,
      found?.manifestDigest,
      found?.reference,
      found?.canonical,
      found?.created,
      found?.diffIds,
      found?.sizeBytes,
    ],
    [image.id, image.manifest, 'x:latest', X, '2024-01-01T00:00:00Z', image.diffIds, 20],
  );
  assert.deepEqual(
    found?.layerDirs,
    image.diffIds.map((diffId) => path.join(store.layersDir, `${diffId.slice(7)}.ranges/fs`)),
  );
  for (const name of ['x:latest', X, image.id, image.id.slice(7), image.id.slice(7, 19), image.manifest]) {
    assert.equal((await findImage(store, name))?.id, image.id, name);
  }
  for (const name of ['y', 'x:other', 'quay.io/x', 'ffff', `sha256:${'0'.repeat(64)}`])
    assert.equal(await findImage(store, name), undefined, name);
  await assert.rejects(findImage(store, 'X'), { code: 'REFERENCE_INVALID' });
});

test('findImage() finds by digest what was pulled by a tag', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X);
  const record = await store.loadReference(X);
  assert.ok(record !== undefined);
  const repoDigest = image.blobs[0]; // any other digest will do for an index
  await store.saveReference({
    ...record,
    repository: 'docker.io/library/x',
    ...(repoDigest === undefined ? {} : { repoDigest }),
  });
  assert.equal((await findImage(store, `x@${repoDigest}`))?.id, image.id);
  assert.equal((await findImage(store, `x@${image.manifest}`))?.id, image.id);
  assert.equal(await findImage(store, `y@${repoDigest}`), undefined);
});

test('findImage() refuses the beginning of several ids', async (t) => {
  const store = await openTestStore(t);
  for (let n = 0; n < 17; n++) await storeImage(store, `docker.io/library/x:${n}`, ['a'], { author: String(n) });
  const digits = (await listImages(store)).map(({ id }) => id[7] ?? '');
  const twice = digits.find((digit, at) => digits.indexOf(digit) !== at) ?? '';
  await assert.rejects(findImage(store, twice), { code: 'NOT_FOUND', message: /several ids begin with it/ });
});

test('candidateReferences() follows aliases, then the search registries in order', () => {
  const conf = {
    searchRegistries: ['a.lan', 'docker.io', 'b.lan:5000'],
    aliases: new Map([['fedora', 'registry.fedoraproject.org/fedora']]),
    registries: [],
  };
  const ask = (name: string): string[] => candidateReferences(parseReference(name), conf).map(canonicalReference);
  assert.deepEqual(ask('x:1'), ['a.lan/x:1', 'docker.io/library/x:1', 'b.lan:5000/x:1']);
  assert.deepEqual(ask('ana/x'), ['a.lan/ana/x:latest', 'docker.io/ana/x:latest', 'b.lan:5000/ana/x:latest']);
  assert.deepEqual(ask('fedora:40'), ['registry.fedoraproject.org/fedora:40']);
  assert.deepEqual(ask('quay.io/x'), ['quay.io/x:latest']);
  assert.throws(() => candidateReferences(parseReference('x'), { ...conf, searchRegistries: ['a b'] }), {
    code: 'CONFIG_INVALID',
  });
});

test('tagImage() gives another name, and keeps the image that loses one', async (t) => {
  const store = await openTestStore(t);
  const one = await storeImage(store, X, ['one']);
  const two = await storeImage(store, 'docker.io/library/y:latest', ['two']);
  await tagImage(store, 'y', 'x');
  assert.equal((await findImage(store, 'x'))?.id, two.id);
  assert.equal((await findImage(store, one.id))?.canonical, one.manifest);
  await tagImage(store, one.id.slice(7, 19), 'quay.io/ana/x:1');
  assert.deepEqual(await names(store), ['quay.io/ana/x:1', 'x:latest', 'y:latest']);
  await assert.rejects(tagImage(store, 'nope', 'x:2'), { code: 'NOT_FOUND' });
  await assert.rejects(tagImage(store, 'x', `x@${one.id}`), { code: 'REFERENCE_INVALID' });
});

test('saveName() tells whether the name means something new', async (t) => {
  const store = await openTestStore(t);
  await storeImage(store, X);
  const record = await store.loadReference(X);
  assert.ok(record !== undefined);
  assert.equal(await saveName(store, record), false);
  assert.equal(await saveName(store, { ...record, reference: 'docker.io/library/x:2' }), true);
});

test('removeImage() takes a name away, and the image with the last one', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X, ['shared', 'own']);
  await storeImage(store, 'docker.io/library/y:latest', ['shared']);
  await tagImage(store, 'x', 'x:2');
  assert.deepEqual(await removeImage(store, 'x', free), { untagged: ['x:latest'], deleted: [] });
  assert.deepEqual(await removeImage(store, 'x:2', free), { untagged: ['x:2'], deleted: [image.id, image.diffIds[1]] });
  assert.equal(layers(store), 1);
  assert.equal(blobs(store), 3);
  await assert.rejects(removeImage(store, 'x:2', free), { code: 'NOT_FOUND' });
  await removeImage(store, 'y', free);
  assert.deepEqual([layers(store), blobs(store), readdirSync(store.tmpDir)], [0, 0, []]);
});

test('removeImage() by id asks for force where there are several names', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X);
  await tagImage(store, 'x', 'y');
  await assert.rejects(removeImage(store, image.id.slice(7, 15), free), {
    code: 'IN_USE',
    message: /several names: x:latest, y:latest/,
  });
  const removed = await removeImage(store, image.id, { ...free, force: true });
  assert.deepEqual([removed.untagged.sort(), removed.deleted[0]], [['x:latest', 'y:latest'], image.id]);
});

test('removeImage() leaves what containers are made of, unless forced, and then still their layers', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X, ['a', 'b']);
  const dir = path.join(store.containersDir, 'c'.repeat(64));
  mkdirSync(dir);
  writeFileSync(
    path.join(dir, 'container.json'),
    JSON.stringify({
      imageId: image.id,
      lower: image.diffIds.map((diffId) => path.join(store.layersDir, `${diffId.slice(7)}.ranges/fs`)),
    }),
  );
  const inUse = (id: string): string[] => (id === image.id ? ['web', 'db'] : []);
  await assert.rejects(removeImage(store, 'x', { force: false, inUse }), {
    code: 'IN_USE',
    message: 'cannot remove image "x": container web and 1 more were made from it',
  });
  assert.deepEqual(await removeImage(store, 'x', { force: true, inUse }), {
    untagged: ['x:latest'],
    deleted: [image.id],
  });
  assert.deepEqual([layers(store), blobs(store)], [2, 0]);
  rmSync(dir, { recursive: true });
  await removeUnreferenced(store);
  assert.equal(layers(store), 0);
});

test('removeImage() removes the name of a damaged image', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X);
  rmSync(store.blobPath(image.id));
  assert.equal(await findImage(store, 'x'), undefined);
  assert.deepEqual((await removeImage(store, 'x', free)).untagged, ['x:latest']);
  assert.deepEqual([layers(store), blobs(store)], [0, 0]);
});

test('removeUnreferenced() leaves alone what is under way and finishes what a killed one began', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, X, ['a', 'b']);
  const temp = await store.makeTemp();
  await keepInTemp(store, temp.dir, [image.blobs[0] ?? image.id], [image.diffIds[0] ?? image.id]);
  await removeImage(store, 'x', free);
  assert.deepEqual([layers(store), blobs(store)], [1, 1]);
  await temp.release();
  const [name] = readdirSync(store.layersDir);
  const { renameSync } = await import('node:fs');
  renameSync(path.join(store.layersDir, name ?? ''), path.join(store.layersDir, `${name}.condemned`));
  await removeUnreferenced(store);
  assert.deepEqual([layers(store), blobs(store)], [0, 0]);
});

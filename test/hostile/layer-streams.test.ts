// Streams that end early, lie about themselves, or grow without end.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { constants, createGzip, gzipSync } from 'node:zlib';

import { coverLayers } from '../../src/layer/cover-layers.js';
import { ensureLayer, findLayer } from '../../src/layer/unpack.js';
import type { DiffId } from '../../src/util/brand.js';
import { kernelTest } from '../support/requires.js';
import { makeMember, makeTar } from '../support/tar-builder.js';
import { diffIdOf, leftovers, openUnpacking, unpackTar, type UnpackOptions } from '../support/unpack.js';

const noise = Buffer.concat(Array.from({ length: 4000 }, (_, i) => createHash('sha256').update(String(i)).digest()));
const tar = makeTar(
  { name: 'etc/', type: '5', mode: 0o755 },
  { name: 'etc/noise', data: noise },
  { name: 'end', data: 'the end' },
);
const gzip = gzipSync(tar);
const zstd = (input: Buffer): Buffer => spawnSync('zstd', ['-qc'], { input, maxBuffer: 1 << 28 }).stdout;

const good: [string, () => Buffer][] = [
  ['plain tar', () => tar],
  ['gzip', () => gzip],
  [
    'gzip of several members',
    () =>
      Buffer.concat([
        gzipSync(tar.subarray(0, 1000)),
        gzipSync(tar.subarray(1000, 5000)),
        gzipSync(tar.subarray(5000)),
      ]),
  ],
  ['gzip stored, not compressed', () => gzipSync(tar, { level: 0 })],
];
for (const [name, make] of good) {
  kernelTest(`unpackLayer() reads ${name}`, ['userns', 'subid'], async (t) => {
    const tree = await unpackTar(await openUnpacking(t), tar, { sent: make() });
    assert.deepEqual(readFileSync(path.join(tree, 'etc/noise')), noise);
    assert.equal(readFileSync(path.join(tree, 'end'), 'utf8'), 'the end');
  });
}

kernelTest('unpackLayer() reads zstd, several frames and skippable ones', ['userns', 'subid', 'zstd'], async (t) => {
  const skippable = Buffer.concat([Buffer.from('502a4d1803000000', 'hex'), Buffer.from('abc')]);
  for (const sent of [
    zstd(tar),
    Buffer.concat([skippable, zstd(tar.subarray(0, 3000)), skippable, zstd(tar.subarray(3000)), skippable]),
  ]) {
    const tree = await unpackTar(await openUnpacking(t), tar, { sent });
    assert.deepEqual(readFileSync(path.join(tree, 'etc/noise')), noise);
  }
});

const bad: [string, string, () => UnpackOptions][] = [
  ['gzip cut short', 'LAYER_INVALID', () => ({ sent: gzip.subarray(0, gzip.length - 100) })],
  ['gzip cut in its header', 'LAYER_INVALID', () => ({ sent: gzip.subarray(0, 3) })],
  [
    'gzip with a changed byte',
    'LAYER_INVALID',
    () => ({ sent: Buffer.concat([gzip.subarray(0, 5000), Buffer.from([1, 2, 3, 4]), gzip.subarray(5004)]) }),
  ],
  [
    'gzip with a wrong checksum',
    'LAYER_INVALID',
    () => ({ sent: Buffer.concat([gzip.subarray(0, gzip.length - 8), Buffer.alloc(8)]) }),
  ],
  ['plain tar cut short', 'LAYER_INVALID', () => ({ sent: tar.subarray(0, 20_000) })],
  ['plain tar cut between members', 'DIGEST_MISMATCH', () => ({ sent: tar.subarray(0, 512) })],
  ['nothing at all', 'DIGEST_MISMATCH', () => ({ sent: Buffer.alloc(0) })],
  ['text', 'LAYER_INVALID', () => ({ sent: Buffer.from('<html>not found</html>'.repeat(100)) })],
  ['xz', 'LAYER_INVALID', () => ({ sent: Buffer.from('fd377a585a000004', 'hex') })],
  ['bzip2', 'LAYER_INVALID', () => ({ sent: Buffer.from('BZh91AY&SY') })],
  ['another tar than promised', 'DIGEST_MISMATCH', () => ({ diffId: diffIdOf(Buffer.from('another')) })],
  [
    'something after the end of the tar',
    'DIGEST_MISMATCH',
    () => ({ sent: gzipSync(Buffer.concat([tar, Buffer.from('x')])) }),
  ],
];
for (const [name, code, make] of bad) {
  kernelTest(`unpackLayer() refuses ${name} and leaves nothing`, ['userns', 'subid'], async (t) => {
    const unpacking = await openUnpacking(t);
    await assert.rejects(unpackTar(unpacking, tar, make()), { name: 'RrunError', code });
    assert.deepEqual(leftovers(unpacking), []);
  });
}

kernelTest('unpackLayer() refuses zstd that is cut short', ['userns', 'subid', 'zstd'], async (t) => {
  const unpacking = await openUnpacking(t);
  const sent = zstd(tar);
  await assert.rejects(unpackTar(unpacking, tar, { sent: sent.subarray(0, sent.length / 2) }), {
    code: 'LAYER_INVALID',
  });
  assert.deepEqual(leftovers(unpacking), []);
});

kernelTest(
  'unpackLayer() gives the failure of the source, not what follows from it',
  ['userns', 'subid'],
  async (t) => {
    const unpacking = await openUnpacking(t);
    async function* broken(): AsyncGenerator<Buffer> {
      yield gzip.subarray(0, 30_000);
      await Promise.resolve();
      throw new Error('the wire was cut');
    }
    await assert.rejects(unpackTar(unpacking, tar, { source: Readable.from(broken()) }), /the wire was cut/);
    assert.deepEqual(leftovers(unpacking), []);
  },
);

kernelTest('unpackLayer() ends when its source is destroyed', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const source = new Readable({ read: () => undefined });
  source.push(gzip.subarray(0, 30_000));
  setTimeout(() => source.destroy(), 200);
  await assert.rejects(unpackTar(unpacking, tar, { source }), { name: 'RrunError' });
  assert.deepEqual(leftovers(unpacking), []);
});

kernelTest('unpackLayer() stops at a bomb early', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  // A file that says 60 GiB, with zeros for ever: the limit on all files strikes at the second one, by its header.
  const bomb = gzipSync(
    Buffer.concat([makeMember({ name: 'a', size: 0 }), makeTar({ name: 'b', size: 65 * 2 ** 30 })]),
  );
  await assert.rejects(unpackTar(unpacking, tar, { sent: bomb }), { code: 'LAYER_INVALID' });
  assert.deepEqual(leftovers(unpacking), []);
});

kernelTest('unpackLayer() of one layer at the same time gives one layer', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const trees = await Promise.all([1, 2, 3].map(() => unpackTar(unpacking, tar)));
  assert.equal(new Set(trees).size, 1);
  assert.equal(leftovers(unpacking).length, 1);
});

kernelTest('ensureLayer() unpacks again what a crash of the host may have spoilt', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const { store, mapping } = unpacking;
  const tree = await unpackTar(unpacking, tar);
  const record = path.join(tree, '../layer.json');
  const diffId: DiffId = diffIdOf(tar);
  const descriptor = { mediaType: '', digest: diffIdOf(gzip), size: gzip.length };
  writeFileSync(store.blobPath(descriptor.digest), gzip);
  assert.equal(findLayer(store, diffId, mapping.layerKind), tree);
  for (const spoil of [
    (text: string) => text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'),
    () => '',
    () => '{"version":1',
  ]) {
    writeFileSync(record, spoil(readFileSync(record, 'utf8')));
    writeFileSync(path.join(tree, 'end'), 'spoilt');
    assert.equal(findLayer(store, diffId, mapping.layerKind), undefined);
    assert.equal(await ensureLayer({ store, mapping, descriptor, diffId }), tree);
    assert.equal(readFileSync(path.join(tree, 'end'), 'utf8'), 'the end');
    assert.equal(leftovers(unpacking).length, 1);
  }
});

kernelTest(
  'coverLayers() makes a layer outlive a crash, unless it may be damaged already',
  ['userns', 'subid'],
  async (t) => {
    const unpacking = await openUnpacking(t);
    const { store, mapping } = unpacking;
    const tree = await unpackTar(unpacking, tar);
    const record = path.join(tree, '../layer.json');
    const find = (): string | undefined => findLayer(store, diffIdOf(tar), mapping.layerKind);
    assert.equal(await coverLayers(store), 0, 'too young');
    const text = readFileSync(record, 'utf8');
    writeFileSync(record, text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    assert.equal(await coverLayers(store, -1000), 0, 'of another boot');
    assert.equal(find(), undefined);
    writeFileSync(record, text);
    assert.equal(await coverLayers(store, -1000), 1);
    assert.equal(await coverLayers(store, -1000), 0, 'once is enough');
    writeFileSync(record, text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    assert.equal(find(), tree);
  },
);

kernelTest('the child stays below 120 MB, whatever the layer', ['userns', 'subid'], async (t) => {
  const unpacking = await openUnpacking(t);
  const many = Array.from({ length: 20_000 }, (_, i) =>
    makeMember({ name: `d${i % 300}/f${i}`, data: i % 2 === 0 ? '' : 'x'.repeat(700) }),
  );
  const large = makeMember({ name: 'large', data: Buffer.alloc(32 << 20, noise) });
  const whole = Buffer.concat([...many, large, Buffer.alloc(1024)]);
  let peakKb = 0;
  const watch = setInterval(() => (peakKb = Math.max(peakKb, childPeakKb())), 100);
  try {
    const stream = createGzip({ level: constants.Z_BEST_SPEED });
    stream.end(whole);
    assert.ok(existsSync(await unpackTar(unpacking, whole, { source: stream, sent: Buffer.alloc(0) })));
  } finally {
    clearInterval(watch);
  }
  t.diagnostic(`peak ${peakKb} kB`);
  assert.ok(peakKb > 30_000 && peakKb < 120_000, `peak ${peakKb} kB`);
});

/** Peak of the processes that unpack for us (proc(5), VmHWM). */
function childPeakKb(): number {
  const peaks = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      const isChild = tryRead(`/proc/${pid}/cmdline`).includes('\0@unpack\0');
      return isChild ? Number(/VmHWM:\s+(\d+)/.exec(tryRead(`/proc/${pid}/status`))?.[1] ?? 0) : 0;
    });
  return Math.max(...peaks);
}

function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { newMakerName } from '../../../src/store/maker.js';
import { openStore } from '../../../src/store/store.js';
import { tryLock } from '../../../src/sys/lock.js';
import type { Digest, HostPath } from '../../../src/util/brand.js';
import { sha256 } from '../../support/registry.js';
import { openTestStore, storeImage } from '../../support/stored-image.js';

const isRoot = process.getuid?.() === 0;

function makeDir(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'open-'));
  t.after(() => {
    chmodSync(dir, 0o700);
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

const blob = (text: string): { digest: Digest; size: number; bytes: Buffer } => {
  const bytes = Buffer.from(text);
  return { digest: sha256(bytes) as Digest, size: bytes.length, bytes };
};

test('openStore() makes an OCI layout that others cannot look into', async (t) => {
  const root = path.join(makeDir(t), 'a/b') as HostPath;
  await openStore(root);
  assert.equal(readFileSync(path.join(root, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}\n');
  assert.equal(statSync(root).mode & 0o777, 0o700);
  for (const name of ['blobs', 'blobs/sha256', 'refs', 'layers', 'tmp', 'containers', 'names', 'volumes', 'cache']) {
    assert.equal(statSync(path.join(root, name)).mode & 0o777, 0o700, name);
  }
});

test('openStore() finishes what a killed one began', async (t) => {
  const root = path.join(makeDir(t), 'data') as HostPath;
  mkdirSync(path.join(root, 'blobs'), { recursive: true });
  writeFileSync(path.join(root, 'oci-layout'), '');
  await openStore(root);
  assert.ok(existsSync(path.join(root, 'tmp')));
});

test('openStore() refuses what is no store of ours', async (t) => {
  const dir = makeDir(t);
  writeFileSync(path.join(dir, 'file'), '');
  await assert.rejects(openStore(path.join(dir, 'file') as HostPath), {
    code: 'STORE_UNUSABLE',
    message: /it is not a directory/,
  });
  mkdirSync(path.join(dir, 'later'));
  writeFileSync(path.join(dir, 'later/oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
  await assert.rejects(openStore(path.join(dir, 'later') as HostPath), {
    code: 'STORE_UNUSABLE',
    message: /of another version/,
  });
  if (!isRoot) {
    await assert.rejects(openStore('/' as HostPath), {
      code: 'STORE_UNUSABLE',
      message: /belongs to uid 0, not to you/,
    });
    chmodSync(dir, 0o500);
    await assert.rejects(openStore(path.join(dir, 'new') as HostPath), { code: 'STORE_UNUSABLE' });
  }
});

test(
  'a store that is not writable can be read, and says so when written to',
  { skip: isRoot && 'root may write everywhere' },
  async (t) => {
    const store = await openTestStore(t);
    await storeImage(store, 'docker.io/library/x:latest');
    chmodSync(store.tmpDir, 0o500);
    const again = await openStore(store.root);
    assert.equal((await again.loadReferences()).length, 1);
    await assert.rejects(again.checkWritable(), { code: 'STORE_UNUSABLE', message: /cannot write to the store/ });
    await assert.rejects(again.makeTemp(), { code: 'STORE_UNUSABLE', message: /is not writable|EACCES/ });
  },
);

test('saveBlob() stores only what has the digest and the size', async (t) => {
  const store = await openTestStore(t);
  const good = blob('good');
  await store.withTemp(async (dir) => {
    await store.saveBlob(dir, good, good.bytes);
    assert.ok(await store.hasBlob(good.digest, 4));
    assert.ok(!(await store.hasBlob(good.digest, 5)));
    const other = blob('other');
    await assert.rejects(store.saveBlob(dir, other, Buffer.from('othex')), {
      code: 'DIGEST_MISMATCH',
      message: /got digest sha256:/,
    });
    await assert.rejects(store.saveBlob(dir, other, Buffer.from('oth')), {
      code: 'DIGEST_MISMATCH',
      message: /got 3 bytes, want 5/,
    });
    await assert.rejects(store.saveBlob(dir, other, Buffer.from('others')), {
      code: 'DIGEST_MISMATCH',
      message: /got more than the 5 bytes/,
    });
    assert.ok(!(await store.hasBlob(other.digest)));
  });
  assert.deepEqual(readdirSync(store.tmpDir), []);
});

test('saveBlob() replaces a blob that a crash has damaged', async (t) => {
  const store = await openTestStore(t);
  const good = blob('good');
  writeFileSync(store.blobPath(good.digest), 'bad!');
  assert.equal(await store.tryReadBlob(good.digest), undefined);
  await assert.rejects(store.readBlobJson(good.digest), { code: 'IMAGE_INVALID', message: /missing or damaged/ });
  await store.withTemp((dir) => store.saveBlob(dir, good, good.bytes));
  assert.deepEqual(await store.tryReadBlob(good.digest), good.bytes);
});

test('references survive any name, and index.json lists them for others', async (t) => {
  const store = await openTestStore(t);
  const descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: blob('m').digest, size: 1 };
  const names = [
    'docker.io/library/x:latest',
    `docker.io/${'long/'.repeat(45)}x:${'t'.repeat(128)}`,
    descriptor.digest,
  ];
  for (const reference of names) await store.saveReference({ reference, descriptor, updated: '' });
  assert.deepEqual((await store.loadReferences()).map(({ reference }) => reference).sort(), [...names].sort());
  for (const reference of names) assert.equal((await store.loadReference(reference))?.reference, reference);
  const index = JSON.parse(readFileSync(path.join(store.root, 'index.json'), 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  const listed = index.manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
  assert.deepEqual(listed.filter((name) => name !== undefined).sort(), names.slice(0, 2).sort());
  await store.removeReference(names[1] ?? '');
  await store.removeReference('docker.io/library/unknown:latest');
  assert.equal((await store.loadReferences()).length, 2);
});

test('loadReferences() leaves damaged records out', async (t) => {
  const store = await openTestStore(t);
  await storeImage(store, 'docker.io/library/x:latest');
  for (const [name, text] of [
    ['empty', ''],
    ['cut', '{"version":1,"refer'],
    ['list', '[]'],
    ['later', '{"version":2}'],
    ['odd', '{"version":1,"reference":"x","descriptor":{"digest":"../../x"}}'],
  ] as const) {
    writeFileSync(path.join(store.refsDir, name), text);
  }
  assert.equal((await store.loadReferences()).length, 1);
});

test('many processes that write index.json at once leave a whole one', async (t) => {
  const store = await openTestStore(t);
  const image = await storeImage(store, 'docker.io/library/x:0');
  const descriptor = { mediaType: 'm', digest: image.manifest, size: 1 };
  await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      store.saveReference({ reference: `docker.io/library/x:${n}`, descriptor, updated: '' }),
    ),
  );
  const index = JSON.parse(readFileSync(path.join(store.root, 'index.json'), 'utf8')) as { manifests: unknown[] };
  assert.equal(index.manifests.length, 12);
  assert.deepEqual(readdirSync(store.tmpDir), []);
});

/** Names of what was made in tmp/ and is to stay, or to go. */
function fillTemp(t: TestContext, tmp: string): { stays: string[]; goes: string[] } {
  const stays = ['elsewhere', 'being-removed'];
  const goes = ['another-start', 'long-ago-elsewhere', 'left-by-remover', 'without-lock'];
  const [place, pid] = newMakerName().split('.').slice(1);
  const made: Record<string, string> = {
    elsewhere: `made.x${place ?? ''}.1.1.0`,
    'another-start': `made.${place ?? ''}.${pid ?? ''}.1.0`,
    'long-ago-elsewhere': `made.x${place ?? ''}.1.1.1`,
  };
  const name = (kind: string): string => made[kind] ?? kind;
  for (const kind of [...stays, ...goes]) mkdirSync(path.join(tmp, name(kind), 'deep'), { recursive: true });
  for (const kind of ['being-removed', 'left-by-remover']) writeFileSync(path.join(tmp, kind, 'lock'), '');
  const held = openSync(path.join(tmp, 'being-removed/lock'), 'r+');
  assert.ok(tryLock(held));
  t.after(() => {
    closeSync(held);
  });
  const longAgo = Date.now() / 1000 - 25 * 3600;
  utimesSync(path.join(tmp, name('long-ago-elsewhere')), longAgo, longAgo);
  writeFileSync(path.join(tmp, 'file'), '');
  return { stays: stays.map(name), goes: [...goes.map(name), 'file'] };
}

test('makeTemp() sweeps what killed processes left and nothing else', async (t) => {
  const store = await openTestStore(t);
  const ours = await store.makeTemp();
  writeFileSync(path.join(ours.dir, 'mine'), '');
  // A process that dies with a temporary directory.
  const script = `import('${new URL('../../../src/store/store.js', import.meta.url).href}').then(async ({ openStore }) => { const temp = await (await openStore(${JSON.stringify(store.root)})).makeTemp(); const fs = await import('node:fs'); fs.writeFileSync(temp.dir + '/left', 'x'); process.kill(process.pid, 'SIGKILL'); })`;
  const killed = spawnSync(process.execPath, ['-e', script]);
  assert.equal(killed.signal, 'SIGKILL', killed.stderr.toString());
  const { stays, goes } = fillTemp(t, store.tmpDir);
  assert.equal(readdirSync(store.tmpDir).length, 2 + stays.length + goes.length);

  const other = await openStore(store.root);
  const temp = await other.makeTemp();
  const left = [ours, temp].map(({ dir }) => path.basename(dir));
  assert.deepEqual(readdirSync(store.tmpDir).sort(), [...left, ...stays].sort());
  assert.deepEqual(readdirSync(ours.dir), ['mine']);
  await temp.release();
  await ours.release();
  assert.deepEqual(readdirSync(store.tmpDir).sort(), stays.sort());
});

test('makeTemp() sweeps what a process left that nobody has waited for', async (t) => {
  const store = await openTestStore(t);
  const name = `import('${new URL('../../../src/store/maker.js', import.meta.url).href}').then(({ newMakerName }) => { console.log(newMakerName()); })`;
  // The shell becomes sleep, which never waits for the child that it has.
  const parent = spawn('sh', ['-c', '"$0" -e "$1" & exec sleep 60', process.execPath, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const dir = path.join(store.tmpDir, line.toString().trim());
  const pid = path.basename(dir).split('.')[2] ?? '';
  while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await sleep(5);
  mkdirSync(dir);
  const temp = await store.makeTemp();
  assert.equal(existsSync(dir), false);
  await temp.release();
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test('outlastCollection() waits for a collection, and not for one that was killed', async (t) => {
  const store = await openTestStore(t);
  await store.outlastCollection(); // nothing has ever been collected
  const seen: string[] = [];
  const { promise, resolve: end } = withResolvers();
  const began = withResolvers();
  const collecting = store.whileCollecting(() => {
    began.resolve();
    return promise;
  });
  await began.promise;
  const outlasting = store.outlastCollection().then(() => seen.push('outlasted'));
  await sleep(20);
  assert.deepEqual(seen, []);
  end();
  await Promise.all([collecting, outlasting]);
  chmodSync(path.join(store.root, 'commit.lock'), 0o700); // what a killed one leaves
  await store.outlastCollection();
  assert.equal(statSync(path.join(store.root, 'commit.lock')).mode & 0o777, 0o600);
});

test('whileCollecting() waits for those who commit, and they for it', async (t) => {
  const store = await openTestStore(t);
  const order: string[] = [];
  let finishFirst = (): void => {};
  const first = store.whileCommitting(() =>
    new Promise<void>((resolve) => (finishFirst = resolve)).then(() => void order.push('commit 1')),
  );
  await store.whileCommitting(async () => void order.push('commit 2'));
  const collecting = store.whileCollecting(async () => void order.push('collect'));
  await new Promise((resolve) => setTimeout(resolve, 30));
  finishFirst();
  await Promise.all([first, collecting]);
  assert.deepEqual(order, ['commit 2', 'commit 1', 'collect']);
});

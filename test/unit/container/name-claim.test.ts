import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import {
  claimName,
  claimRandomName,
  readClaim,
  releaseName,
  requireFreeName,
  type Claimant,
  type NameStore,
} from '../../../src/container/name-claim.js';
import { newContainerId } from '../../../src/container/names.js';
import { RrunError } from '../../../src/errors.js';
import { makeTempDir } from '../../../src/store/temp.js';
import type { HostPath } from '../../../src/util/brand.js';

function makeStore(t: TestContext): NameStore {
  const root = mkdtempSync(path.join(tmpdir(), 'rrun-names-')) as HostPath;
  t.after(() => rmSync(root, { recursive: true }));
  for (const name of ['names', 'containers', 'tmp']) mkdirSync(path.join(root, name));
  return {
    root,
    namesDir: path.join(root, 'names') as HostPath,
    containersDir: path.join(root, 'containers') as HostPath,
  };
}

/** A maker that lives: this process, until die(). */
function makeClaimant(store: NameStore): Claimant & { die: () => void } {
  const { dir } = makeTempDir(path.join(store.root, 'tmp') as HostPath, () => Promise.reject(new Error('not mapped')));
  return {
    id: newContainerId(),
    temp: dir,
    die: () => {
      rmSync(dir, { recursive: true });
    },
  };
}

function isTaken(error: unknown): boolean {
  return error instanceof RrunError && error.code === 'NAME_TAKEN';
}

test('claimName() gives a free name, and nobody else gets it while the maker works', async (t) => {
  const store = makeStore(t);
  const [first, second] = [makeClaimant(store), makeClaimant(store)];
  await claimName(store, first, 'web');
  assert.equal(readClaim(store, 'web')?.id, first.id);
  await assert.rejects(claimName(store, second, 'web'), isTaken);
  assert.throws(() => {
    requireFreeName(store, 'web');
  }, isTaken);
  assert.equal(readClaim(store, 'web')?.id, first.id);
});

test('claimName() takes over what a dead maker left', async (t) => {
  const store = makeStore(t);
  const [first, second] = [makeClaimant(store), makeClaimant(store)];
  // Another process that had our pid before us.
  const temp = first.temp.replace(/\d+(?=\.\d+$)/, '1') as HostPath;
  renameSync(first.temp, temp);
  await claimName(store, { ...first, temp }, 'web');
  assert.ok(existsSync(temp));
  requireFreeName(store, 'web');
  await claimName(store, second, 'web');
  assert.equal(readClaim(store, 'web')?.id, second.id);
});

test('claimName() takes over when the whole directory of the maker was swept', async (t) => {
  const store = makeStore(t);
  const [first, second] = [makeClaimant(store), makeClaimant(store)];
  await claimName(store, first, 'web');
  first.die();
  requireFreeName(store, 'web');
  await claimName(store, second, 'web');
  assert.equal(readClaim(store, 'web')?.id, second.id);
});

test('claimName() respects a container that exists, whoever made it', async (t) => {
  const store = makeStore(t);
  const [first, second] = [makeClaimant(store), makeClaimant(store)];
  await claimName(store, first, 'web');
  mkdirSync(path.join(store.containersDir, first.id));
  first.die();
  await assert.rejects(claimName(store, second, 'web'), isTaken);
});

test('claimName() takes over an empty file, which a full disk can leave', async (t) => {
  const store = makeStore(t);
  writeFileSync(path.join(store.namesDir, 'web'), '');
  const maker = makeClaimant(store);
  await claimName(store, maker, 'web');
  assert.equal(readClaim(store, 'web')?.id, maker.id);
});

test('claimName() lets exactly one of many win a name that a dead one left', async (t) => {
  const store = makeStore(t);
  for (let round = 0; round < 10; round++) {
    const name = `web${round}`;
    const dead = makeClaimant(store);
    await claimName(store, dead, name);
    dead.die();
    const makers = Array.from({ length: 20 }, () => makeClaimant(store));
    const results = await Promise.allSettled(makers.map((maker) => claimName(store, maker, name)));
    const winners = makers.filter((_, index) => results[index]?.status === 'fulfilled');
    assert.equal(winners.length, 1);
    assert.equal(readClaim(store, name)?.id, winners[0]?.id);
    for (const maker of makers) maker.die();
  }
});

test('claimRandomName() gives a thousand makers a thousand names', async (t) => {
  const store = makeStore(t);
  const maker = makeClaimant(store);
  const names = new Set<string>();
  for (let count = 0; count < 1000; count++)
    names.add(await claimRandomName(store, { ...maker, temp: freshTemp(store, maker) }));
  assert.equal(names.size, 1000);
  assert.equal(readdirSync(store.namesDir).length, 1000);
});

/** One maker makes one container: the file that becomes the claim is linked, so each needs a directory of its own. */
function freshTemp(store: NameStore, maker: Claimant): HostPath {
  const temp = mkdtempSync(path.join(store.root, 'tmp', 'f')) as HostPath;
  mkdirSync(path.join(store.containersDir, maker.id), { recursive: true });
  return temp;
}

test('releaseName() frees a name of its own only', async (t) => {
  const store = makeStore(t);
  const [first, second] = [makeClaimant(store), makeClaimant(store)];
  await claimName(store, first, 'web');
  await releaseName(store, 'web', second.id);
  assert.equal(readClaim(store, 'web')?.id, first.id);
  await releaseName(store, 'web', first.id);
  assert.equal(existsSync(path.join(store.namesDir, 'web')), false);
  await releaseName(store, 'web', first.id);
});

test('readClaim() does not look outside of names/', (t) => {
  const store = makeStore(t);
  writeFileSync(path.join(store.root, 'outside'), 'x y\n');
  for (const name of ['../outside', '', '.', '..', 'a/b', 'a\0b', 'x'.repeat(300)])
    assert.equal(readClaim(store, name), undefined);
});

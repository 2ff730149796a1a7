import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RrunError, type ErrorCode } from '../../../src/errors.js';
import type { Caller } from '../../../src/idmap/caller.js';
import { baseMapping, chooseUserns, workingMapping, type UsernsChoice } from '../../../src/idmap/choose.js';
import { formatIdMap, parseIdMap } from '../../../src/idmap/ranges.js';
import type { HostPath } from '../../../src/util/brand.js';

const FULL = parseIdMap('0 0 4294967295');
const RANGE = [{ start: 100000, count: 65536 }];

/** An ordinary user with ranges and working programs. */
function caller(overrides: Partial<Caller> = {}): Caller {
  return {
    uid: 1000,
    gid: 1000,
    name: 'ana',
    loginGid: 1000,
    uidMap: FULL,
    gidMap: FULL,
    maySetIds: false,
    subids: { uids: RANGE, gids: RANGE, source: '/etc/subuid', problems: [], firstFree: 165536 },
    newuidmap: { path: '/usr/bin/newuidmap' as HostPath },
    newgidmap: { path: '/usr/bin/newgidmap' as HostPath },
    grantAuxGroups: false,
    ...overrides,
  };
}

function subids(uids = RANGE, gids = uids): Caller['subids'] {
  return { uids, gids, source: '/etc/subuid', problems: [], firstFree: 165536 };
}

const nobody = caller({ subids: subids([]) });
const root = caller({ uid: 0, gid: 0, name: 'root', loginGid: 0, maySetIds: true });

async function choose(from: Caller, userns?: string, uid = 0, gid = 0): Promise<UsernsChoice> {
  return await chooseUserns({ userns, uid, gid }, from);
}

function uidText({ mapping }: UsernsChoice): string {
  return formatIdMap(mapping.uidMappings).trim().replaceAll('\n', ', ');
}

const MAPS: [string, Caller, string | undefined, string, 'ranges' | 'single'][] = [
  ['maps root to the caller and the rest to the ranges', caller(), undefined, '0 1000 1, 1 100000 65536', 'ranges'],
  ['takes host as the default', caller(), 'host', '0 1000 1, 1 100000 65536', 'ranges'],
  ['takes private as the default', caller(), 'private', '0 1000 1, 1 100000 65536', 'ranges'],
  ['keeps the id of the caller', caller(), 'keep-id', '0 100000 1000, 1000 1000 1, 1001 101000 64536', 'ranges'],
  ['gives the caller another id', caller(), 'keep-id:uid=5,gid=6', '0 100000 5, 5 1000 1, 6 100005 65531', 'ranges'],
  ['makes the caller root with uid=0', caller(), 'keep-id:uid=0', '0 1000 1, 1 100000 65536', 'ranges'],
  ['keeps to a size', caller(), 'keep-id:uid=5,size=10', '0 100000 5, 5 1000 1, 6 100005 4', 'ranges'],
  [
    'keeps an id above the ranges',
    caller({ uid: 200000, subids: subids([{ start: 5, count: 10 }]) }),
    'keep-id',
    '0 5 10, 200000 200000 1',
    'ranges',
  ],
  ['leaves the caller out', caller(), 'nomap', '0 100000 65536', 'ranges'],
  ['maps one id when told to', caller(), 'single', '0 1000 1', 'single'],
  ['maps one id without ranges', nobody, undefined, '0 1000 1', 'single'],
  ['keeps the one id without ranges', nobody, 'keep-id', '1000 1000 1', 'single'],
  [
    'uses several ranges in their order',
    caller({
      subids: subids([
        { start: 900000, count: 10 },
        { start: 500000, count: 70000 },
      ]),
    }),
    undefined,
    '0 1000 1, 1 900000 10, 11 500000 70000',
    'ranges',
  ],
  [
    'leaves the caller out of its own range',
    caller({ subids: subids([{ start: 995, count: 70000 }]) }),
    undefined,
    '0 1000 1, 1 995 5, 6 1001 69994',
    'ranges',
  ],
  ['maps root of the host to nobody', root, undefined, '0 100000 65536', 'ranges'],
  [
    'hands on the ids of an outer namespace to its root',
    caller({
      uid: 0,
      maySetIds: true,
      uidMap: parseIdMap('0 1000 1\n1 100000 999\n1000 300000 64536'),
      gidMap: parseIdMap('0 1000 1\n1 100000 65535'),
      subids: subids([]),
    }),
    undefined,
    '0 0 1, 1 1 999, 1000 1000 64536',
    'ranges',
  ],
  [
    'splits ranges at the borders of the outer map',
    caller({
      uidMap: parseIdMap('0 1 65536\n65536 200000 100000'),
      gidMap: parseIdMap('0 1 1000000'),
      subids: subids([{ start: 60000, count: 65536 }]),
    }),
    undefined,
    '0 1000 1, 1 60000 5536, 5537 65536 60000',
    'ranges',
  ],
  [
    'maps one id where the ranges do not exist in this namespace',
    caller({ uidMap: parseIdMap('0 1000 1001'), gidMap: parseIdMap('0 1000 1001') }),
    undefined,
    '0 1000 1',
    'single',
  ],
  [
    'maps one id for fake root',
    caller({
      uid: 0,
      gid: 0,
      maySetIds: true,
      uidMap: parseIdMap('0 1000 1'),
      gidMap: parseIdMap('0 1000 1'),
      subids: subids([]),
    }),
    undefined,
    '0 0 1',
    'single',
  ],
];

for (const [criterion, from, userns, want, kind] of MAPS) {
  test(`chooseUserns() ${criterion}`, async () => {
    const choice = await choose(from, userns);
    assert.equal(uidText(choice), want);
    assert.equal(choice.mapping.kind, kind);
    assert.equal(choice.layerKind, kind);
  });
}

test('chooseUserns() maps the id that the command runs with in single-id mode, and layers as root', async () => {
  const choice = await choose(nobody, undefined, 33, 34);
  assert.equal(uidText(choice), '33 1000 1');
  assert.equal(formatIdMap(choice.mapping.gidMappings), '34 1000 1\n');
  assert.equal(formatIdMap(choice.layers.uidMappings), '0 1000 1\n');
});

test('chooseUserns() says in one line why there is one id only, but not where it was asked for', async () => {
  assert.equal(
    (await choose(nobody)).note,
    'single-id mode: no range for user "ana" in /etc/subuid; every file in the container is yours (for more ids, add "ana:165536:65536" to /etc/subuid and /etc/subgid)',
  );
  assert.match(
    (await choose(caller({ subids: subids(RANGE, []) }))).note ?? '',
    /no range for user "ana" in \/etc\/subgid/,
  );
  assert.match((await choose(caller({ name: undefined, subids: subids([]) }))).note ?? '', /uid 1000 has no entry/);
  const fake = caller({ uid: 0, gid: 0, uidMap: parseIdMap('0 1000 1'), gidMap: parseIdMap('0 1000 1') });
  assert.equal(
    (await choose(fake)).note,
    'single-id mode: the user namespace that rrun runs in has one id only; every file in the container is yours',
  );
  assert.equal((await choose(nobody, 'single')).note, undefined);
  assert.equal((await choose(caller())).note, undefined);
});

test('chooseUserns() notes ranges that are too small for usual images', async () => {
  const few = await choose(caller({ subids: subids([{ start: 100000, count: 1000 }]) }));
  assert.match(few.note ?? '', /^user "ana" has only 1000 subordinate ids/);
  assert.equal((await choose(caller({ subids: subids([{ start: 100000, count: 65534 }]) }))).note, undefined);
});

test('chooseUserns() unpacks layers as root is the caller, whatever the container has', async () => {
  for (const userns of ['keep-id', 'nomap', undefined]) {
    assert.equal(formatIdMap((await choose(caller(), userns)).layers.uidMappings), '0 1000 1\n1 100000 65536\n');
  }
});

test('chooseUserns() names the mappers for a user, and none where the map is written directly', async () => {
  assert.equal((await choose(caller())).mapping.newuidmap, '/usr/bin/newuidmap');
  assert.equal((await choose(root)).mapping.newuidmap, undefined);
  assert.equal((await choose(caller(), 'single')).mapping.newuidmap, undefined);
});

test('baseMapping() follows --userns only to single', async () => {
  assert.equal((await baseMapping('single', caller())).layerKind, 'single');
  assert.equal(uidText(await baseMapping('keep-id', caller())), '0 1000 1, 1 100000 65536');
  assert.equal(uidText(await baseMapping(undefined, nobody)), '0 1000 1');
});

const mapper = (problem: 'nosuid' | 'not-privileged' | 'no-new-privs' | 'not-owned-by-root') => ({
  path: '/usr/bin/newuidmap' as HostPath,
  problem,
  mountPoint: '/usr',
});

const REFUSALS: [string, Caller, string | undefined, ErrorCode, RegExp, RegExp][] = [
  [
    'newuidmap missing',
    caller({ newuidmap: undefined }),
    undefined,
    'PROGRAM_MISSING',
    /newuidmap not found in PATH/,
    /uidmap \(Debian\)/,
  ],
  [
    'newgidmap missing',
    caller({ newgidmap: undefined }),
    undefined,
    'PROGRAM_MISSING',
    /gid map .* newgidmap not found/,
    /uidmap/,
  ],
  [
    'newuidmap not setuid',
    caller({ newuidmap: mapper('not-privileged') }),
    undefined,
    'IDMAP_UNAVAILABLE',
    /neither setuid root nor/,
    /chmod u\+s/,
  ],
  [
    'newuidmap of another owner',
    caller({ newuidmap: mapper('not-owned-by-root') }),
    undefined,
    'IDMAP_UNAVAILABLE',
    /not owned by root/,
    /chown root/,
  ],
  [
    'a nosuid mount',
    caller({ newuidmap: mapper('nosuid') }),
    undefined,
    'IDMAP_UNAVAILABLE',
    /"\/usr", which is mounted nosuid/,
    /without nosuid/,
  ],
  [
    'no_new_privs',
    caller({ newuidmap: mapper('no-new-privs') }),
    undefined,
    'IDMAP_UNAVAILABLE',
    /no_new_privs is set/,
    /NoNewPrivileges/,
  ],
  [
    'another current group',
    caller({ gid: 2000 }),
    undefined,
    'IDMAP_UNAVAILABLE',
    /current group 2000 is not the login group 1000/,
    /newgrp/,
  ],
  ['nomap without ranges', nobody, 'nomap', 'IDMAP_UNAVAILABLE', /no range for user "ana"/, /add "ana:165536:65536"/],
  [
    'root without ranges',
    { ...root, subids: subids([]) },
    undefined,
    'IDMAP_UNAVAILABLE',
    /no range for "root" or "containers" in \/etc\/subuid/,
    /add "root:165536:65536"/,
  ],
  [
    'root without a range of gids',
    { ...root, subids: subids(RANGE, []) },
    undefined,
    'IDMAP_UNAVAILABLE',
    /\/etc\/subgid/,
    /add "root/,
  ],
  ['root with keep-id', root, 'keep-id', 'USAGE', /root of the host into the container/, /leave --userns out/],
  ['root with single', root, 'single', 'USAGE', /root of the host into the container/, /leave --userns out/],
];

for (const [what, from, userns, code, message, hint] of REFUSALS) {
  test(`chooseUserns() refuses ${what}`, async () => {
    await assert.rejects(choose(from, userns), (error) => {
      assert.ok(error instanceof RrunError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    });
  });
}

test('chooseUserns() lets another current group pass where login.defs does', async () => {
  assert.equal((await choose(caller({ gid: 2000, grantAuxGroups: true }))).layerKind, 'ranges');
});

test('chooseUserns() needs no program for one id', async () => {
  assert.equal((await choose(caller({ newuidmap: undefined, newgidmap: undefined }), 'single')).layerKind, 'single');
});

test('workingMapping() falls back to one id where the ranges cannot be used, but never as root of the host', async () => {
  assert.equal((await workingMapping(caller())).layerKind, 'ranges');
  assert.equal((await workingMapping(caller({ newuidmap: undefined }))).layerKind, 'single');
  await assert.rejects(workingMapping({ ...root, subids: subids([]) }), { code: 'IDMAP_UNAVAILABLE' });
});

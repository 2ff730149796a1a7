import assert from 'node:assert/strict';
import test from 'node:test';

import { covers, shiftBetween } from '../../../src/snapshot/shift.js';
import type { IdMapping, UsernsMapping } from '../../../src/util/id-mapping.js';

function mapping(...extents: [inside: number, outside: number, size: number][]): UsernsMapping {
  const mappings: IdMapping[] = extents.map(([containerID, hostID, size]) => ({ containerID, hostID, size }));
  return { kind: 'ranges', uidMappings: mappings, gidMappings: mappings };
}

const layers = mapping([0, 1012, 1], [1, 362_144, 65_536]);
const keepId = mapping([0, 362_144, 1012], [1012, 1012, 1], [1013, 363_156, 64_524]);
const nomap = mapping([0, 362_144, 65_536]);

test('shiftBetween() of keep-id is what fuse-overlayfs wants in the namespace of the container', () => {
  assert.deepEqual(shiftBetween(layers, keepId, keepId).uid, [
    { onDisk: 1012, presented: 0, size: 1 },
    { onDisk: 0, presented: 1, size: 1012 },
    { onDisk: 1013, presented: 1013, size: 64_524 },
  ]);
});

test('shiftBetween() of nomap, seen from the namespace of the layers, moves everything by one', () => {
  assert.deepEqual(shiftBetween(layers, nomap, layers).uid, [{ onDisk: 0, presented: 1, size: 65_536 }]);
});

test('shiftBetween() of a mapping with itself changes nothing', () => {
  for (const { onDisk, presented } of shiftBetween(layers, layers, layers).gid) assert.equal(onDisk, presented);
});

test('shiftBetween() leaves out what the container has not', () => {
  const small = mapping([0, 1012, 1], [1, 362_144, 10], [20, 362_163, 5]);
  const { uid } = shiftBetween(layers, small, small);
  assert.deepEqual(uid, [
    { onDisk: 0, presented: 0, size: 11 },
    { onDisk: 20, presented: 20, size: 5 },
  ]);
});

test('shiftBetween() leaves out what cannot be seen', () => {
  const { uid } = shiftBetween(layers, nomap, nomap);
  assert.equal(
    uid.some(({ presented }) => presented === 0),
    false,
    'the caller, who owns root’s files, is not mapped',
  );
});

test('covers() asks whether root’s files have an owner in the container', () => {
  assert.equal(covers(layers, layers), true);
  assert.equal(covers(keepId, layers), true);
  assert.equal(covers(nomap, layers), false);
});

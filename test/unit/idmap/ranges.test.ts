import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  capExtents,
  clipToMap,
  formatIdMap,
  isFullMap,
  layOut,
  MAX_ID,
  parseIdMap,
  splitRanges,
  withoutOverlap,
  type IdRange,
} from '../../../src/idmap/ranges.js';

const range = (start: number, count: number): IdRange => ({ start, count });

test('parseIdMap() reads what the kernel prints, and formatIdMap() writes it back', () => {
  const map = parseIdMap('         0       1012          1\n         1     362144      65535\n');
  assert.deepEqual(map, [
    { containerID: 0, hostID: 1012, size: 1 },
    { containerID: 1, hostID: 362144, size: 65535 },
  ]);
  assert.equal(formatIdMap(map), '0 1012 1\n1 362144 65535\n');
  assert.deepEqual(parseIdMap('nonsense\n1 2\n'), []);
});

test('isFullMap() tells the initial user namespace from all others', () => {
  assert.equal(isFullMap(parseIdMap('0 0 4294967295')), true);
  assert.equal(isFullMap(parseIdMap('0 0 65536')), false);
  assert.equal(isFullMap(parseIdMap('0 1000 4294967295')), false);
  assert.equal(isFullMap([]), false);
});

const OVERLAPS: [string, IdRange[], IdRange[], IdRange[]][] = [
  ['keeps the order of ranges apart', [range(200, 5), range(100, 5)], [], [range(200, 5), range(100, 5)]],
  ['drops a range that is there twice', [range(100, 5), range(100, 5)], [], [range(100, 5)]],
  ['cuts the start of a later one', [range(100, 10), range(105, 10)], [], [range(100, 10), range(110, 5)]],
  ['cuts the end of a later one', [range(105, 10), range(100, 10)], [], [range(105, 10), range(100, 5)]],
  ['cuts a hole into a later one', [range(105, 2), range(100, 10)], [], [range(105, 2), range(100, 5), range(107, 3)]],
  ['leaves the caller out', [range(1000, 10)], [range(1004, 1)], [range(1000, 4), range(1005, 5)]],
  ['keeps ranges that touch', [range(100, 5), range(105, 5)], [], [range(100, 5), range(105, 5)]],
];

for (const [criterion, ranges, taken, want] of OVERLAPS) {
  test(`withoutOverlap() ${criterion}`, () => {
    assert.deepEqual(withoutOverlap(ranges, taken), want);
  });
}

test('clipToMap() keeps what the own namespace has, split at the borders of its extents', () => {
  const own = parseIdMap('0 1012 1\n1 362144 999\n1000 500000 100');
  assert.deepEqual(clipToMap([range(0, 2000)], own), [range(0, 1), range(1, 999), range(1000, 100)]);
  assert.deepEqual(clipToMap([range(500, 600)], own), [range(500, 500), range(1000, 100)]);
  assert.deepEqual(clipToMap([range(100000, 65536)], own), []);
  assert.deepEqual(clipToMap([range(100000, 65536)], parseIdMap('0 0 4294967295')), [range(100000, 65536)]);
});

test('splitRanges() cuts after so many ids, inside a range too', () => {
  assert.deepEqual(splitRanges([range(100, 5), range(200, 5)], 7), [[range(100, 5), range(200, 2)], [range(202, 3)]]);
  assert.deepEqual(splitRanges([range(100, 5)], 0), [[], [range(100, 5)]]);
  assert.deepEqual(splitRanges([range(100, 5)], 9), [[range(100, 5)], []]);
});

test('layOut() maps without a gap and ends at the last id', () => {
  assert.deepEqual(layOut(1, [range(100, 5), range(50, 2)]), [
    { containerID: 1, hostID: 100, size: 5 },
    { containerID: 6, hostID: 50, size: 2 },
  ]);
  assert.deepEqual(layOut(MAX_ID, [range(100, 5)]), [{ containerID: MAX_ID, hostID: 100, size: 1 }]);
});

test('capExtents() keeps to 340 extents and to one page of text', () => {
  const many = layOut(
    0,
    Array.from({ length: 1000 }, (_, index) => range(index * 2, 1)),
  );
  assert.equal(capExtents(many).length, 340);
  const long = layOut(
    4000000000,
    Array.from({ length: 300 }, (_, index) => range(3000000000 + index * 2, 1)),
  );
  const capped = capExtents(long);
  assert.ok(formatIdMap(capped).length <= 4095);
  assert.ok(capped.length > 150);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ellipsis, humanDuration, humanSize } from '../../../src/util/units.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

const DURATIONS: [number, string][] = [
  [-5, 'Less than a second'],
  [NaN, 'Less than a second'],
  [999, 'Less than a second'],
  [SECOND, '1 second'],
  [59 * SECOND, '59 seconds'],
  [60 * SECOND, 'About a minute'],
  [119 * SECOND, 'About a minute'],
  [59 * 60 * SECOND, '59 minutes'],
  [HOUR, 'About an hour'],
  [1.6 * HOUR, '2 hours'],
  [47 * HOUR, '47 hours'],
  [48 * HOUR, '2 days'],
  [13 * DAY, '13 days'],
  [14 * DAY, '2 weeks'],
  [60 * DAY, '2 months'],
  [729 * DAY, '24 months'],
  [730 * DAY, '2 years'],
];

for (const [duration, want] of DURATIONS) {
  test(`humanDuration() of ${duration} ms is "${want}"`, () => {
    assert.equal(humanDuration(duration), want);
  });
}

const SIZES: [number, string][] = [
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [5_531_234, '5.53MB'],
  [124_000_000, '124MB'],
  [1_500_000_000, '1.5GB'],
];

for (const [bytes, want] of SIZES) {
  test(`humanSize() of ${bytes} is "${want}"`, () => {
    assert.equal(humanSize(bytes), want);
  });
}

test('ellipsis() counts characters, not code units', () => {
  assert.equal(ellipsis('abcdef', 6), 'abcdef');
  assert.equal(ellipsis('abcdefg', 6), 'abcde…');
  assert.equal(ellipsis('😀😀😀', 3), '😀😀😀');
  assert.equal(ellipsis('ab', 1), 'a');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { booleanFilter, matchesAny, matchesLabels, parseFilters } from '../../../src/cli/filters.js';
import { RrunError } from '../../../src/errors.js';

const KNOWN = ['name', 'label', 'status', 'dangling'];
const parse = (...words: string[]) => parseFilters(words, KNOWN, 'rrun ps');

test('parseFilters() gathers values by key', () => {
  assert.deepEqual(
    [...parse('name=a', ' Name =b', 'label=x=y')],
    [
      ['name', ['a', 'b']],
      ['label', ['x=y']],
    ],
  );
});

/** Word, message, hint. */
const BAD: [string, string, string | undefined][] = [
  ['x', 'cannot filter by "x": want KEY=VALUE', undefined],
  ['', 'cannot filter by "": want KEY=VALUE', undefined],
  ['lable=x', 'cannot filter by "lable=x": "rrun ps" has no filter "lable"', 'did you mean "label"?'],
  [
    'zzzz=x',
    'cannot filter by "zzzz=x": "rrun ps" has no filter "zzzz"',
    'the filters are name, label, status and dangling',
  ],
];

for (const [word, message, hint] of BAD) {
  test(`parseFilters() refuses ${JSON.stringify(word)}`, () => {
    assert.throws(
      () => parse(word),
      (error) =>
        error instanceof RrunError && error.code === 'USAGE' && error.message === message && error.hint === hint,
    );
  });
}

test('matchesAny() takes values of one key as alternatives', () => {
  const filters = parse('status=a', 'status=b');
  assert.ok(matchesAny(filters, 'status', (value) => value === 'b'));
  assert.ok(!matchesAny(filters, 'status', (value) => value === 'c'));
  assert.ok(matchesAny(filters, 'name', () => false));
});

test('matchesLabels() wants all labels', () => {
  const labels = { a: '1', b: '' };
  for (const [words, want] of [
    [['label=a'], true],
    [['label=a=1'], true],
    [['label=a=2'], false],
    [['label=a', 'label=b='], true],
    [['label=a', 'label=c'], false],
    [['label=toString'], false],
    [[], true],
  ] as const) {
    assert.equal(matchesLabels(parse(...words), labels), want, words.join());
  }
});

test('booleanFilter() knows true, false and nothing else', () => {
  assert.equal(booleanFilter(parse('dangling=true'), 'dangling'), true);
  assert.equal(booleanFilter(parse('dangling=0'), 'dangling'), false);
  assert.equal(booleanFilter(parse(), 'dangling'), undefined);
  assert.throws(
    () => booleanFilter(parse('dangling=x'), 'dangling'),
    /cannot filter by "dangling=x": want true or false/,
  );
});

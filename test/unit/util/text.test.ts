import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../../src/util/detach-keys.js';
import { alternatives, closestWord, editDistance, plural, quote, shellWord } from '../../../src/util/text.js';

const DISTANCES: [string, string, number][] = [
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['run', 'rum', 1],
  ['run', 'urn', 1],
  ['naem', 'name', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
];

for (const [a, b, want] of DISTANCES) {
  test(`editDistance() of "${a}" and "${b}" is ${String(want)}`, () => {
    assert.equal(editDistance(a, b), want);
    assert.equal(editDistance(b, a), want);
  });
}

const CLOSEST: [string, string | undefined][] = [
  ['rum', 'run'],
  ['imagse', 'images'],
  ['image', 'images'],
  ['debian', undefined],
  ['alpine', undefined],
  ['x', undefined],
  ['p', undefined],
  ['x'.repeat(100000), undefined],
];

for (const [word, want] of CLOSEST) {
  test(`closestWord() of "${word.slice(0, 20)}" is ${want ?? 'nothing'}`, () => {
    assert.equal(closestWord(word, ['run', 'ps', 'images', 'inspect', 'explain']), want);
  });
}

test('alternatives(), plural(), quote() and shellWord() write what people read', () => {
  assert.equal(alternatives(['a']), 'a');
  assert.equal(alternatives(['a', 'b']), 'a or b');
  assert.equal(alternatives(['a', 'b', 'c']), 'a, b or c');
  assert.equal(plural(1, 'image'), '1 image');
  assert.equal(plural(0, 'image'), '0 images');
  assert.equal(quote('a b'), '"a b"');
  assert.equal(quote('a"b\n\x1b'), '"a\\"b\\n\\u001b"');
  assert.equal(shellWord("it's"), `'it'\\''s'`);
  assert.equal(shellWord('/a/b:c=1'), '/a/b:c=1');
});

const KEYS: [string, number[] | undefined][] = [
  [DEFAULT_DETACH_KEYS, [16, 17]],
  ['', []],
  ['a', [97]],
  ['a,b', [97, 98]],
  ['ctrl-@', [0]],
  ['ctrl-a,ctrl-z', [1, 26]],
  ['ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [27, 28, 29, 30, 31]],
  ['ctrl-A', undefined],
  ['ctrl-', undefined],
  ['ctrl-1', undefined],
  ['ab', undefined],
  ['a,', undefined],
  ['é', undefined],
];

for (const [text, want] of KEYS) {
  test(`parseDetachKeys() of ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseDetachKeys(text), want);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RrunError } from '../../../src/errors.js';
import { newContainerId, randomName, validateName } from '../../../src/container/names.js';

const GOOD = ['ab', 'web-1', 'A.b_c', '0x', 'a'.repeat(255)];
const BAD = ['', 'a', '-web', '.web', '_web', 'web/1', 'we b', '../../etc', 'web\n', 'wéb', 'a'.repeat(256)];

for (const name of GOOD) {
  test(`validateName() accepts ${JSON.stringify(name.slice(0, 20))}`, () => {
    validateName(name);
  });
}

for (const name of BAD) {
  test(`validateName() rejects ${JSON.stringify(name.slice(0, 20))} (${name.length})`, () => {
    assert.throws(
      () => validateName(name),
      (error) => error instanceof RrunError && error.code === 'USAGE',
    );
  });
}

test('randomName() gives names that --name would take', () => {
  for (let round = 0; round < 500; round++) {
    const name = randomName(0);
    validateName(name);
    assert.match(name, /^[a-z]+_[a-z]+$/);
  }
});

test('randomName() draws from many: a hundred draws hardly ever repeat', () => {
  const names = new Set(Array.from({ length: 100 }, () => randomName(0)));
  assert.ok(names.size > 80, `${names.size} different ones`);
});

test('randomName() adds digits when the plain ones are taken', () => {
  assert.match(randomName(5), /^[a-z]+_[a-z]+\d{3}$/);
});

test('newContainerId() gives 64 hex digits whose short form is no number', () => {
  for (let round = 0; round < 500; round++) {
    const id = newContainerId();
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.doesNotMatch(id.slice(0, 12), /^\d+$/);
  }
});

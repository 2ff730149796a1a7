import assert from 'node:assert/strict';
import test from 'node:test';

import { settleAll } from '../../../src/util/settle-all.js';

test('settleAll() gives the values in their order', async () => {
  assert.deepEqual(await settleAll([Promise.resolve(1), Promise.resolve('two')]), [1, 'two']);
});

test('settleAll() fails only after the others have ended', async () => {
  let ended = false;
  const slow = new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => {
    ended = true;
  });
  await assert.rejects(settleAll([Promise.reject(new Error('first')), slow]), /first/);
  assert.equal(ended, true);
});

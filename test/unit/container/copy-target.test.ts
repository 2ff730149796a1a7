import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  chooseTarget,
  isContentPath,
  parseContainerPath,
  type CopySource,
} from '../../../src/container/copy-target.js';
import { RrunError } from '../../../src/errors.js';

const FILE: CopySource = { isDirectory: false, contentOnly: false, name: 'f' };
const DIR: CopySource = { isDirectory: true, contentOnly: false, name: 'd' };
const CONTENT: CopySource = { ...DIR, contentOnly: true };

type Row = [source: CopySource, typed: string, existing: 'directory' | 'other' | 'absent', want: string];

/** Docker's table (docker cp, "Description"); want: into/name, or the error. */
const ROWS: Row[] = [
  [FILE, '/x', 'absent', 'parent/x'],
  [FILE, '/x/', 'absent', 'the destination directory must exist'],
  [FILE, '/x', 'other', 'parent/x'],
  [FILE, '/x/', 'other', 'it is not a directory'],
  [FILE, '/x/.', 'other', 'it is not a directory'],
  [FILE, '/x', 'directory', 'destination/f'],
  [FILE, '/x/', 'directory', 'destination/f'],
  [DIR, '/x', 'absent', 'parent/x'],
  [DIR, '/x/', 'absent', 'parent/x'],
  [DIR, '/x', 'other', 'cannot copy a directory to a file'],
  [DIR, '/x', 'directory', 'destination/d'],
  [CONTENT, '/x', 'absent', 'parent/x'],
  [CONTENT, '/x', 'directory', 'destination/'],
  [{ ...FILE, contentOnly: true }, '/x', 'directory', 'destination/f'],
];

for (const [source, typed, existing, want] of ROWS) {
  const what = source.isDirectory ? `directory${source.contentOnly ? ' content' : ''}` : 'file';
  test(`chooseTarget() of a ${what} to ${typed} (${existing}): ${want}`, () => {
    try {
      const { into, name } = chooseTarget(source, typed, { existing, name: 'x' });
      assert.equal(`${into}/${name}`, want);
    } catch (error) {
      assert.ok(error instanceof RrunError, String(error));
      assert.equal(error.code, 'USAGE');
      assert.equal(error.message, `cannot copy to "${typed}": ${want}`);
    }
  });
}

const PATHS: [string, string | undefined][] = [
  ['web:/x', 'web /x'],
  ['web:x', 'web x'],
  ['web:', 'web '],
  ['web:/a:b', 'web /a:b'],
  ['/web:/x', undefined],
  ['./web:/x', undefined],
  ['../web:/x', undefined],
  [':x', undefined],
  ['web', undefined],
  ['-', undefined],
];

for (const [typed, want] of PATHS) {
  test(`parseContainerPath() of ${typed}`, () => {
    const found = parseContainerPath(typed);
    assert.equal(found === undefined ? undefined : `${found.container} ${found.path}`, want);
  });
}

test('isContentPath() is true for a final "/." only', () => {
  assert.deepEqual(
    ['.', 'a/.', '/.', 'a/', 'a', '..', 'a/..', '.a'].map((each) => isContentPath(each)),
    [true, true, true, false, false, false, false, false],
  );
});

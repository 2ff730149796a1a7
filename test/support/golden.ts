// Compares text with a file under test/golden/; UPDATE_GOLDEN=1 rewrites the file, and its diff is reviewed.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { projectRoot } from './paths.js';

/** `name` is a path under test/golden/. */
export function assertGolden(name: string, actual: string): void {
  const file = path.join(projectRoot, 'test/golden', name);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, actual);
    return;
  }
  assert.equal(
    actual,
    tryRead(file) ?? '',
    `${file} differs: look at the difference, then run the test with UPDATE_GOLDEN=1`,
  );
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

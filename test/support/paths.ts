// Where the built program, the images and the checkout are, seen from a compiled test (build/test/…).

import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** RRUN_TEST_DIST: another copy of dist/, made for another Node. */
export const distDir = process.env['RRUN_TEST_DIST'] ?? path.join(projectRoot, 'dist');

export const rrunProgram = path.join(distDir, 'rrun');

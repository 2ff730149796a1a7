// The images that tests run: made once before the tests by scripts/make-image.mjs, pushed to a registry of the test's own.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { projectRoot } from './paths.js';

export type ImageKind = 'alpine' | 'payload' | 'debian';

const imagesDir = process.env['RRUN_TEST_IMAGES'] ?? path.join(process.env['TMPDIR'] ?? '/tmp', '../images');

/** The OCI layout of an image. */
export function imageLayout(kind: ImageKind): string {
  const dir = path.join(imagesDir, kind);
  if (!existsSync(path.join(dir, 'index.json')))
    throw new Error(`no image "${kind}" in ${imagesDir}: run the tests by "npm test"`);
  return dir;
}

/** Pushes an image as library/KIND:TAG to the registry at `address` ("127.0.0.1:5000"). */
export async function pushImage(address: string, kind: ImageKind, tag = 'latest'): Promise<void> {
  const script = path.join(projectRoot, 'scripts/push-image.mjs');
  await promisify(execFile)(process.execPath, [script, imageLayout(kind), address, `library/${kind}`, tag]);
}

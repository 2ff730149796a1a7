// The file that Node is started on, for those who start another Node of ours.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The bundle beside this file's chunk, or the compiled sources. */
export function nodeEntry(): string {
  const bundle = new URL('./rrun.cjs', import.meta.url);
  return fileURLToPath(existsSync(bundle) ? bundle : new URL('../cli/main.js', import.meta.url));
}

// mkdir -p that ends: Node's own never returns where a file system answers ENOENT for a new entry (/proc, some automounts).

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/** Makes `dir` and what is missing above it; returns the topmost that was made. Throws the error of the one that could not be. */
export function makeDirectories(dir: string, mode = 0o755): string | undefined {
  try {
    mkdirSync(dir, { mode });
    return dir;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return undefined;
    const parent = path.dirname(dir);
    if (code !== 'ENOENT' || existsSync(parent)) throw error;
    const topmost = makeDirectories(parent, mode);
    mkdirSync(dir, { mode });
    return topmost ?? dir;
  }
}

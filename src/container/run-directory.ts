// RUN/<id>, where the attach socket of a running container is. Its monitor takes it away; that of a monitor that was killed goes with the
// container. Which one it was is noted in the container's directory, since the run root depends on the session that started it.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { HostPath } from '../util/brand.js';

const NOTE = 'run';

/** To be called before a launch. */
export function noteRunDirectory(dir: HostPath, runDir: HostPath): void {
  try {
    writeFileSync(path.join(dir, NOTE), runDir, { mode: 0o600 });
  } catch {
    // On a full disk; an empty directory may then stay behind, which is no reason not to start.
  }
}

/** Removes what a killed monitor left; `dir` is where the container's directory is now. */
export function removeRunDirectory(dir: HostPath, id: string): void {
  try {
    const noted = readFileSync(path.join(dir, NOTE), 'utf8');
    if (path.isAbsolute(noted) && path.basename(noted) === id) rmSync(noted, { recursive: true, force: true });
  } catch {
    // Never started, or the session that it was in has taken its directory along.
  }
}

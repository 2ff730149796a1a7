// Paths inside the rootfs as the options name them: cleaned by text only, never followed on the host.

import path from 'node:path';

/** "/a//b/../c/" → "/a/c". What climbs above "/" stays there. */
export function normalizePath(text: string): string {
  const clean = path.posix.normalize(`/${text}`);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

export function pathDepth(text: string): number {
  return normalizePath(text)
    .split('/')
    .filter((part) => part !== '').length;
}

// Facts of this machine that a spec depends on, read from /proc and /sys where the caller of buildSpec() gave none.

import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { CAPABILITIES } from './capabilities.js';
import type { SpecFacts } from './context.js';
import { parseProcLimits } from './ulimits.js';

/** /etc first: what the administrator wrote wins over the package (containers/common does the same). */
const SECCOMP_PROFILES = ['/etc/containers/seccomp.json', '/usr/share/containers/seccomp.json'];

export function readSpecFacts(given: Partial<SpecFacts> = {}): SpecFacts {
  return {
    kernelRelease: given.kernelRelease ?? release(),
    lastCap: given.lastCap ?? Number(readText('/proc/sys/kernel/cap_last_cap') || CAPABILITIES.length - 1),
    oomScoreAdj: given.oomScoreAdj ?? Number(readText('/proc/self/oom_score_adj') || 0),
    hardLimits: given.hardLimits ?? parseProcLimits(readText('/proc/self/limits')),
    hasCgroup2:
      given.hasCgroup2 ??
      (existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/unified/cgroup.controllers')),
    seccompProfiles: given.seccompProfiles ?? SECCOMP_PROFILES,
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

// Finds newuidmap and newgidmap and tells why the kernel would not give them their rights.

import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { HostPath } from '../util/brand.js';
import { readOrEmpty } from '../util/read-text.js';
import { readOutput } from '../util/spawn.js';

/** Where programs of the system are even if PATH does not say so (batch jobs, cron, sudo with a short PATH). */
const SYSTEM_DIRECTORIES = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Why a program that needs setuid or a file capability will not get it. */
export type SetidProblem = 'not-privileged' | 'not-owned-by-root' | 'nosuid' | 'no-new-privs';

export interface SetidProgram {
  path: HostPath;
  problem?: SetidProblem;
  /** Mount point of a nosuid file system. */
  mountPoint?: string;
}

/** The absolute path of an executable file, by PATH and then the system's directories. */
export function findProgram(name: string, path: string | undefined = process.env['PATH']): HostPath | undefined {
  const directories = (path ?? '').split(delimiter).filter((directory) => directory.startsWith('/'));
  for (const directory of new Set([...directories, ...SYSTEM_DIRECTORIES])) {
    const candidate = join(directory, name);
    if (isExecutableFile(candidate)) return candidate as HostPath;
  }
  return undefined;
}

function isExecutableFile(path: string): boolean {
  try {
    // Where there is nothing, stat says so without an exception.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface PrivilegeProbe {
  /** Text of /proc/self/status and /proc/self/mountinfo. */
  status: string;
  mountinfo: string;
  /** Prints the file capabilities of a path; undefined where getcap(8) is not installed. */
  readCapabilities: (path: string) => Promise<string | undefined>;
}

/** Looks at everything that takes the rights of a setuid program away, in the order in which the kernel asks. */
export async function checkSetidProgram(
  path: HostPath,
  capability: string,
  probe: PrivilegeProbe,
): Promise<SetidProgram> {
  if (hasNoNewPrivs(probe.status)) return { path, problem: 'no-new-privs' };
  const target = realpathSync.native(path);
  const mount = findMount(probe.mountinfo, target);
  if (mount?.options.includes('nosuid')) return { path, problem: 'nosuid', mountPoint: mount.mountPoint };
  const { mode, uid } = statSync(target);
  if ((mode & 0o4000) !== 0) return uid === 0 ? { path } : { path, problem: 'not-owned-by-root' };
  const capabilities = await probe.readCapabilities(target);
  // Without getcap(8) a file capability cannot be seen from here: the program is given the benefit of the doubt.
  if (capabilities === undefined || capabilities.includes(capability)) return { path };
  return { path, problem: 'not-privileged' };
}

export function hasNoNewPrivs(status: string): boolean {
  return /^NoNewPrivs:\s*1$/m.test(status);
}

export interface MountEntry {
  mountPoint: string;
  options: string[];
  fsType: string;
  source: string;
}

/** The mount that a path lies on: the last entry of mountinfo with the longest mount point above it (proc(5)). */
export function findMount(mountinfo: string, path: string): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const line of mountinfo.split('\n')) {
    const entry = parseMountLine(line);
    if (entry === undefined || !isBelow(path, entry.mountPoint)) continue;
    if (best === undefined || entry.mountPoint.length >= best.mountPoint.length) best = entry;
  }
  return best;
}

/** "36 35 98:0 /root /mount options optional… - type source superoptions"; spaces are written as \040. */
function parseMountLine(line: string): MountEntry | undefined {
  const [before, after] = line.split(' - ', 2);
  const fields = before?.split(' ') ?? [];
  const [fsType, source] = after?.split(' ') ?? [];
  const mountPoint = fields[4];
  if (mountPoint === undefined || fsType === undefined) return undefined;
  return {
    mountPoint: unescapeOctal(mountPoint),
    options: fields[5]?.split(',') ?? [],
    fsType,
    source: unescapeOctal(source ?? ''),
  };
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function isBelow(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** The probe of this process. */
export function loadPrivilegeProbe(): PrivilegeProbe {
  const status = readFileSync('/proc/self/status', 'utf8');
  return { status, mountinfo: readOrEmpty('/proc/self/mountinfo'), readCapabilities };
}

async function readCapabilities(path: string): Promise<string | undefined> {
  const getcap = findProgram('getcap');
  if (getcap === undefined) return undefined;
  const { code, stdout } = await readOutput(getcap, [path]);
  return code === 0 ? stdout : undefined;
}

// The programs of others that rrun starts, or tells apart by: where they are and which version.

import { checkSetidProgram, findProgram, loadPrivilegeProbe, type SetidProblem } from '../idmap/programs.js';
import type { HostPath } from '../util/brand.js';
import { readOutput } from '../util/spawn.js';

export interface ProgramFact {
  name: string;
  /** What rrun uses it for. */
  use: string;
  path?: HostPath;
  version?: string;
  problem?: SetidProblem;
}

interface KnownProgram {
  name: string;
  use: string;
  /** How it tells its version; absent where it cannot. */
  versionArgs?: readonly string[];
  /** The file capability that it needs unless it is setuid. */
  capability?: string;
}

const KNOWN: readonly KnownProgram[] = [
  { name: 'newuidmap', use: 'user namespaces with ranges', capability: 'cap_setuid' },
  { name: 'newgidmap', use: 'user namespaces with ranges', capability: 'cap_setgid' },
  { name: 'getsubids', use: 'subordinate ids of a directory service' },
  { name: 'slirp4netns', use: 'network', versionArgs: ['--version'] },
  { name: 'pasta', use: 'network', versionArgs: ['--version'] },
  { name: 'fuse-overlayfs', use: 'storage', versionArgs: ['--version'] },
  { name: 'fusermount3', use: 'storage', versionArgs: ['--version'] },
  { name: 'netavark', use: 'user-defined networks', versionArgs: ['--version'] },
  { name: 'aardvark-dns', use: 'user-defined networks', versionArgs: ['--version'] },
  { name: 'systemctl', use: 'cgroups of the user', versionArgs: ['--version'] },
  { name: 'crun', use: 'other runtimes', versionArgs: ['--version'] },
  { name: 'runc', use: 'other runtimes', versionArgs: ['--version'] },
];

/** Where netavark and its like are put, out of PATH. */
const LIBRARY_DIRECTORIES = ['/usr/libexec/podman', '/usr/lib/podman'];

export async function loadProgramFacts(options: { versions: boolean }): Promise<ProgramFact[]> {
  const probe = loadPrivilegeProbe();
  const searchPath = [process.env['PATH'] ?? '', ...LIBRARY_DIRECTORIES].join(':');
  return await Promise.all(
    KNOWN.map(async ({ name, use, versionArgs, capability }) => {
      const fact: ProgramFact = { name, use };
      const path = findProgram(name, searchPath);
      if (path === undefined) return fact;
      fact.path = path;
      const version = options.versions && versionArgs !== undefined ? await askVersion(path, versionArgs) : undefined;
      if (version !== undefined) fact.version = version;
      const problem = capability === undefined ? undefined : (await checkSetidProgram(path, capability, probe)).problem;
      if (problem !== undefined) fact.problem = problem;
      return fact;
    }),
  );
}

async function askVersion(path: string, args: readonly string[]): Promise<string | undefined> {
  const { stdout, stderr } = await readOutput(path, args);
  return parseProgramVersion(path.slice(path.lastIndexOf('/') + 1), `${stdout}\n${stderr}`);
}

/** The version in a line that names the program, else the first that looks like one ("0.0~git20230309" included). */
export function parseProgramVersion(name: string, output: string): string | undefined {
  const lines = output.split('\n');
  const own = lines.find(
    (line) => line.toLowerCase().startsWith(name.toLowerCase()) && /\d/.test(line.slice(name.length)),
  );
  for (const line of own === undefined ? lines : [own.slice(name.length), ...lines]) {
    const version = /(?:^|[\s:v(])(\d+(?:[._~+-]?[\w.~+-]*)?)/.exec(line)?.[1];
    if (version !== undefined) return version.replace(/[),]+$/, '');
  }
  return undefined;
}

// Tests that need something of the kernel or of the machine say what; where it is missing they are skipped, in CI they fail.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';

export type Capability =
  | 'userns'
  | 'subid'
  | 'fuse'
  | 'tun'
  | 'slirp4netns'
  | 'fuse-overlayfs'
  | 'docker-registry'
  | 'tmux'
  | 'strace'
  | 'zstd'
  | 'root'
  | 'unprivileged';

export type TestBody = (context: TestContext) => void | Promise<void>;

const probes: Record<Capability, () => string | undefined> = {
  userns: () => (spawnSync('unshare', ['-Ur', 'true']).status === 0 ? undefined : 'unshare -Ur fails'),
  subid: subidProblem,
  fuse: () => deviceProblem('/dev/fuse'),
  tun: () => deviceProblem('/dev/net/tun'),
  slirp4netns: () => programProblem('slirp4netns'),
  'fuse-overlayfs': () => programProblem('fuse-overlayfs') ?? deviceProblem('/dev/fuse'),
  'docker-registry': () => programProblem('docker-registry'),
  tmux: () => programProblem('tmux'),
  strace: () => programProblem('strace'),
  zstd: () => programProblem('zstd'),
  root: () => (process.getuid?.() === 0 ? undefined : 'not run as root'),
  unprivileged: () => (process.getuid?.() === 0 ? 'run as root' : undefined),
};

const known = new Map<Capability, string | undefined>();

/** Why `need` is not here; undefined when it is. Looked up once a process. */
export function missing(need: Capability): string | undefined {
  if (!known.has(need)) known.set(need, probes[need]());
  return known.get(need);
}

/** Registers a test that needs the machine to offer `needs`; skips, or with RRUN_TEST_MUST=1 fails, where it does not. */
export function kernelTest(name: string, needs: readonly Capability[], body: TestBody): void {
  const lacks = needs.map(missing).filter((why) => why !== undefined);
  if (lacks.length === 0) {
    test(name, body);
    return;
  }
  const why = lacks.join('; ');
  if (process.env['RRUN_TEST_MUST'] === '1') {
    test(name, () => {
      throw new Error(`cannot run "${name}": ${why}`);
    });
    return;
  }
  test(name, { skip: why }, () => {});
}

function subidProblem(): string | undefined {
  const uid = String(process.getuid?.());
  const name = process.env['USER'] ?? '';
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (!lines.some((line) => line.startsWith(`${name}:`) || line.startsWith(`${uid}:`)))
      return `no range for us in ${file}`;
  }
  return programProblem('newuidmap');
}

function deviceProblem(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return `${file} is not there or not ours to open`;
  }
}

function programProblem(name: string): string | undefined {
  return spawnSync('sh', ['-c', `command -v "$0"`, name]).status === 0 ? undefined : `no ${name}`;
}

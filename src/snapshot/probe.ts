// Tries a driver for real: mounts in a throw-away user namespace and changes something.

import { accessSync, constants, existsSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';

import type { ErrorCode } from '../errors.js';
import { step } from '../helper/plan.js';
import { runFailed, runInUserns, type UsernsProcess } from '../helper/userns-run.js';
import { giveToMappedRoot, letMappedRootPass } from '../layer/mapped-root.js';
import type { HostPath } from '../util/brand.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { fuseOverlayfsArgs } from './fuse-overlayfs.js';

/** `reason` as a clause. */
export type Probe = { works: true } | { works: false; reason: string; code: ErrorCode; hint?: string };

interface ProbeStore {
  makeTemp(): Promise<{ dir: HostPath; release(): Promise<void> }>;
}

interface ProbeDirs {
  lower: string;
  upper: string;
  work: string;
  target: string;
}

/** $1: the mount. Removing makes a whiteout, writing copies up. */
const EXERCISE = 'rm "$1/gone" && echo >> "$1/kept" && mkdir "$1/new"';

export async function probeOverlay(store: ProbeStore, mapping: UsernsMapping): Promise<Probe> {
  return await withDirs(store, mapping, async (dirs) => {
    const { child, done } = runInUserns({
      mapping,
      before: [step('overlay', dirs.target, dirs.upper, dirs.work, '', dirs.lower)],
      argv: ['/bin/sh', '-c', EXERCISE, 'sh', dirs.target],
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said, result] = await Promise.all([readText(child.stderr), done]);
    return verdict(result, said, dirs);
  });
}

export async function probeFuseOverlayfs(
  store: ProbeStore,
  mapping: UsernsMapping,
  program: string | undefined,
): Promise<Probe> {
  const missing = missingForFuse(program);
  if (missing !== undefined || program === undefined) return missing ?? notInstalled();
  return await withDirs(store, mapping, async (dirs) => {
    const mount = fuseOverlayfsArgs({ lower: [dirs.lower], upper: dirs.upper, work: dirs.work }, dirs.target);
    const { child, done } = runInUserns({
      mapping,
      mountNamespace: true,
      // The serving process ends with the PID namespace.
      argv: [
        '/bin/sh',
        '-c',
        `target=$1; shift; "$@" && set -- "$target" && ${EXERCISE}`,
        'sh',
        dirs.target,
        program,
        ...mount,
      ],
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said, result] = await Promise.all([readText(child.stderr), done]);
    return verdict(result, said, dirs);
  });
}

function notInstalled(): Probe {
  return {
    works: false,
    reason: 'it is not installed',
    code: 'PROGRAM_MISSING',
    hint: 'install the package fuse-overlayfs',
  };
}

function missingForFuse(program: string | undefined): Probe | undefined {
  if (program === undefined) return notInstalled();
  if (!existsSync('/dev/fuse')) {
    return {
      works: false,
      reason: '/dev/fuse is missing',
      code: 'DEVICE_MISSING',
      hint: 'load the kernel module fuse with "modprobe fuse"',
    };
  }
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return {
      works: false,
      reason: '/dev/fuse may not be opened',
      code: 'DEVICE_MISSING',
      hint: 'ask for access to /dev/fuse (mode 666 is usual)',
    };
  }
}

function verdict(result: Awaited<UsernsProcess['done']>, said: string, dirs: ProbeDirs): Probe {
  const { code, failure } = result;
  // No user namespace, no map: that says nothing of the driver and is not to be remembered.
  if (failure !== undefined && failure.stage !== 'rootfs') throw runFailed('try the storage drivers', result);
  if (failure !== undefined) return { works: false, reason: `${failure.syscall}: ${failure.errno}`, code: 'SYSCALL' };
  if (code !== 0) return { works: false, reason: lastLine(said) ?? `it ended with code ${code}`, code: 'SYSCALL' };
  return judge(dirs);
}

/** The change must have gone to the upper directory, in a form that hides the file below. */
function judge({ lower, upper }: ProbeDirs): Probe {
  const whiteout = lstatSync(path.join(upper, 'gone'), { throwIfNoEntry: false });
  const hides = whiteout?.isCharacterDevice() === true || existsSync(path.join(upper, '.wh.gone'));
  const good = hides && existsSync(path.join(upper, 'kept')) && existsSync(path.join(lower, 'gone'));
  return good ? { works: true } : { works: false, reason: 'changes do not go to the upper directory', code: 'SYSCALL' };
}

async function withDirs(
  store: ProbeStore,
  mapping: UsernsMapping,
  body: (dirs: ProbeDirs) => Promise<Probe>,
): Promise<Probe> {
  const temp = await store.makeTemp();
  try {
    const at = (name: string): string => path.join(temp.dir, name);
    const dirs: ProbeDirs = { lower: at('lower'), upper: at('upper'), work: at('work'), target: at('target') };
    for (const dir of Object.values(dirs)) mkdirSync(dir as string);
    giveToMappedRoot(mapping, Object.values(dirs) as string[]);
    letMappedRootPass(mapping, [path.dirname(path.dirname(temp.dir)), path.dirname(temp.dir), temp.dir]);
    writeFileSync(path.join(dirs.lower, 'gone'), '');
    writeFileSync(path.join(dirs.lower, 'kept'), '');
    giveToMappedRoot(mapping, [path.join(dirs.lower, 'kept')]);
    return await body(dirs);
  } finally {
    await temp.release();
  }
}

async function readText(stream: Readable | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .at(-1);
}

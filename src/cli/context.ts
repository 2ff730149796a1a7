// Builds what commands get: outputs, environment, global options, and the store that is opened at the first use.

import path from 'node:path';
import { isatty } from 'node:tty';
import { RrunError } from '../errors.js';
import { loadConfig } from '../host/config.js';
import { chooseDataRoot } from '../host/dirs.js';
import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';
import { makeDirectories } from '../util/make-directories.js';
import type { CommandIndex, Context, FlagTable, FlagValues, GlobalOptions, Output } from './command.js';

/** Options that stand before the command's name; the commands take them too. */
export const GLOBAL_FLAGS = {
  root: { type: 'string', value: 'DIR', help: 'Directory of images, layers and containers' },
  runroot: { type: 'string', value: 'DIR', help: 'Directory of the sockets of running containers' },
  'storage-driver': {
    type: 'string',
    value: 'NAME',
    choices: ['overlay', 'fuse-overlayfs', 'vfs'],
    help: 'Use this storage driver instead of the best that works (overlay, fuse-overlayfs, vfs)',
  },
  debug: { type: 'boolean', help: 'Show what is done, and where errors come from' },
} as const satisfies FlagTable;

export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;

export interface Outside {
  stdout: Output;
  stderr: Output;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  commands: CommandIndex;
}

export async function makeContext(outside: Outside, flags: GlobalValues): Promise<Context> {
  const { env, cwd } = outside;
  const config = await loadConfig({
    env,
    flags: {
      root: absolute('root', flags.root, cwd),
      runroot: absolute('runroot', flags.runroot, cwd),
      storage_driver: flags['storage-driver'],
    },
  });
  const root = (config.root?.value as HostPath | undefined) ?? chooseDataRoot(env).path;
  return build(outside, { root, storageDriver: config.storage_driver?.value, debug: flags.debug, config });
}

/** For commands that only print what they know. */
export function makeBareContext(outside: Outside): Context {
  return build(outside, { root: '/nonexistent' as HostPath, debug: false, config: {} });
}

function build(outside: Outside, global: GlobalOptions): Context {
  let store: Promise<Store> | undefined;
  let run: Promise<HostPath> | undefined;
  const context: Context = {
    ...outside,
    // Asked of a launch with -t only: node:tty brings node:net along.
    get stdinIsTTY() {
      return isatty(0);
    },
    global,
    store: () => (store ??= import('../store/store.js').then(({ openStore }) => openStore(global.root))),
    runRoot: () => (run ??= findRunRoot(global.config.runroot?.value, context)),
    note: (text) => {
      outside.stderr.write(`rrun: note: ${text}\n`);
    },
    warn: (text) => {
      outside.stderr.write(`rrun: warning: ${text}\n`);
    },
  };
  return context;
}

function absolute(name: string, typed: string | undefined, cwd: string): string | undefined {
  if (typed === undefined) return undefined;
  if (typed === '') throw new RrunError('USAGE', `cannot use option "--${name}": the path is empty`);
  return path.resolve(cwd, typed);
}

async function findRunRoot(wanted: string | undefined, context: Context): Promise<HostPath> {
  const { ensurePrivateDirectory, ensureRunRoot } = await import('../host/dirs.js');
  if (wanted !== undefined) {
    makeDirectories(path.dirname(wanted));
    ensurePrivateDirectory(wanted, process.getuid?.() ?? 0);
    return wanted as HostPath;
  }
  const chosen = ensureRunRoot({ env: context.env });
  if (chosen.note !== undefined) context.note(chosen.note);
  return chosen.path;
}

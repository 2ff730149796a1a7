// From a container on disk to a plan that is handed over: who holds it, its streams, and what happens afterwards.

import path from 'node:path';
import { isatty } from 'node:tty';

import type { CleanupOp, Plan, PlanStep } from '../helper/plan.js';
import { step } from '../helper/plan.js';
import { compileLaunch, type LaunchMode } from '../launch/compile.js';
import { handOver } from '../launch/hand-over.js';
import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../util/detach-keys.js';
import type { PreparedContainer } from './create.js';
import type { ContainerRecord } from './record.js';
import { noteRunDirectory } from './run-directory.js';

export interface LaunchOptions {
  runRoot: HostPath;
  /** Attach the caller's stdout and stderr, and wait. */
  attach: boolean;
  /** Attach the caller's stdin. */
  interactive: boolean;
  detachKeys: string | undefined;
  sigProxy: boolean;
  /** `run`: a container that could not be started goes again. */
  isRun: boolean;
  /** Printed when a detached container has started; default: its id. */
  announce?: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** Compiles the plan of a container and hands it to the `rrun` that started us. */
export async function launchContainer(
  store: Store,
  prepared: PreparedContainer,
  options: LaunchOptions,
): Promise<void> {
  const plan = await planContainer(store, prepared, options);
  noteRunDirectory(prepared.dir, runDirectory(prepared, options));
  handOver(plan);
}

export async function planContainer(store: Store, prepared: PreparedContainer, options: LaunchOptions): Promise<Plan> {
  const { record, dir, spec, rootfs, network } = prepared;
  const mode = chooseMode(record.options, options);
  const passthrough = record.options.logDriver === 'passthrough' && mode === 'foreground' && !record.options.tty;
  // A terminal is never handed over: who holds one can type into it (ioctl_tty(2), TIOCSTI).
  const passesOutput = passthrough && !isatty(1) && !isatty(2);
  return await compileLaunch({
    id: record.id,
    dir,
    runDir: runDirectory(prepared, options),
    cacheDir: store.cacheDir,
    spec,
    mapping: record.userns,
    rootfs,
    network,
    mode,
    stdin: stdinOf(record, passthrough && !isatty(0)),
    output: passesOutput ? 'inherit' : 'pipe',
    attachStdin: options.attach && options.interactive,
    log: record.options.logDriver === 'json-file',
    detachKeys: parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS) ?? [],
    sigProxy: options.sigProxy,
    ...(mode === 'detached' ? { announce: options.announce ?? record.id } : {}),
    onFailure: [store.root, record.id, ...failureKind(mode, options)],
    rootfsDirs: record.rootfsDirs,
    cleanup: record.options.rm ? autoremoveSteps(store, record) : [],
  });
}

/** What src/cli/failed.ts is to know: whether the container goes again, and what a start that another one was faster with prints. */
function failureKind(mode: LaunchMode, { isRun, announce }: LaunchOptions): string[] {
  if (isRun) return ['run'];
  return mode === 'detached' && announce !== undefined ? ['start', announce] : ['start'];
}

function runDirectory({ record }: PreparedContainer, { runRoot }: LaunchOptions): HostPath {
  return path.join(runRoot, record.id) as HostPath;
}

/** Batch systems end a job by killing what is in the foreground: nothing of it may live elsewhere. */
const BATCH_JOB_VARIABLES = ['SLURM_JOB_ID', 'PBS_JOBID', 'LSB_JOBID'];

/** Who holds the process: for containers, and for what `exec` adds to them. */
export function chooseMode(
  { tty }: { tty: boolean },
  { attach, detachKeys, env }: Pick<LaunchOptions, 'attach' | 'detachKeys' | 'env'>,
): LaunchMode {
  if (!attach) return 'detached';
  if (!tty || detachKeys === '') return 'foreground';
  return BATCH_JOB_VARIABLES.some((name) => env[name] !== undefined) ? 'foreground' : 'terminal';
}

function stdinOf({ options }: ContainerRecord, passthrough: boolean): 'pipe' | 'null' | 'inherit' {
  if (!options.interactive) return 'null';
  return passthrough ? 'inherit' : 'pipe';
}

/** What `rm` does, for the keeper to do when the command has ended; see remove.ts. */
function autoremoveSteps(store: Store, record: ContainerRecord): PlanStep<CleanupOp>[] {
  const rubbish = path.join(store.tmpDir, `removed-${record.id.slice(0, 12)}`);
  const volumes = record.volumes.filter(({ anonymous, name }) => anonymous && name !== undefined);
  return [
    // The name first: once the container is gone, another one may take it over, and must not lose it again.
    step('remove', path.join(store.namesDir, record.name)),
    step('rename', path.join(store.containersDir, record.id), rubbish),
    ...volumes.map(({ name = '' }) => step('remove' as const, path.join(store.volumesDir, name))),
    step('remove', rubbish),
  ];
}

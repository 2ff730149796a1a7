// What run, create, start and explain do once their command lines are understood: creation in container/, launch in launch/.

import type { ContainerOptions } from '../bundle/options.js';
import { RrunError } from '../errors.js';
import type { PreparedContainer } from '../container/create.js';
import type { LaunchOptions } from '../container/launch.js';
import type { Store } from '../store/store.js';
import type { Context } from './command.js';
import { attachesStdin } from './container-options.js';

export interface StartRequest {
  /** Names or ids as typed. */
  containers: string[];
  /** Attach stdout and stderr, and wait. Only ever with one container. */
  attach: boolean;
  /** Attach stdin. */
  interactive: boolean;
  /** As typed and checked; undefined: those the container was created with. */
  detachKeys: string | undefined;
  sigProxy: boolean;
}

/** Creates the container and starts it: `run`. The exit code is the helper's to give; ours counts only when something failed. */
export async function runContainer(context: Context, options: ContainerOptions): Promise<number> {
  const { createContainer } = await import('../container/create.js');
  const { launchContainer } = await import('../container/launch.js');
  const store = await context.store();
  const prepared = await createContainer(store, options, {
    ...(await surroundings(context, options)),
    startsAtOnce: true,
  });
  try {
    await launchContainer(store, prepared, await runOptions(context, options));
  } catch (error) {
    const { removeContainer } = await import('../container/remove.js');
    const { takeBackCidfile } = await import('../container/cidfile.js');
    await removeContainer(store, prepared.record, { force: false, volumes: true });
    takeBackCidfile(prepared.record);
    throw error;
  }
  await coverLayersQuietly(store);
  return 0;
}

/* Nobody waits for Node any more once the plan is handed over, so this is the place for a sync that now and then takes a while. */
async function coverLayersQuietly(store: Store): Promise<void> {
  const { coverLayers } = await import('../layer/cover-layers.js');
  await coverLayers(store).catch(() => undefined);
}

/** What `run` asks of a launch; `explain` shows the same. */
async function runOptions(context: Context, options: ContainerOptions): Promise<LaunchOptions> {
  return {
    runRoot: await context.runRoot(),
    attach: !options.detach,
    interactive: attachesStdin(options),
    detachKeys: options.detachKeys,
    sigProxy: options.sigProxy,
    isRun: true,
    env: context.env,
  };
}

/** Creates the container and prints its id: `create`. */
export async function createOnly(context: Context, options: ContainerOptions): Promise<number> {
  const { createContainer } = await import('../container/create.js');
  const { record } = await createContainer(await context.store(), options, await surroundings(context, options));
  context.stdout.write(`${record.id}\n`);
  return 0;
}

/** Starts containers that exist: `start`. One is handed to the `rrun` that started us; several are started by one of our own each. */
export async function startExisting(context: Context, request: StartRequest): Promise<number> {
  if (request.containers.length > 1) {
    const { startEach } = await import('./start-each.js');
    return await startEach(context, request.containers);
  }
  const { loadContainer } = await import('../container/load.js');
  const { launchContainer } = await import('../container/launch.js');
  const store = await context.store();
  const name = request.containers[0] ?? '';
  const prepared = await loadContainer(store, name).catch((error: unknown) => {
    // As with Docker, what runs has been started; only to attach to it would be something else.
    if (error instanceof RrunError && error.code === 'IN_USE' && !request.attach) return undefined;
    throw error;
  });
  if (prepared === undefined) {
    context.stdout.write(`${name}\n`);
    return 0;
  }
  await launchContainer(store, prepared, {
    runRoot: await context.runRoot(),
    attach: request.attach,
    interactive: request.interactive && prepared.record.options.interactive,
    detachKeys: request.detachKeys ?? prepared.record.options.detachKeys,
    sigProxy: request.sigProxy,
    isRun: false,
    announce: name,
    env: context.env,
  });
  await coverLayersQuietly(store);
  return 0;
}

/** Prints the launch plan and why it is so, instead of executing it: `explain`. The container is made for it, and removed again. */
export async function explainLaunch(context: Context, options: ContainerOptions, json: boolean): Promise<number> {
  const { createContainer } = await import('../container/create.js');
  const { removeContainer } = await import('../container/remove.js');
  const { planContainer } = await import('../container/launch.js');
  const { explainJson, explainText } = await import('../launch/explain.js');
  const store = await context.store();
  const around = { ...(await surroundings(context, options)), dryRun: true };
  const prepared: PreparedContainer = await createContainer(store, { ...options, cidfile: undefined }, around);
  try {
    const plan = await planContainer(store, prepared, await runOptions(context, options));
    const explained = { plan, decisions: prepared.decisions };
    context.stdout.write(json ? explainJson(explained) : explainText(explained));
  } finally {
    await removeContainer(store, prepared.record, { force: false, volumes: true });
  }
  return 0;
}

async function surroundings(
  context: Context,
  options: ContainerOptions,
): Promise<import('../container/design.js').Surroundings> {
  const { makeProgress } = await import('./progress.js');
  return {
    env: context.env,
    cwd: context.cwd,
    storageDriver: context.global.storageDriver,
    onProgress: options.quiet ? undefined : makeProgress(context.stderr, context.env),
    onNote: (note) => {
      context.note(note);
    },
  };
}

// What run, create, start and explain do once their command lines are understood: creation in container/, launch in launch/.

import type { ContainerOptions } from '../bundle/options.js';
import type { Context } from './command.js';

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

/** Creates the container and starts it: `run`. Returns the exit code; in the foreground the helper has taken over by then. */
export async function runContainer(_context: Context, _options: ContainerOptions): Promise<number> {
  throw new Error('bug: run is not wired yet');
}

/** Creates the container and prints its id: `create`. */
export async function createOnly(_context: Context, _options: ContainerOptions): Promise<number> {
  throw new Error('bug: create is not wired yet');
}

/** Starts containers that exist: `start`. */
export async function startExisting(_context: Context, _request: StartRequest): Promise<number> {
  throw new Error('bug: start is not wired yet');
}

/** Prints the launch plan and why it is so, instead of executing it: `explain`. */
export async function explainLaunch(_context: Context, _options: ContainerOptions, _json: boolean): Promise<number> {
  throw new Error('bug: explain is not wired yet');
}

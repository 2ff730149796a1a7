// `start A B C`: each is a launch of its own, so each gets an `rrun` of its own. All are tried; one that fails makes the whole fail.

import { spawn } from '../util/spawn.js';

import { helperProgram } from '../helper/program.js';
import type { Context } from './command.js';

export async function startEach(context: Context, containers: readonly string[]): Promise<number> {
  let worst = 0;
  for (const container of containers) {
    const code = await startOne(context, container);
    if (worst === 0) worst = code;
  }
  return worst;
}

/** Starts one in the background by an `rrun` of its own, which prints its name or what failed; its exit code. */
export async function startOne({ global, env }: Context, container: string): Promise<number> {
  const runRoot = global.config.runroot?.value;
  const args = [
    'start',
    '--root',
    global.root,
    ...(runRoot === undefined ? [] : ['--runroot', runRoot]),
    '--',
    container,
  ];
  const child = spawn(helperProgram(), args, { stdio: 'inherit', env: { ...env, RRUN_PLAN_FD: undefined } });
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code ?? 125);
    });
  });
}

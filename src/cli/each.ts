// Commands that take several names: each is tried, each failure is said, the exit code tells the worst.

import type { Context } from './command.js';
import { printError } from './print-error.js';

/** Runs `action` for each name in turn. The code is 0 if all went well, else the largest of theirs: 1, 2 or 125. */
export async function forEachName(
  context: Context,
  names: readonly string[],
  action: (name: string) => Promise<void>,
): Promise<number> {
  let worst = 0;
  for (const name of names) {
    try {
      await action(name);
    } catch (error) {
      worst = Math.max(worst, printError(error, context.stderr, { launch: false, debug: context.global.debug }));
    }
  }
  return worst;
}

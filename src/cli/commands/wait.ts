// rrun wait: waits for the end of containers.

import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';

export const command = defineCommand({
  name: 'wait',
  summary: 'Wait until containers have ended, and print their exit codes',
  usage: 'CONTAINER [CONTAINER...]',
  examples: [{ command: 'rrun wait job', does: 'print the exit code of "job" once it has ended' }],
  flags: {},
  args: { min: 1, max: Infinity },
  fast: true,
  async run(context, { args }) {
    const [store, { findContainer }, { waitForExit }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/wait.js'),
    ]);
    return forEachName(context, args, async (name) => {
      context.stdout.write(`${await waitForExit(store, await findContainer(store, name, 'wait for'))}\n`);
    });
  },
});

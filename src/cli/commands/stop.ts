// rrun stop: ends containers, first by asking.

import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';
import { stopOptions, STOP_FLAGS } from '../stop-flags.js';

export const command = defineCommand({
  name: 'stop',
  summary: 'Stop running containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  description:
    "Sends the container's stop signal, and SIGKILL to what has not ended in time. Each container is tried; the names of those that do not run any more are printed.",
  examples: [
    { command: 'rrun stop web', does: 'give "web" its time to end, 10 seconds unless it has its own' },
    { command: 'rrun stop -t 1 web db', does: 'give each a second' },
  ],
  flags: STOP_FLAGS,
  args: { min: 1, max: Infinity },
  fast: true,
  async run(context, { flags, args }) {
    const optionsOf = stopOptions(flags);
    const [store, { findContainer }, { stopContainer }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/signal.js'),
    ]);
    return forEachName(context, args, async (name) => {
      const container = await findContainer(store, name, 'stop');
      await stopContainer(store, container, optionsOf(container.record));
      context.stdout.write(`${name}\n`);
    });
  },
});

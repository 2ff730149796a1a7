// rrun restart: stops what runs and starts it again.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';
import { startOne } from '../start-each.js';
import { stopOptions, STOP_FLAGS } from '../stop-flags.js';

export const command = defineCommand({
  name: 'restart',
  summary: 'Stop containers, and start them again in the background',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  description: 'Stops as "rrun stop" does. A container that does not run is just started.',
  examples: [{ command: 'rrun restart -t 2 web', does: 'start "web" anew; it has two seconds to end' }],
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
    let started = 0;
    const stopped = await forEachName(context, args, async (name) => {
      const container = await findContainer(store, name, 'restart');
      if (container.record.options.rm && container.state.status === 'running') {
        throw new RrunError(
          'IN_USE',
          `cannot restart container "${container.record.name}": it removes itself when it ends`,
          {
            hint: 'it was started with --rm: run it again instead',
          },
        );
      }
      await stopContainer(store, container, optionsOf(container.record));
      const code = await startOne(context, name);
      if (started === 0) started = code;
    });
    return started === 0 ? stopped : started;
  },
});

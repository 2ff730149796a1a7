// rrun kill: sends a signal to containers.

import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';
import { usableSignal } from '../stop-flags.js';

export const command = defineCommand({
  name: 'kill',
  summary: 'Send a signal to running containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  description:
    'The signal goes to the first process of the container, which gets only those that it has a handler for, SIGKILL and SIGSTOP excepted. The names of the containers are printed.',
  examples: [
    { command: 'rrun kill web', does: 'end "web" at once' },
    { command: 'rrun kill -s HUP web', does: 'have "web" read its configuration again' },
  ],
  flags: {
    signal: { type: 'string', short: 's', emptyIsUnset: true, help: 'Name or number of the signal (default "KILL")' },
  },
  args: { min: 1, max: Infinity },
  fast: true,
  async run(context, { flags, args }) {
    const number = usableSignal(flags.signal ?? 'KILL');
    const [store, { findContainer }, { signalContainer }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/signal.js'),
    ]);
    return forEachName(context, args, async (name) => {
      signalContainer(await findContainer(store, name, 'kill'), number);
      context.stdout.write(`${name}\n`);
    });
  },
});

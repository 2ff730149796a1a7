// rrun rm: removes containers with what they wrote.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';

export const command = defineCommand({
  name: 'rm',
  summary: 'Remove containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  description: 'Each container is tried; the names of those that are gone are printed.',
  examples: [
    { command: 'rrun rm box', does: 'remove the stopped container "box"' },
    { command: 'rrun rm -f -v web', does: 'kill "web" if it runs, and remove it with its anonymous volumes' },
    { command: 'rrun rm $(rrun ps -aq -f status=exited)', does: 'remove all that have ended' },
  ],
  flags: {
    force: {
      type: 'boolean',
      short: 'f',
      help: 'Kill a running container first (SIGKILL); one that does not exist is no failure',
    },
    volumes: { type: 'boolean', short: 'v', help: 'Also remove anonymous volumes of the container' },
  },
  args: { min: 1, max: Infinity },
  fast: true,
  async run(context, { flags, args }) {
    const [store, { findContainer }, { removeContainer, sweepDead }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/remove.js'),
    ]);
    const code = await forEachName(context, args, async (name) => {
      try {
        const { record } = await findContainer(store, name, 'remove');
        await removeContainer(store, record, { force: flags.force, volumes: flags.volumes });
      } catch (error) {
        // As with Docker: what was to be gone is gone; it is said, but it is no failure.
        if (!(flags.force && error instanceof RrunError && error.code === 'NOT_FOUND')) throw error;
        context.stderr.write(`rrun: note: ${error.message}\n`);
        return;
      }
      context.stdout.write(`${name}\n`);
    });
    await sweepDead(store);
    return code;
  },
});

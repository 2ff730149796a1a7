// rrun create: as run, without the start.

import { defineCommand } from '../command.js';
import { CONTAINER_FLAGS, UNSUPPORTED_FLAGS } from '../container-flags.js';
import { toContainerOptions } from '../container-options.js';

export const command = defineCommand({
  name: 'create',
  summary: 'Create a container without starting it',
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  description:
    'Prints the id of the container; "rrun start" runs it. The options are those of "rrun run" but for --detach.',
  examples: [
    { command: 'rrun create -it --name box alpine', does: 'create a container' },
    { command: 'rrun start -ai box', does: 'start it, attached to its terminal' },
  ],
  flags: { ...UNSUPPORTED_FLAGS, ...CONTAINER_FLAGS },
  args: { min: 0, max: Infinity },
  stopAtFirst: true,
  fast: true,
  async run(context, parsed) {
    const options = await toContainerOptions(context, parsed);
    const { createOnly } = await import('../launching.js');
    return createOnly(context, options);
  },
});

// rrun run: creates a container and starts it.

import { defineCommand } from '../command.js';
import { CONTAINER_FLAGS, UNSUPPORTED_FLAGS } from '../container-flags.js';
import { checkTerminal, toContainerOptions } from '../container-options.js';

export const command = defineCommand({
  name: 'run',
  summary: 'Create a container from an image and start it',
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  description:
    "The image is pulled if it is not here. Options end at IMAGE: all that follows is the command.\nThe exit code is the command's; 125: rrun failed, 126: the command cannot be executed, 127: it was not found.",
  examples: [
    { command: 'rrun run -it alpine', does: 'start a shell in a new container' },
    { command: 'rrun run --rm -v "$PWD:/src" -w /src alpine ls', does: 'run a command on the current directory' },
    { command: 'rrun run -d --name web nginx', does: 'run a server in the background' },
  ],
  flags: {
    ...UNSUPPORTED_FLAGS,
    ...CONTAINER_FLAGS,
    detach: { type: 'boolean', short: 'd', help: 'Run in the background and print the container id' },
  },
  args: { min: 0, max: Infinity },
  stopAtFirst: true,
  async run(context, parsed) {
    const options = await toContainerOptions(context, parsed);
    options.detach = parsed.flags.detach;
    checkTerminal(context, options);
    const { runContainer } = await import('../launching.js');
    return runContainer(context, options);
  },
});

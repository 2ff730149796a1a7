// rrun explain: the launch plan of a run, with reasons, instead of the run.

import { defineCommand } from '../command.js';
import { CONTAINER_FLAGS, UNSUPPORTED_FLAGS } from '../container-flags.js';
import { toContainerOptions } from '../container-options.js';

export const command = defineCommand({
  name: 'explain',
  summary: 'Show what "rrun run" would do, step by step, and why',
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  description:
    'Takes the arguments of "rrun run" and prints the launch plan instead of executing it.\nThe image is pulled if it is not here.',
  examples: [
    { command: 'rrun explain -it alpine', does: 'print the plan for people' },
    { command: 'rrun explain --json alpine', does: 'print it for programs' },
  ],
  flags: {
    ...UNSUPPORTED_FLAGS,
    ...CONTAINER_FLAGS,
    detach: { type: 'boolean', short: 'd', help: 'Explain a run in the background' },
    json: { type: 'boolean', help: 'Print JSON' },
  },
  args: { min: 0, max: Infinity },
  stopAtFirst: true,
  fast: true,
  async run(context, parsed) {
    const options = await toContainerOptions(context, parsed);
    options.detach = parsed.flags.detach;
    const { explainLaunch } = await import('../launching.js');
    return explainLaunch(context, options, parsed.flags.json);
  },
});

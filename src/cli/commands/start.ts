// rrun start: starts containers that were created, or have ended.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';
import { checkedDetachKeys } from '../container-options.js';

export const command = defineCommand({
  name: 'start',
  summary: 'Start containers that were created or have ended',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  description:
    'What a container wrote is still there. Without -a or -i it runs in the background, and its name is printed.',
  examples: [
    { command: 'rrun start -ai box', does: 'start "box", attached to its terminal' },
    { command: 'rrun start web', does: 'start "web" in the background' },
  ],
  flags: {
    attach: { type: 'boolean', short: 'a', help: 'Attach stdout and stderr, and pass signals on' },
    'detach-keys': { type: 'string', value: 'keys', help: 'Key sequence that detaches from the terminal, "" for none' },
    interactive: { type: 'boolean', short: 'i', help: 'Attach stdin' },
    'sig-proxy': { type: 'boolean', default: true, help: 'Pass signals on to the container process (with --attach)' },
  },
  args: { min: 1, max: Infinity },
  async run(context, { flags, args }) {
    if ((flags.attach || flags.interactive) && args.length > 1) {
      throw new RrunError('USAGE', `cannot attach to ${String(args.length)} containers at once: want one`, {
        hint: 'start the others without --attach and --interactive',
      });
    }
    const { startExisting } = await import('../launching.js');
    return startExisting(context, {
      containers: args,
      attach: flags.attach || flags.interactive,
      interactive: flags.interactive,
      detachKeys: checkedDetachKeys(flags['detach-keys']),
      sigProxy: flags['sig-proxy'],
    });
  },
});

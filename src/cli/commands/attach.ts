// rrun attach: joins the streams of a container that runs.

import { defineCommand } from '../command.js';
import { checkedDetachKeys, checkTerminal } from '../container-options.js';

export const command = defineCommand({
  name: 'attach',
  summary: 'Attach to the streams of a container that runs in the background',
  usage: '[OPTIONS] CONTAINER',
  description:
    "Shows what it prints from now on, and gives it what is typed if it was started with -i. Several may be attached at once.\nThe exit code is the container's.",
  examples: [
    {
      command: 'rrun attach box',
      does: 'attach to "box"; ctrl-p ctrl-q leaves it running',
    },
  ],
  flags: {
    'detach-keys': {
      type: 'string',
      value: 'keys',
      help: 'Key sequence that detaches from the terminal, "" for none',
    },
    'no-stdin': { type: 'boolean', help: 'Do not attach stdin' },
    'sig-proxy': {
      type: 'boolean',
      default: true,
      help: 'Pass signals on to a container without a terminal',
    },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [name = ''] }) {
    const detachKeys = checkedDetachKeys(flags['detach-keys']);
    const [store, { findContainer }, { planAttach }, { handOver }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/attach.js'),
      import('../../launch/hand-over.js'),
    ]);
    const container = await findContainer(store, name, 'attach to');
    const stdin = !flags['no-stdin'];
    const { tty, interactive } = container.record.options;
    const plan = planAttach(store, container, {
      ...{
        runRoot: await context.runRoot(),
        stdin,
        sigProxy: flags['sig-proxy'],
        detachKeys,
      },
    });
    checkTerminal(context, {
      detach: false,
      tty,
      interactive: interactive && stdin,
    });
    handOver(plan);
    return 0;
  },
});

// rrun tag: gives an image another name.

import { defineCommand } from '../command.js';

export const command = defineCommand({
  name: 'tag',
  summary: 'Give an image another name',
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  examples: [
    { command: 'rrun tag alpine registry.lan:5000/alpine:tested', does: 'name the image for another registry' },
  ],
  flags: {},
  args: { min: 2, max: 2 },
  async run(context, { args }) {
    const { tagImage } = await import('../../image/names.js');
    await tagImage(await context.store(), args[0] ?? '', args[1] ?? '');
    return 0;
  },
});

// rrun rmi: removes names of images, and images that have none left.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';

export const command = defineCommand({
  name: 'rmi',
  summary: 'Remove images',
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  description: 'A name is taken away; the image goes with its last name. An id removes the image with all its names.',
  examples: [{ command: 'rrun rmi alpine:3.19', does: 'remove a name, and the image if it has no other' }],
  flags: {
    force: {
      type: 'boolean',
      short: 'f',
      help: 'Remove also what containers were made from, and ids with several names; one that does not exist is no failure',
    },
  },
  args: { min: 1, max: Infinity },
  async run(context, { flags, args }) {
    const [{ removeImage }, { listContainers }, store] = await Promise.all([
      import('../../image/remove.js'),
      import('../../container/list.js'),
      context.store(),
    ]);
    const containers = await listContainers(store);
    const inUse = (id: string): string[] =>
      containers.filter(({ record }) => record.imageId === id).map(({ record }) => record.name);
    return forEachName(context, args, async (name) => {
      const removed = await removeImage(store, name, { force: flags.force, inUse }).catch((error: unknown) => {
        // As with Docker: what was to be gone is gone; it is said, but it is no failure.
        if (!(flags.force && error instanceof RrunError && error.code === 'NOT_FOUND')) throw error;
        context.note(error.message);
      });
      if (removed === undefined) return;
      const { untagged, deleted } = removed;
      context.stdout.write(
        [
          ...untagged.map((reference) => `Untagged: ${reference}\n`),
          ...deleted.map((digest) => `Deleted: ${digest}\n`),
        ].join(''),
      );
    });
  },
});

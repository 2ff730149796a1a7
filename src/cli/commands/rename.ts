// rrun rename: gives a container another name.

import { defineCommand } from '../command.js';

export const command = defineCommand({
  name: 'rename',
  summary: 'Give a container another name',
  usage: 'CONTAINER NEW_NAME',
  description:
    'The container may run. One that removes itself at its end (--rm) answers to its old name too until then.',
  examples: [{ command: 'rrun rename brave_curie web', does: 'call it "web" from now on' }],
  flags: {},
  args: { min: 2, max: 2 },
  fast: true,
  async run(context, { args: [name = '', newName = ''] }) {
    const [store, { findContainer }, { renameContainer }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/rename.js'),
    ]);
    await renameContainer(store, await findContainer(store, name, 'rename'), newName);
    return 0;
  },
});

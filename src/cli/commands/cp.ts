// rrun cp: copies files between the host and a container, running or not.

import { RrunError } from '../../errors.js';
import { defineCommand, type Context } from '../command.js';

export const command = defineCommand({
  name: 'cp',
  summary: 'Copy files between a container and the host',
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       rrun cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  description:
    '"-" is a tar archive on standard output or input. A source that ends in "/." means what is in the directory. The container need not run.',
  examples: [
    { command: 'rrun cp web:/etc/nginx ./conf', does: 'copy a directory out' },
    { command: 'rrun cp app.conf web:/etc/', does: 'copy a file in' },
    { command: 'rrun cp web:/var/log - | tar tv', does: 'list what would be copied' },
  ],
  flags: {
    archive: { type: 'boolean', short: 'a', help: 'Keep owners' },
    'follow-link': { type: 'boolean', short: 'L', help: 'Copy what a symbolic link at SRC_PATH leads to' },
    quiet: { type: 'boolean', short: 'q', help: 'Do not say how much was copied' },
  },
  args: { min: 2, max: 2 },
  fast: true,
  async run(context, { flags, args }) {
    const [source = '', destination = ''] = args;
    const { parseContainerPath } = await import('../../container/copy-target.js');
    const [from, to] = [parseContainerPath(source), parseContainerPath(destination)];
    const inside = from ?? to;
    if (from !== undefined && to !== undefined)
      throw new RrunError('USAGE', 'cannot copy between containers: copy to the host first');
    if (inside === undefined) {
      throw new RrunError('USAGE', `cannot copy "${source}" to "${destination}": neither is CONTAINER:PATH`, {
        hint: 'name the container, as in "rrun cp web:/etc/hosts ."',
      });
    }
    const outside = from === undefined ? source : destination;
    for (const typed of [inside.path, outside])
      if (typed === '') throw new RrunError('USAGE', 'cannot copy: a path is empty');
    const [store, { findContainer }, copy] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/copy.js'),
    ]);
    const job = {
      container: await findContainer(store, inside.container, 'copy from or to'),
      inside: inside.path,
      outside,
      cwd: context.cwd,
      followLink: flags['follow-link'],
      archive: flags.archive,
    };
    const copied =
      from === undefined ? await copy.copyToContainer(store, job) : await copy.copyFromContainer(store, job);
    if (copied.skipped > 0)
      context.warn(
        `${copied.skipped} device file${copied.skipped === 1 ? ' was' : 's were'} left out: only root of the host may make them`,
      );
    if (!flags.quiet && outside !== '-') await report(context, copied.bytes, destination);
    return 0;
  },
});

/** On a terminal only, as with Docker. */
async function report(context: Context, bytes: number, destination: string): Promise<void> {
  if (!context.stderr.isTTY) return;
  const { humanSize } = await import('../../util/units.js');
  context.stderr.write(`Successfully copied ${humanSize(bytes)} to ${destination}\n`);
}

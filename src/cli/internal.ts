// Commands that only rrun itself gives: parts of the work that must be a process of their own, or come after Node has gone.

import type { Context } from './command.js';

type Internal = (context: () => Promise<Context>, args: string[]) => Promise<number>;

const TABLE: Readonly<Record<string, () => Promise<Internal>>> = {
  // Unpacks one layer inside the mapped user namespace; the tar comes on a descriptor.
  '@unpack': async () => {
    const { unpackChild } = await import('../layer/unpack-child.js');
    return async (_context, args) => (await unpackChild(args)) ?? 0;
  },
  // Makes directories of subordinate ids, or copies of layers, inside the mapped user namespace.
  '@snapshot': async () => {
    const { snapshotChild } = await import('../snapshot/snapshot-child.js');
    return () => Promise.resolve(snapshotChild());
  },
  // Reads or writes the files of a container for `cp`, chrooted into it.
  '@copy': async () => {
    const { copyChild } = await import('../container/copy-child.js');
    return (_context, args) => Promise.resolve(copyChild(args));
  },
  // Measures a tree that is closed to the caller.
  '@size': async () => {
    const { measureChild } = await import('../container/size.js');
    return (_context, args) => Promise.resolve(measureChild(args));
  },
  // Says a failure that the helper recorded after Node had handed the launch over.
  '@failed': async () => {
    return async (context, args) => {
      if (args[2] === 'exec' || args[2] === 'attach') return (await import('./exec-failed.js')).sayExecFailure(args);
      return (await import('./failed.js')).sayFailure(context, args);
    };
  },
};

export function isInternal(name: string): boolean {
  return Object.hasOwn(TABLE, name);
}

export async function runInternal(name: string, context: () => Promise<Context>, args: string[]): Promise<number> {
  const load = TABLE[name];
  if (load === undefined) throw new Error(`bug: no internal command ${name}`);
  return (await load())(context, args);
}

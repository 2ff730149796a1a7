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
  // Says a failure that the helper recorded after Node had handed the launch over.
  '@failed': async () => {
    const { sayFailure } = await import('./failed.js');
    return sayFailure;
  },
  // Removes what a --rm container leaves, after its monitor has ended.
  '@removed': async () => {
    const { findContainer } = await import('../container/list.js');
    const { removeContainer } = await import('../container/remove.js');
    return async (context, args) => {
      const store = await (await context()).store();
      const { record } = await findContainer(store, args[0] ?? '');
      await removeContainer(store, record, { force: false, volumes: true });
      return 0;
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

// Gives a container another name: the new name is claimed, the record replaced, the old name given back, in this order.

import path from 'node:path';

import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';
import { RrunError } from '../errors.js';
import type { Container } from './list.js';
import { claimName, releaseName, type Claimant } from './name-claim.js';
import { validateName } from './names.js';
import { recordText } from './record-file.js';

/** Renames a container, running or not. Throws NAME_TAKEN. */
export async function renameContainer(store: Store, { record, dir, state }: Container, typed: string): Promise<void> {
  const name = typed.startsWith('/') ? typed.slice(1) : typed;
  validateName(name);
  if (state.status === 'dead')
    throw new RrunError('STORE_UNUSABLE', `cannot rename container "${record.name}": its record is damaged`);
  if (name === record.name) {
    throw new RrunError('USAGE', `cannot rename container "${record.name}": it has this name already`, { exitCode: 1 });
  }
  await store.withTemp(async (temp) => {
    await claimNewName(store, { id: record.id, temp }, { from: record.name, name });
    try {
      await store.replaceFile(path.join(dir, 'container.json') as HostPath, recordText({ ...record, name }));
    } catch (error) {
      await releaseName(store, name, record.id);
      throw error;
    }
  });
  // What removes itself at its end (--rm) takes its old name away then, whoever has it: so nobody else may have it until then.
  if (!(record.options.rm && state.status === 'running')) await releaseName(store, record.name, record.id);
}

async function claimNewName(store: Store, claimant: Claimant, { from, name }: { from: string; name: string }) {
  try {
    await claimName(store, claimant, name);
  } catch (error) {
    if (!(error instanceof RrunError) || error.code !== 'NAME_TAKEN') throw error;
    throw new RrunError(
      'NAME_TAKEN',
      `cannot rename container "${from}" to "${name}": another container has this name`,
      {
        exitCode: 1,
        cause: error,
      },
    );
  }
}

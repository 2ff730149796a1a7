// Gives for a container that exists what createContainer() gives for a new one; for `start`.

import { readFileSync } from 'node:fs';
import path from 'node:path';

import { parseSpec } from '../bundle/parse-spec.js';
import { RrunError } from '../errors.js';
import { decideNetwork } from '../network/choose-network.js';
import { loadNetworkFacts } from '../network/facts.js';
import { describeRootfs } from '../snapshot/prepare-rootfs.js';
import type { Store } from '../store/store.js';
import type { PreparedContainer } from './create.js';
import { makeContainerFiles, writeContainerFiles } from './files.js';
import { joinedProcesses, updateJoined } from './joined.js';
import { findContainer } from './list.js';
import { makeAnonymousVolumes } from './volumes.js';

/**
 * Loads a container by name or id. The host may have changed since its creation: network, hosts, resolv.conf and the processes whose
 * namespaces it joins are looked at anew. Throws IN_USE when it runs already.
 */
export async function loadContainer(store: Store, nameOrId: string): Promise<PreparedContainer> {
  const { record, dir, state } = await findContainer(store, nameOrId, 'start');
  if (state.status === 'running')
    throw new RrunError('IN_USE', `cannot start container "${record.name}": it is running already`);
  if (state.status === 'dead') {
    throw new RrunError(
      'STORE_UNUSABLE',
      `cannot start container "${record.name}": ${state.error ?? 'its record is damaged'}`,
      {
        hint: `remove it with "rrun rm ${record.name}"`,
      },
    );
  }
  const { options } = record;
  const [facts, joined] = await Promise.all([
    loadNetworkFacts({ network: options.network, cacheDir: store.cacheDir }),
    joinedProcesses(store, options),
  ]);
  const rootIsMapped = record.userns.uidMappings.some(({ containerID }) => containerID === 0);
  const network = decideNetwork({ network: options.network, rootIsMapped }, facts);
  writeContainerFiles(dir, makeContainerFiles(record.id, options, network, facts));
  makeAnonymousVolumes(record);
  const file = path.join(dir, 'config.json');
  const spec = parseSpec(readFileSync(file, 'utf8'), file);
  updateJoined(spec, joined);
  return { record, dir, spec, rootfs: describeRootfs(record, dir), network, decisions: network.decisions };
}

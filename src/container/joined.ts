// --pid container:X and --ipc container:X: the process whose namespaces are joined. Looked up anew at each start, since it may have changed.

import type { ContainerOptions } from '../bundle/options.js';
import type { Spec, SpecNamespaceType } from '../bundle/spec.wire.js';
import { RrunError } from '../errors.js';
import type { Store } from '../store/store.js';
import { findContainer } from './list.js';

export interface Joined {
  pid?: number;
  ipc?: number;
}

/** Host pids of the containers that the options name; they must run. */
export async function joinedProcesses(store: Store, options: Pick<ContainerOptions, 'pid' | 'ipc'>): Promise<Joined> {
  const joined: Joined = {};
  for (const kind of ['pid', 'ipc'] as const) {
    const name = /^container:(.*)$/.exec(options[kind] ?? '')?.[1];
    if (name === undefined) continue;
    const { state } = await findContainer(store, name);
    if (state.status !== 'running') {
      throw new RrunError('IN_USE', `cannot join the ${kind} namespace of container "${name}": it is not running`, {
        hint: `start it first with "rrun start ${name}"`,
      });
    }
    joined[kind] = state.pid;
  }
  return joined;
}

/** Points the namespaces of a stored config.json to the processes of now. */
export function updateJoined(spec: Spec, joined: Joined): void {
  const pids: Partial<Record<SpecNamespaceType, number | undefined>> = joined;
  for (const namespace of spec.linux?.namespaces ?? []) {
    const pid = pids[namespace.type];
    if (pid !== undefined && namespace.path !== undefined) namespace.path = `/proc/${pid}/ns/${namespace.type}`;
  }
}

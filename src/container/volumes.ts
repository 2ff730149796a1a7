// The directories of a container's volumes. Those without a name are made when the container exists, and again should one be missing at a
// start: a maker that is killed then leaves none that nobody knows.

import { chmodSync, chownSync, mkdirSync } from 'node:fs';

import { RrunError } from '../errors.js';
import type { IdMapping } from '../util/id-mapping.js';
import type { ContainerRecord } from './record.js';

type VolumeRecord = Pick<ContainerRecord, 'volumes' | 'userns'>;

/** Makes anonymous volumes. */
export function makeAnonymousVolumes(record: VolumeRecord): void {
  for (const { anonymous, source, name } of record.volumes) {
    if (!anonymous) continue;
    let made: string | undefined;
    try {
      made = mkdirSync(source, { recursive: true });
    } catch (error) {
      throw new RrunError('STORE_UNUSABLE', `cannot create volume "${name ?? source}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    if (made !== undefined) open(source, record);
  }
}

/** New named volumes belong to the container's root, too. */
export function adoptNamedVolumes(record: VolumeRecord): void {
  for (const { name, anonymous, created, source } of record.volumes) {
    if (name !== undefined && !anonymous && created) open(source, record);
  }
}

/** As Docker has a new one: of root and open to all ids of the container, whatever the caller's umask is. */
function open(directory: string, { userns }: VolumeRecord): void {
  chmodSync(directory, 0o755);
  // Where root itself calls, the container's root is a subordinate id; else it is the caller.
  if (process.geteuid?.() === 0) chownSync(directory, rootOf(userns.uidMappings), rootOf(userns.gidMappings));
}

function rootOf(mappings: readonly IdMapping[]): number {
  return (mappings.find(({ containerID }) => containerID === 0) ?? mappings[0])?.hostID ?? 0;
}

// Root of the mapped namespace is the caller, who owns the store. Only where root itself calls it is somebody else, a subordinate
// id: then directories are made its own, and those above let its group pass (as Docker's userns-remap does).

import { chmodSync, chownSync, lstatSync } from 'node:fs';

import type { IdMapping, UsernsMapping } from '../util/id-mapping.js';

/** Gives new directories to root of the namespace. */
export function giveToMappedRoot(mapping: UsernsMapping, directories: readonly string[]): void {
  const owner = foreignRoot(mapping);
  if (owner === undefined) return;
  for (const directory of directories) chownSync(directory, owner.uid, owner.gid);
}

/** Lets root of the namespace pass through directories of ours, without a look at what is in them. */
export function letMappedRootPass(mapping: UsernsMapping, directories: readonly string[]): void {
  const owner = foreignRoot(mapping);
  if (owner === undefined) return;
  for (const directory of directories) {
    const { gid, mode } = lstatSync(directory);
    if (gid !== owner.gid) chownSync(directory, -1, owner.gid);
    if ((mode & 0o010) === 0) chmodSync(directory, (mode & 0o7777) | 0o010);
  }
}

/** Host ids of root in the namespace, where they are not ours. */
function foreignRoot({ uidMappings, gidMappings }: UsernsMapping): { uid: number; gid: number } | undefined {
  const [uid, gid] = [hostRoot(uidMappings), hostRoot(gidMappings)];
  return uid === process.geteuid?.() ? undefined : { uid, gid };
}

function hostRoot(mappings: IdMapping[]): number {
  const first = mappings.find(({ containerID }) => containerID === 0) ?? mappings[0];
  if (first === undefined) throw new Error('bug: an id mapping without extents');
  return first.hostID;
}

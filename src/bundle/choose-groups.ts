// Supplementary groups. setgroups(2) replaces the whole list and cannot name groups that are not mapped, so a container has
// either the caller's groups (which open project directories on the host) or the image's.

import { RrunError } from '../errors.js';
import type { Decision } from '../util/decision.js';
import { type IdMapping, type UsernsMapping } from '../util/id-mapping.js';
import { resolveGroups, type ResolvedUser, type UserLookup } from './resolve-user.js';

/** crun's annotation for the same thing: the runtime does not call setgroups(2). */
export const KEEP_GROUPS_ANNOTATION = 'run.oci.keep_original_groups';

export interface GroupRequest {
  groupAdd: readonly string[];
  user: ResolvedUser;
  /** -u or the image's USER was given. */
  userNamed: boolean;
  lookup: UserLookup;
  mapping: UsernsMapping;
  /** The caller's supplementary groups, on the host. */
  callerGroups: readonly number[];
  /** Its own one; often a member of the list, too. */
  callerGid: number;
}

/** The list for setgroups(2), or 'keep' for the caller's. */
export function chooseGroups(
  { groupAdd, user, userNamed, lookup, mapping, callerGroups, callerGid }: GroupRequest,
  decisions: Decision[],
): number[] | 'keep' {
  const decide = (choice: string, why: string) => decisions.push({ topic: 'supplementary groups', choice, why });
  if (groupAdd.includes('keep-groups')) {
    if (groupAdd.length > 1)
      throw new RrunError(
        'CONFIG_INVALID',
        "cannot add groups: 'keep-groups' is not allowed with any other --group-add",
      );
    decide("the caller's", '--group-add keep-groups');
    return 'keep';
  }
  const wanted = [...new Set([user.gid, ...(userNamed ? user.groups : []), ...resolveGroups(groupAdd, lookup)])];
  if (mapping.kind === 'single') {
    if (groupAdd.length > 0) {
      throw new RrunError('IDMAP_UNAVAILABLE', 'cannot add groups: only one group is mapped in this container', {
        hint: 'add ranges for your user to /etc/subuid and /etc/subgid, or use --group-add keep-groups',
      });
    }
    decide("the caller's", 'setgroups(2) is denied where only one id is mapped');
    return 'keep';
  }
  // The caller's own group is the container's root: to somebody who is not root there, it would be a right that nobody asked for.
  const hasNothingToKeep = userNamed && callerGroups.every((gid) => gid === callerGid);
  if (groupAdd.length === 0 && !(userNamed && user.groups.length > 0) && !hasNothingToKeep) {
    decide("the caller's", 'no user with groups in the image and no --group-add was asked for');
    return 'keep';
  }
  const unmapped = wanted.find((gid) => !isMapped(gid, mapping.gidMappings));
  if (unmapped !== undefined) throw unmappedId('group', unmapped, mapping.gidMappings);
  decide(wanted.join(', '), whyWanted(groupAdd, user));
  return wanted;
}

function whyWanted(groupAdd: readonly string[], user: ResolvedUser): string {
  if (groupAdd.length > 0) return '--group-add';
  if (user.groups.length === 0)
    return `the group of "${user.name ?? user.uid}": the caller has no other groups to keep`;
  return `the groups of "${user.name ?? user.uid}" in the image's /etc/group`;
}

export function isMapped(id: number, mappings: readonly IdMapping[]): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}

export function unmappedId(kind: 'user' | 'group', id: number, mappings: readonly IdMapping[]): RrunError {
  const total = mappings.reduce((sum, { size }) => sum + size, 0);
  return new RrunError(
    'IDMAP_UNAVAILABLE',
    `cannot run as ${kind} ${id}: the user namespace maps ${total} ids, and ${id} is not one of them`,
    {
      hint:
        kind === 'user'
          ? `use --userns=keep-id or --userns=single, or add longer ranges to /etc/subuid and /etc/subgid`
          : undefined,
    },
  );
}

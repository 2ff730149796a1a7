// Which ids of a layer's members exist in the user namespace that it is unpacked in.

import { RrunError } from '../errors.js';
import type { IdMapping, UsernsMapping } from '../util/id-mapping.js';
import { quoteName } from './layer-error.js';

/** Throws IDMAP_UNAVAILABLE for an owner that the mapping does not hold. */
export class OwnerCheck {
  readonly #uids: IdMapping[];
  readonly #gids: IdMapping[];

  /** Nearly every member has the owner of the one before. */
  #lastUid = NaN;
  #lastGid = NaN;

  constructor(mapping: Pick<UsernsMapping, 'uidMappings' | 'gidMappings'>) {
    this.#uids = mapping.uidMappings;
    this.#gids = mapping.gidMappings;
  }

  verify(path: string, uid: number, gid: number): void {
    if (uid === this.#lastUid && gid === this.#lastGid) return;
    if (!isMapped(this.#uids, uid)) throw notMapped(path, 'uid', uid, this.#uids);
    if (!isMapped(this.#gids, gid)) throw notMapped(path, 'gid', gid, this.#gids);
    this.#lastUid = uid;
    this.#lastGid = gid;
  }
}

function isMapped(mappings: IdMapping[], id: number): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}

function notMapped(path: string, kind: 'uid' | 'gid', id: number, mappings: IdMapping[]): RrunError {
  const ranges = mappings.map(({ containerID, size }) => `${containerID}-${containerID + size - 1}`).join(', ');
  const file = kind === 'uid' ? '/etc/subuid' : '/etc/subgid';
  return new RrunError(
    'IDMAP_UNAVAILABLE',
    `cannot apply layer member ${quoteName(path)}: its ${kind} ${id} is not among the mapped ones (${ranges})`,
    {
      hint: `give yourself ${id} or more subordinate ids in ${file}, or use --userns=single`,
    },
  );
}

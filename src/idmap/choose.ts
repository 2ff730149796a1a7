// Chooses how a container's user namespace is mapped, and with which mapping its layers lie on disk.

import type { IdMapping, UsernsMapping } from '../util/id-mapping.js';
import { isNested, loadCaller, type Caller } from './caller.js';
import { parseUserns, type UsernsOption } from './parse-userns.js';
import { capExtents, clipToMap, countIds, layOut, splitRanges, withoutOverlap, type IdRange } from './ranges.js';
import { nomapNeedsRanges, rootHasNoRanges, rootMayNotBeMapped, suggestLine, validateMapPrograms } from './refusals.js';

export interface UsernsRequest {
  /** --userns as typed. */
  userns?: string | undefined;
  /** Ids of the container process, from -u or the image; in single-id mode these are the ones that are mapped. */
  uid: number;
  gid: number;
}

export interface UsernsChoice {
  mapping: UsernsMapping;
  /** The mapping that layers are unpacked with; another than `mapping` for keep-id and nomap. */
  layers: UsernsMapping;
  layerKind: 'ranges' | 'single';
  /** One line for stderr, without "rrun: note: ". */
  note?: string;
  why: string;
}

/** Ids that an image may use and Debian, Fedora and Alpine do: system accounts below 1000, nobody at 65534. */
const USUAL_IDS = 65_534;

/** The mapping that every layer on disk is unpacked with: container root is the caller. */
export async function baseMapping(userns?: string, caller?: Caller): Promise<UsernsChoice> {
  const { mode } = parseUserns(userns);
  return await chooseUserns({ userns: mode === 'single' ? 'single' : undefined, uid: 0, gid: 0 }, caller);
}

/** As baseMapping(), for what has to go on where ranges cannot be used now (a probe, a removal): then with one id. */
export async function workingMapping(known?: Caller): Promise<UsernsChoice> {
  const caller = known ?? (await loadCaller());
  try {
    return await baseMapping(undefined, caller);
  } catch (error) {
    if (isHostRoot(caller)) throw error;
    return await baseMapping('single', caller);
  }
}

/** Decides on the user namespace of one container; throws where what was asked for cannot be had. */
export async function chooseUserns(request: UsernsRequest, known?: Caller): Promise<UsernsChoice> {
  const option = parseUserns(request.userns);
  const caller = known ?? (await loadCaller());
  if (option.mode === 'single') {
    if (isHostRoot(caller)) throw rootMayNotBeMapped('single');
    return singleChoice(caller, request, '--userns=single: one id, no program and no range is needed');
  }
  const ids = availableIds(caller);
  if (isHostRoot(caller)) return rootChoice(caller, option, ids);
  if (ids.uids.length === 0 || ids.gids.length === 0) return withoutRanges(caller, option, request);
  if (!ids.direct) validateMapPrograms(caller);
  return rangesChoice(caller, option, ids);
}

function isHostRoot(caller: Caller): boolean {
  return caller.uid === 0 && !isNested(caller);
}

interface AvailableIds {
  uids: IdRange[];
  gids: IdRange[];
  /** The map is written without newuidmap: by root, or by root of the user namespace that we are in. */
  direct: boolean;
}

/** Every id that may be mapped beside the caller's own. */
function availableIds(caller: Caller): AvailableIds {
  const ownUid = [{ start: caller.uid, count: 1 }];
  const ownGid = [{ start: caller.gid, count: 1 }];
  const direct = caller.uid === 0 && caller.maySetIds;
  // Root of a nested namespace owns what is mapped there; it needs no file to hand it on.
  if (direct && isNested(caller)) {
    return {
      uids: withoutOverlap(insideIds(caller.uidMap), ownUid),
      gids: withoutOverlap(insideIds(caller.gidMap), ownGid),
      direct,
    };
  }
  const uids = clipToMap(withoutOverlap(caller.subids.uids, ownUid), caller.uidMap);
  const gids = clipToMap(withoutOverlap(caller.subids.gids, ownGid), caller.gidMap);
  return { uids, gids, direct };
}

function insideIds(map: readonly IdMapping[]): IdRange[] {
  return map.map(({ containerID, size }) => ({ start: containerID, count: size }));
}

function rangesChoice(caller: Caller, option: UsernsOption, ids: AvailableIds): UsernsChoice {
  const layers = mapped(caller, ids, {
    uidMappings: rootIsCaller(caller.uid, ids.uids),
    gidMappings: rootIsCaller(caller.gid, ids.gids),
  });
  const note = fewIdsNote(caller, ids);
  const common = { layers, layerKind: 'ranges' as const, ...(note === undefined ? {} : { note }) };
  switch (option.mode) {
    case 'keep-id': {
      const uidMappings = keepId(option.uid ?? caller.uid, caller.uid, ids.uids, option.size);
      const gidMappings = keepId(option.gid ?? caller.gid, caller.gid, ids.gids, option.size);
      return {
        ...common,
        mapping: mapped(caller, ids, { uidMappings, gidMappings }),
        why: 'keep-id: the caller has the same ids inside',
      };
    }
    case 'nomap': {
      const mapping = mapped(caller, ids, { uidMappings: layOut(0, ids.uids), gidMappings: layOut(0, ids.gids) });
      return { ...common, mapping, why: 'nomap: the caller is not mapped, container root is the first subordinate id' };
    }
    default:
      return { ...common, mapping: layers, why: defaultWhy(caller, option, ids) };
  }
}

function defaultWhy(caller: Caller, option: UsernsOption, ids: AvailableIds): string {
  const taken = option.takenAsDefault === undefined ? '' : `"${option.takenAsDefault}" is the default here: `;
  const source = ids.direct ? 'the user namespace that rrun runs in' : caller.subids.source;
  return `${taken}container root is the caller, ${countIds(ids.uids)} more uids from ${source}`;
}

/** Id 0 is the caller's, as with podman: files of the container's root belong to the user on the host. */
function rootIsCaller(callerId: number, ids: readonly IdRange[]): IdMapping[] {
  return [{ containerID: 0, hostID: callerId, size: 1 }, ...layOut(1, ids)];
}

/** 0 … inside-1 are subordinate, `inside` is the caller, the rest goes on behind it. */
function keepId(inside: number, callerId: number, ids: readonly IdRange[], size = Infinity): IdMapping[] {
  const [usable] = splitRanges(ids, Math.max(size - 1, 0));
  const [below, above] = splitRanges(usable, inside);
  return [...layOut(0, below), { containerID: inside, hostID: callerId, size: 1 }, ...layOut(inside + 1, above)];
}

type Maps = Pick<UsernsMapping, 'uidMappings' | 'gidMappings'>;

function mapped(caller: Caller, ids: AvailableIds, maps: Maps): UsernsMapping {
  const mapping: UsernsMapping = {
    kind: 'ranges',
    uidMappings: capExtents(maps.uidMappings),
    gidMappings: capExtents(maps.gidMappings),
  };
  if (!ids.direct && caller.newuidmap !== undefined && caller.newgidmap !== undefined) {
    mapping.newuidmap = caller.newuidmap.path;
    mapping.newgidmap = caller.newgidmap.path;
  }
  return mapping;
}

/** As root every id of the container is a subordinate one, id 0 too. */
function rootChoice(caller: Caller, option: UsernsOption, ids: AvailableIds): UsernsChoice {
  if (option.mode === 'keep-id') throw rootMayNotBeMapped('keep-id');
  if (ids.uids.length === 0 || ids.gids.length === 0) throw rootHasNoRanges(caller);
  const mapping = mapped(caller, ids, { uidMappings: layOut(0, ids.uids), gidMappings: layOut(0, ids.gids) });
  const note = fewIdsNote(caller, ids);
  return {
    mapping,
    layers: mapping,
    layerKind: 'ranges',
    why: `run as root: container root is the subordinate id ${ids.uids[0]?.start ?? 0} of ${caller.subids.source}, never root of the host`,
    ...(note === undefined ? {} : { note }),
  };
}

function withoutRanges(caller: Caller, option: UsernsOption, request: UsernsRequest): UsernsChoice {
  if (option.mode === 'nomap') throw nomapNeedsRanges(caller);
  const ids =
    option.mode === 'keep-id'
      ? { uid: option.uid ?? caller.uid, gid: option.gid ?? caller.gid }
      : { uid: request.uid, gid: request.gid };
  const reason = noRangesReason(caller);
  const advice = countIds(insideIds(caller.uidMap)) === 1 ? '' : ` (for more ids, ${suggestLine(caller)})`;
  return {
    ...singleChoice(caller, ids, reason),
    note: `single-id mode: ${reason}; every file in the container is yours${advice}`,
  };
}

function noRangesReason(caller: Caller): string {
  const { name, subids, uid } = caller;
  if (countIds(insideIds(caller.uidMap)) === 1) return 'the user namespace that rrun runs in has one id only';
  if (name === undefined) return `uid ${uid} has no entry in the password database`;
  if (subids.uids.length === 0) return `no range for user "${name}" in ${subids.source}`;
  if (subids.gids.length === 0) return `no range for user "${name}" in ${subids.source.replace('subuid', 'subgid')}`;
  return `none of the ids of user "${name}" in ${subids.source} exists in this user namespace`;
}

function singleChoice(caller: Caller, inside: { uid: number; gid: number }, why: string): UsernsChoice {
  const single = (uid: number, gid: number): UsernsMapping => ({
    kind: 'single',
    uidMappings: [{ containerID: uid, hostID: caller.uid, size: 1 }],
    gidMappings: [{ containerID: gid, hostID: caller.gid, size: 1 }],
  });
  return { mapping: single(inside.uid, inside.gid), layers: single(0, 0), layerKind: 'single', why };
}

function fewIdsNote(caller: Caller, ids: AvailableIds): string | undefined {
  const count = Math.min(countIds(ids.uids), countIds(ids.gids));
  if (count >= USUAL_IDS) return undefined;
  return `user "${caller.name ?? caller.uid}" has only ${count} subordinate ids: images that use ids above ${count} will not unpack (65536 are usual)`;
}

// Who the container process is: -u, the image's USER or the caller, by the image's files, with umask and groups.

import { RrunError } from '../errors.js';
import type { Decision } from '../util/decision.js';
import { chooseGroups, isMapped, unmappedId } from './choose-groups.js';
import type { ImageProcessConfig, SpecContext } from './context.js';
import type { ContainerOptions } from './options.js';
import { resolveUser, type ResolvedUser } from './resolve-user.js';
import type { SpecUser } from './spec.wire.js';

const DEFAULT_UMASK = 0o022;

export interface UserSources {
  options: ContainerOptions;
  image: ImageProcessConfig;
  context: SpecContext;
}

export interface UserChoice {
  user: SpecUser;
  resolved: ResolvedUser;
  /** The runtime leaves the caller's supplementary groups as they are. */
  keepsGroups: boolean;
}

export function chooseUser(sources: UserSources, decisions: Decision[]): UserChoice {
  const { options, context } = sources;
  const { mapping, userLookup } = context;
  const { word, named, why } = userWord(sources);
  const resolved = resolveUser(word, userLookup);
  const { uid, gid } = resolved;
  decisions.push({ topic: 'user', choice: `${uid}:${gid}`, why });
  if (!isMapped(uid, mapping.uidMappings)) throw unmappedId('user', uid, mapping.uidMappings);
  if (!isMapped(gid, mapping.gidMappings)) throw unmappedId('group', gid, mapping.gidMappings);

  const request = {
    groupAdd: options.groupAdd,
    user: resolved,
    userNamed: named,
    lookup: userLookup,
    mapping,
    callerGroups: context.callerGroups,
    callerGid: context.caller?.gid ?? process.getgid?.() ?? 0,
  };
  const groups = chooseGroups(request, decisions);
  const umask = parseUmask(options.umask);
  const user: SpecUser = { uid, gid, umask, ...(groups === 'keep' ? {} : { additionalGids: groups }) };
  return { user, resolved, keepsGroups: groups === 'keep' };
}

/** `named`: somebody asked for this user, so groups that the image gives it count. */
function userWord({ options, image, context }: UserSources): { word: string; named: boolean; why: string } {
  if (options.user) return { word: options.user, named: true, why: `-u ${options.user}` };
  const kept = options.userns?.startsWith('keep-id') === true ? callerInside(context) : undefined;
  if (kept !== undefined) return { word: kept, named: false, why: '--userns=keep-id runs as the caller' };
  if (image.User) return { word: image.User, named: true, why: `the image's USER ${image.User}` };
  return { word: '', named: false, why: 'no user is named, so root of the container' };
}

/** The ids by which the caller is mapped. */
function callerInside({ mapping, caller }: SpecContext): string | undefined {
  const { uid, gid } = caller ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const inside = (id: number, mappings: typeof mapping.uidMappings) =>
    mappings.find((extent) => extent.hostID === id && extent.size === 1)?.containerID;
  const [insideUid, insideGid] = [inside(uid, mapping.uidMappings), inside(gid, mapping.gidMappings)];
  return insideUid === undefined || insideGid === undefined ? undefined : `${insideUid}:${insideGid}`;
}

function parseUmask(typed: string | undefined): number {
  if (typed === undefined || typed === '') return DEFAULT_UMASK;
  if (/^[0-7]{1,4}$/.test(typed) && parseInt(typed, 8) <= 0o777) return parseInt(typed, 8);
  throw new RrunError('CONFIG_INVALID', `cannot use --umask "${typed}": want octal digits up to 0777`);
}

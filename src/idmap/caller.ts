// What the choice of a mapping depends on: who calls, in which user namespace, with which ids and programs.

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { IdMapping } from '../util/id-mapping.js';
import { readOrEmpty } from '../util/read-text.js';
import { checkSetidProgram, findProgram, loadPrivilegeProbe, type SetidProgram } from './programs.js';
import { isFullMap, parseIdMap } from './ranges.js';
import { loadSubids, SUBID_PATHS, type SubidPaths, type SubidRanges } from './subids.js';

export interface Caller {
  uid: number;
  gid: number;
  /** From the password database; absent where the uid has no entry. */
  name?: string | undefined;
  loginGid?: number | undefined;
  /** Our own /proc/self/uid_map and gid_map. */
  uidMap: IdMapping[];
  gidMap: IdMapping[];
  /** CAP_SETUID and CAP_SETGID in our own user namespace: maps may be written without a program. */
  maySetIds: boolean;
  subids: SubidRanges;
  newuidmap?: SetidProgram | undefined;
  newgidmap?: SetidProgram | undefined;
  /** GRANT_AUX_GROUP_SUBIDS of login.defs(5). */
  grantAuxGroups: boolean;
}

export function isNested(caller: Caller): boolean {
  return !isFullMap(caller.uidMap);
}

let known: Promise<Caller> | undefined;

/** Looks at the process and the host, once; everything that chooseUserns() needs. */
export function loadCaller(): Promise<Caller> {
  return (known ??= lookAtCaller(SUBID_PATHS));
}

async function lookAtCaller(paths: SubidPaths): Promise<Caller> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const user = tryUserInfo();
  const probe = loadPrivilegeProbe();
  const [newuidmap, newgidmap] = [findProgram('newuidmap'), findProgram('newgidmap')];
  return {
    uid,
    gid,
    name: user?.username,
    loginGid: user?.gid,
    uidMap: parseIdMap(readFileSync('/proc/self/uid_map', 'utf8')),
    gidMap: parseIdMap(readFileSync('/proc/self/gid_map', 'utf8')),
    maySetIds: hasSetIdCapabilities(probe.status),
    subids: await loadCallerSubids({ uid, name: user?.username }, paths),
    newuidmap: newuidmap && (await checkSetidProgram(newuidmap, 'cap_setuid', probe)),
    newgidmap: newgidmap && (await checkSetidProgram(newgidmap, 'cap_setgid', probe)),
    grantAuxGroups: /^\s*GRANT_AUX_GROUP_SUBIDS\s+yes\b/m.test(readOrEmpty('/etc/login.defs')),
  };
}

/** Root has no ranges on Debian; "containers" is the name that podman's root mode reserves them under. */
async function loadCallerSubids(
  owner: { uid: number; name: string | undefined },
  paths: SubidPaths,
): Promise<SubidRanges> {
  const own = await loadSubids(owner, paths);
  if (owner.uid !== 0 || (own.uids.length > 0 && own.gids.length > 0)) return own;
  const shared = await loadSubids({ uid: -1, name: 'containers' }, paths);
  return shared.uids.length > 0 && shared.gids.length > 0 ? shared : own;
}

/** os.userInfo() throws where the password database has no entry for the uid. */
function tryUserInfo(): { username: string; gid: number } | undefined {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}

const CAP_SETGID = 6n;
const CAP_SETUID = 7n;

/** Reads CapEff of /proc/self/status. */
export function hasSetIdCapabilities(status: string): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (hex === undefined) return false;
  const both = (1n << CAP_SETGID) | (1n << CAP_SETUID);
  return (BigInt(`0x${hex}`) & both) === both;
}

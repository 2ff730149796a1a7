// -u and USER to numbers, by the image's /etc/passwd and /etc/group; the same answers and errors as Docker.

import { RrunError } from '../errors.js';

/** The text of the files in the image; undefined where the image has none. */
export interface UserLookup {
  passwd?: string | undefined;
  group?: string | undefined;
}

export interface ResolvedUser {
  uid: number;
  gid: number;
  /** From /etc/passwd; "/" where there is no entry. */
  home: string;
  name?: string;
  /** Groups of /etc/group that list the user; empty if a group was named in `user`. */
  groups: number[];
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}
interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const MAX_ID = 2147483647;

/** "", "USER", "USER:GROUP" with names or numbers. A number needs no entry; a name does. */
export function resolveUser(user: string, lookup: UserLookup): ResolvedUser {
  const [userWord = '', groupWord = ''] = user.split(':');
  const uidWord = parseId(userWord);
  const passwd = parsePasswd(lookup.passwd ?? '').find((entry) =>
    userWord === '' ? entry.uid === 0 : entry.name === userWord || entry.uid === uidWord,
  );
  if (passwd === undefined && userWord !== '' && uidWord === undefined) throw missing('user', userWord, 'passwd');
  const uid = passwd?.uid ?? uidWord ?? 0;
  checkRange(uid);

  const groups = parseGroup(lookup.group ?? '');
  const base = { uid, home: passwd?.home || '/', ...(passwd === undefined ? {} : { name: passwd.name }) };
  if (groupWord !== '') return { ...base, gid: resolveGroup(groupWord, groups), groups: [] };
  const memberOf =
    passwd === undefined ? [] : groups.filter((group) => group.members.includes(passwd.name)).map((group) => group.gid);
  return { ...base, gid: passwd?.gid ?? 0, groups: [...new Set(memberOf)] };
}

/** The gids of --group-add: names by /etc/group, numbers as they are. */
export function resolveGroups(words: readonly string[], lookup: UserLookup): number[] {
  const groups = parseGroup(lookup.group ?? '');
  return [...new Set(words.map((word) => resolveGroup(word, groups)))];
}

function resolveGroup(word: string, groups: readonly GroupEntry[]): number {
  const gidWord = parseId(word);
  const gid = groups.find((group) => group.name === word || group.gid === gidWord)?.gid ?? gidWord;
  if (gid === undefined) throw missing('group', word, 'group');
  checkRange(gid);
  return gid;
}

function parseId(word: string): number | undefined {
  return /^-?\d{1,15}$/.test(word) ? Number(word) : undefined;
}

function checkRange(value: number): void {
  if (value < 0 || value > MAX_ID) {
    throw new RrunError('CONFIG_INVALID', `cannot use ${value} as an id: uids and gids must be in range 0-${MAX_ID}`);
  }
}

function missing(kind: 'user' | 'group', word: string, file: 'passwd' | 'group'): RrunError {
  return new RrunError('CONFIG_INVALID', `unable to find ${kind} ${word}: no matching entries in ${file} file`);
}

function parsePasswd(text: string): PasswdEntry[] {
  return records(text, 4)
    .map(([name = '', , uid, gid, , home = '']) => ({ name, uid: Number(uid), gid: Number(gid), home }))
    .filter(({ uid, gid }) => isId(uid) && isId(gid));
}

function parseGroup(text: string): GroupEntry[] {
  return records(text, 3)
    .map(([name = '', , gid, members = '']) => ({
      name,
      gid: Number(gid),
      members: members.split(',').filter((member) => member !== ''),
    }))
    .filter(({ gid }) => isId(gid));
}

function records(text: string, fields: number): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
    .filter((line) => line.length >= fields && line[fields - 1] !== '');
}

function isId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_ID;
}

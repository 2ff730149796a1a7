// The errors of choosing a mapping: each names the one thing that is wrong, on which file, and what puts it right.

import { RrunError } from '../errors.js';
import type { Caller } from './caller.js';
import type { SetidProgram } from './programs.js';

const INSTALL = 'install the package uidmap (Debian) or shadow-utils (Fedora), or use --userns=single';

/** Throws unless newuidmap and newgidmap can write maps with ranges for this caller. */
export function validateMapPrograms(caller: Caller): void {
  const { gid, loginGid, name, grantAuxGroups } = caller;
  validateProgram('newuidmap', 'uid', caller.newuidmap);
  validateProgram('newgidmap', 'gid', caller.newgidmap);
  // newgidmap compares the real group with the password entry and goes by the latter (shadow, src/newgidmap.c).
  if (loginGid !== undefined && gid !== loginGid && !grantAuxGroups) {
    throw new RrunError(
      'IDMAP_UNAVAILABLE',
      `cannot write a gid map with ranges: the current group ${gid} is not the login group ${loginGid} of user "${name ?? ''}", and newgidmap insists on that`,
      {
        hint: 'leave the shell of newgrp or sg first, set GRANT_AUX_GROUP_SUBIDS to yes in /etc/login.defs, or use --userns=single',
      },
    );
  }
}

function validateProgram(program: string, kind: 'uid' | 'gid', found: SetidProgram | undefined): void {
  const what = `cannot write a ${kind} map with ranges`;
  if (found === undefined)
    throw new RrunError('PROGRAM_MISSING', `${what}: ${program} not found in PATH`, { hint: INSTALL });
  const { path } = found;
  switch (found.problem) {
    case undefined:
      return;
    case 'no-new-privs':
      throw new RrunError(
        'IDMAP_UNAVAILABLE',
        `${what}: no_new_privs is set for this process, so ${path} gets no rights`,
        {
          hint: 'start rrun outside of what set it (NoNewPrivileges= of systemd, setpriv, a sandbox), or use --userns=single',
        },
      );
    case 'nosuid':
      throw new RrunError(
        'IDMAP_UNAVAILABLE',
        `${what}: ${path} lies on "${found.mountPoint ?? '/'}", which is mounted nosuid`,
        {
          hint: `mount "${found.mountPoint ?? '/'}" without nosuid, or use --userns=single`,
        },
      );
    case 'not-owned-by-root':
      throw new RrunError('IDMAP_UNAVAILABLE', `${what}: ${path} is setuid but not owned by root`, {
        hint: `run "chown root ${path} && chmod u+s ${path}" as root, or use --userns=single`,
      });
    case 'not-privileged':
      throw new RrunError(
        'IDMAP_UNAVAILABLE',
        `${what}: ${path} is neither setuid root nor has the capability cap_set${kind}`,
        {
          hint: `run "chmod u+s ${path}" as root, or use --userns=single`,
        },
      );
  }
}

/** The line that the administrator has to add. */
export function suggestLine(caller: Caller): string {
  const owner = caller.name ?? String(caller.uid);
  return `add "${owner}:${caller.subids.firstFree}:65536" to /etc/subuid and /etc/subgid`;
}

/** Real root without ranges: mapping its own id would make container root the root of the host. */
export function rootHasNoRanges(caller: Caller): RrunError {
  const file = caller.subids.uids.length > 0 ? '/etc/subgid' : '/etc/subuid';
  return new RrunError('IDMAP_UNAVAILABLE', `cannot map ids as root: no range for "root" or "containers" in ${file}`, {
    hint: `${suggestLine(caller)}, or run rrun as an ordinary user`,
  });
}

export function rootMayNotBeMapped(mode: string): RrunError {
  return new RrunError(
    'USAGE',
    `cannot use --userns=${mode} as root: it would map the root of the host into the container`,
    {
      hint: 'leave --userns out, or run rrun as an ordinary user',
    },
  );
}

export function nomapNeedsRanges(caller: Caller): RrunError {
  return new RrunError(
    'IDMAP_UNAVAILABLE',
    `cannot use --userns=nomap: no range for user "${caller.name ?? caller.uid}" in /etc/subuid and /etc/subgid`,
    {
      hint: `${suggestLine(caller)}, or leave --userns out`,
    },
  );
}

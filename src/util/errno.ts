// Names of errno values.

import { constants } from 'node:os';

/* Several names share a number (EAGAIN and EWOULDBLOCK, EOPNOTSUPP and ENOTSUP); the first one counts. */
const NAMES = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, value]) => [value, name]),
);

/** "EPERM" for 1; "errno 999" for what has no name here. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? (errno === 0 ? '0' : `errno ${errno}`);
}

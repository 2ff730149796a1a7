// The caller's home directory, for everything that is kept or configured there.

import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';

/** $HOME; that of the password database where it is unset, empty or relative. Undefined where that has none either. */
export function homeDirectory(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const home = env['HOME'];
  if (home !== undefined && isAbsolute(home)) return home;
  try {
    // Not homedir(), which believes any HOME.
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
    return undefined; // the uid has no entry
  }
}

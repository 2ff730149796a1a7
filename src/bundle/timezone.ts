// --tz: a zone of the host's database, bound over /etc/localtime, so that images without tzdata show the right time too.

import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { RrunError } from '../errors.js';
import type { SpecMount } from './spec.wire.js';

const ZONEINFO = '/usr/share/zoneinfo';

export interface TimezoneChoice {
  mount?: SpecMount;
  /** For TZ, where the host cannot supply the file. */
  env?: string;
}

export function chooseTimezone(tz: string | undefined): TimezoneChoice {
  if (tz === undefined || tz === '') return {};
  if (tz === 'local') return existsSync('/etc/localtime') ? { mount: bind(realpathSync('/etc/localtime')) } : {};
  const file = path.join(ZONEINFO, tz);
  if (!/^[A-Za-z0-9][\w+/-]*$/.test(tz) || !file.startsWith(`${ZONEINFO}/`)) throw unknownZone(tz);
  if (!existsSync(ZONEINFO)) return { env: tz };
  if (!isFile(file)) throw unknownZone(tz);
  return { mount: bind(realpathSync(file)) };
}

function bind(source: string): SpecMount {
  return { destination: '/etc/localtime', type: 'bind', source, options: ['bind', 'rprivate', 'ro'] };
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false; // absent, or a file with a slash behind it (ENOTDIR)
  }
}

function unknownZone(tz: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use time zone "${tz}": it is not in ${ZONEINFO}`, {
    hint: 'use a name such as Europe/Berlin, or "local"',
  });
}

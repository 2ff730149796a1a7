// The times of --since and --until: a moment, seconds since 1970, or how long ago; as Docker takes them.

import { RrunError } from '../errors.js';

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};
const MOMENT = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/** In the form of the log, UTC with nanoseconds, which sorts as text. */
export function parseLogTime(option: string, typed: string, nowMs: number): string {
  const time = parseSeconds(typed) ?? parseDuration(typed, nowMs) ?? parseMoment(typed);
  if (time !== undefined) return time;
  throw new RrunError('USAGE', `cannot use option "${option} ${typed}": invalid time`, {
    hint: 'write a time as in "2024-05-01T10:00:00Z", seconds since 1970, or how long ago as in "10m" or "1h30m"',
  });
}

function parseSeconds(typed: string): string | undefined {
  const [, seconds, fraction = ''] = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(typed) ?? [];
  return seconds === undefined ? undefined : logTime(Number(seconds) * 1000, fraction);
}

function parseDuration(typed: string, nowMs: number): string | undefined {
  if (!/^-?(?:\d+(?:\.\d+)?(?:h|ms|us|µs|ns|m|s))+$/.test(typed)) return undefined;
  let durationMs = 0;
  for (const [, count = '', unit = ''] of typed.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g))
    durationMs += Number(count) * (UNIT_MS[unit] ?? 0);
  const atMs = nowMs + (typed.startsWith('-') ? durationMs : -durationMs);
  return logTime(Math.floor(atMs / 1000) * 1000, (Math.floor(atMs) % 1000).toString().padStart(3, '0'));
}

/** Without a zone it is the caller's. */
function parseMoment(typed: string): string | undefined {
  const [, date, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = MOMENT.exec(typed) ?? [];
  if (date === undefined) return undefined;
  const atMs = Date.parse(`${date}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(atMs) ? undefined : logTime(atMs, fraction);
}

function logTime(wholeSecondsMs: number, fraction: string): string | undefined {
  const at = new Date(wholeSecondsMs);
  if (Number.isNaN(at.getTime())) return undefined;
  return `${at.toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}

// A container in words, as `ps` shows it: status, command line, mounts. The forms are Docker's, which scripts match on.

import { humanDuration, ellipsis } from '../util/units.js';
import type { ContainerRecord, ContainerState } from './record.js';

/** "Up 3 seconds", "Exited (0) 2 minutes ago", "Created". */
export function statusText(state: ContainerState, now: number): string {
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${humanDuration(now - Date.parse(state.startedAt ?? ''))}`;
    case 'exited':
      return `Exited (${state.exitCode}) ${humanDuration(now - Date.parse(state.finishedAt ?? ''))} ago`;
    case 'dead':
      return 'Dead';
  }
}

/** The command line of `ps`, quoted as Go's strconv.Quote; arguments with spaces in single quotes, cut at 20 columns unless `full`. */
export function commandText(record: ContainerRecord, full: boolean): string {
  const [program = '', ...args] = record.args;
  const line = [program, ...args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
  return goQuote(full ? line : ellipsis(line, 20));
}

/** Labels as "key=value,key=value", sorted. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

/** A string literal of Go. */
export function goQuote(text: string): string {
  const escapes: Record<string, string> = {
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '"': '\\"',
    '\\': '\\\\',
  };
  const body = text.replace(/["\\]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (escapes[char] !== undefined) return escapes[char];
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${body}"`;
}

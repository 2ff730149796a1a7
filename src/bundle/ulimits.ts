// --ulimit NAME=SOFT[:HARD] → process.rlimits.

import { RrunError } from '../errors.js';
import { closestWord } from '../util/text.js';
import { RLIMIT_UNLIMITED } from './parse-spec.js';
import type { SpecRlimit } from './spec.wire.js';

const NAMES = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];
/** Spelling of /proc/PID/limits for each name, where it is not the name. */
const PROC_NAMES: Record<string, string> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

/** A later limit of the same name replaces the earlier one. `hardLimits`: the caller's, which cannot be passed without privilege. */
export function makeRlimits(
  typedLimits: readonly string[],
  hardLimits: Readonly<Record<string, number>>,
): SpecRlimit[] {
  const limits = new Map<string, SpecRlimit>();
  for (const typed of typedLimits) {
    const { name, soft, hard } = parseUlimit(typed);
    const most = hardLimits[name] ?? Infinity;
    if (hard > most) {
      throw ulimitError(
        typed,
        `the hard limit of the caller is ${most}`,
        'raise it for your user in /etc/security/limits.conf, or ask for less',
      );
    }
    limits.set(name, { type: `RLIMIT_${name.toUpperCase()}`, soft: toWire(soft), hard: toWire(hard) });
  }
  return [...limits.values()];
}

/** Docker's syntax; -1 and "unlimited" are Infinity. */
export function parseUlimit(typed: string): { name: string; soft: number; hard: number } {
  const [name = '', value, ...more] = typed.split('=');
  if (value === undefined || more.length > 0)
    throw ulimitError(typed, 'invalid ulimit argument, want NAME=SOFT[:HARD]');
  if (!NAMES.includes(name)) {
    const near = closestWord(name, NAMES);
    throw ulimitError(
      typed,
      `invalid ulimit type: ${name}`,
      near === undefined ? `known are ${NAMES.join(', ')}` : `did you mean ${near}?`,
    );
  }
  const words = value.split(':');
  if (words.length > 2)
    throw ulimitError(typed, `too many limit value arguments - ${value}, can only have up to two, soft[:hard]`);
  const [soft, hard] = [words[0] ?? '', words[1] ?? words[0] ?? ''].map((word) => parseLimit(typed, word)) as [
    number,
    number,
  ];
  if (soft > hard)
    throw ulimitError(typed, `ulimit soft limit must be less than or equal to hard limit: ${words[0]} > ${words[1]}`);
  return { name, soft, hard };
}

function parseLimit(typed: string, word: string): number {
  if (word === '-1' || word === 'unlimited') return Infinity;
  if (!/^\d{1,15}$/.test(word)) throw ulimitError(typed, `"${word}" is not a number`);
  return Number(word);
}

function toWire(limit: number): number {
  return limit === Infinity ? RLIMIT_UNLIMITED : limit;
}

/** Hard limits of /proc/PID/limits by Docker's names. */
export function parseProcLimits(text: string): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [, label = '', hard = ''] = /^(.+?)\s+(?:\d+|unlimited)\s+(\d+|unlimited)/.exec(line) ?? [];
    const name = PROC_NAMES[label.trim()];
    if (name !== undefined) limits[name] = hard === 'unlimited' ? Infinity : Number(hard);
  }
  return limits;
}

function ulimitError(typed: string, why: string, hint?: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use --ulimit "${typed}": ${why}`, { hint });
}

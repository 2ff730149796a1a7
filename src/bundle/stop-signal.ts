// Signal names and numbers as --stop-signal, STOPSIGNAL and kill take them.

import { constants } from 'node:os';
import { RrunError } from '../errors.js';

/** Of the C library: the kernel's first two real-time signals are kept by it. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

export interface NamedSignal {
  name: string;
  number: number;
}

/** "TERM", "sigterm", "15", "RTMIN+3", "RTMAX-1". */
export function parseSignal(typed: string): NamedSignal {
  const word = typed.trim().toUpperCase();
  if (/^\d{1,2}$/.test(word)) {
    const number = Number(word);
    if (number >= 1 && number <= SIGRTMAX) return { name: signalName(number), number };
  }
  const short = word.replace(/^SIG/, '');
  const [, base, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(short) ?? [];
  if (base !== undefined) {
    const number = (base === 'MIN' ? SIGRTMIN : SIGRTMAX) + (sign === '-' ? -1 : 1) * Number(offset ?? 0);
    if (number >= SIGRTMIN && number <= SIGRTMAX) return { name: signalName(number), number };
  }
  const number = (constants.signals as Record<string, number | undefined>)[`SIG${short}`];
  if (number !== undefined) return { name: signalName(number), number };
  throw new RrunError('CONFIG_INVALID', `cannot use signal "${typed}": invalid signal`, {
    hint: 'use a name such as SIGTERM or a number from 1 to 64',
  });
}

export function signalName(number: number): string {
  const entry = Object.entries(constants.signals).find(([, value]) => value === number);
  if (entry !== undefined) return entry[0];
  return number <= SIGRTMIN + 15 ? `SIGRTMIN+${number - SIGRTMIN}` : `SIGRTMAX-${SIGRTMAX - number}`;
}

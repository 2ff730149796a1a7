// How stop and restart end a container: options, else what the container was created with.

import { parseSignal } from '../bundle/stop-signal.js';
import type { ContainerRecord } from '../container/record.js';
import type { StopOptions } from '../container/signal.js';
import { RrunError } from '../errors.js';
import type { FlagTable, FlagValues } from './command.js';

export const STOP_FLAGS = {
  signal: {
    type: 'string',
    short: 's',
    emptyIsUnset: true,
    help: "Signal to send (default the container's stop signal)",
  },
  time: {
    type: 'number',
    short: 't',
    aliases: ['timeout'],
    value: 'seconds',
    help: "Time to end before it is killed, -1 for no end of it (default the container's, else 10)",
  },
} as const satisfies FlagTable;

const DEFAULT_SECONDS = 10;

/** Checks the flags, and gives what they mean for one container. */
export function stopOptions(flags: FlagValues<typeof STOP_FLAGS>): (record: ContainerRecord) => StopOptions {
  const typed = flags.signal === undefined ? undefined : usableSignal(flags.signal);
  return ({ stopSignal, options: { stopTimeout } }) => {
    const seconds = flags.time ?? stopTimeout ?? DEFAULT_SECONDS;
    return { signal: typed ?? parseSignal(stopSignal).number, timeoutMs: seconds < 0 ? Infinity : seconds * 1000 };
  };
}

/** As parseSignal(), but a wrong one is a wrong command line. */
export function usableSignal(typed: string): number {
  try {
    return parseSignal(typed).number;
  } catch (cause) {
    if (!(cause instanceof RrunError)) throw cause;
    throw new RrunError('USAGE', cause.message, { hint: cause.hint, cause });
  }
}

// rrun logs: what a container has printed.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';

export const command = defineCommand({
  name: 'logs',
  summary: 'Show what a container has printed',
  usage: '[OPTIONS] CONTAINER',
  description: 'What went to its stdout goes to stdout, what went to its stderr to stderr.',
  examples: [
    { command: 'rrun logs web', does: 'show everything' },
    { command: 'rrun logs -f --tail 20 web', does: 'show the last 20 lines, and what follows until it ends' },
    { command: 'rrun logs -t --since 10m web', does: 'show the last ten minutes, with times' },
  ],
  flags: {
    details: {
      type: 'boolean',
      help: 'Show the extra attributes of each line; there are none, but the place for them',
    },
    follow: { type: 'boolean', short: 'f', help: 'Go on until the container has ended' },
    since: {
      type: 'string',
      value: 'time',
      help: 'Only from this time on ("2024-05-01T10:00:00Z"), or so long ago ("10m")',
    },
    tail: { type: 'string', short: 'n', value: 'lines', default: 'all', help: 'Only so many lines from the end' },
    timestamps: { type: 'boolean', short: 't', help: 'Show the time of each line' },
    until: { type: 'string', value: 'time', help: 'Only up to this time, or so long ago' },
  },
  args: { min: 1, max: 1 },
  fast: true,
  async run(context, { flags, args: [name = ''] }) {
    const { parseLogTime } = await import('../../container/log-time.js');
    const now = Date.now();
    const request = {
      follow: flags.follow,
      tail: parseTail(flags.tail),
      since: flags.since ? parseLogTime('--since', flags.since, now) : undefined,
      until: flags.until ? parseLogTime('--until', flags.until, now) : undefined,
    };
    const [store, { findContainer }, { readLogs }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/logs.js'),
    ]);
    const container = await findContainer(store, name, 'show the logs of');
    await readLogs(store, container, request, ({ log, stream, time }) => {
      const text = `${flags.timestamps ? `${time} ` : ''}${flags.details ? ' ' : ''}${log}`;
      (stream === 'stdout' ? context.stdout : context.stderr).write(text);
    });
    return 0;
  },
});

/** "all", and as with Docker any negative number, is all of them. */
function parseTail(typed: string): number | undefined {
  if (typed === 'all' || typed === '' || /^-\d{1,9}$/.test(typed)) return undefined;
  if (/^\d{1,9}$/.test(typed)) return Number(typed);
  throw new RrunError('USAGE', `cannot use option "--tail ${typed}": want a number of lines, or "all"`);
}

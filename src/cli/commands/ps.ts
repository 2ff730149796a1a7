// rrun ps: lists containers. Takes no lock and loads no koffi.

import type { Container } from '../../container/list.js';
import type { Store } from '../../store/store.js';
import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';

const TABLE = '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}';

export const command = defineCommand({
  name: 'ps',
  summary: 'List containers',
  usage: '[OPTIONS]',
  description: 'Lists the running containers; with --all also those that were only created or have ended.',
  examples: [
    { command: 'rrun ps', does: 'list what runs' },
    { command: 'rrun ps -a --filter label=project=x', does: 'list all containers with a label' },
    { command: "rrun ps -a --format '{{.Names}}\\t{{.Status}}'", does: 'print names and states' },
  ],
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Show all containers, not only the running ones' },
    filter: { type: 'strings', short: 'f', value: 'filter', help: 'Show only those that match, as in "status=exited"' },
    format: {
      type: 'string',
      value: 'string',
      help: 'Print with a Go template: "table", "table TEMPLATE", "json" or TEMPLATE',
    },
    last: {
      type: 'number',
      short: 'n',
      default: -1,
      help: 'Show the n containers that were created last, in any state',
    },
    latest: { type: 'boolean', short: 'l', help: 'Show the container that was created last, in any state' },
    'no-trunc': { type: 'boolean', help: 'Do not cut ids and commands' },
    quiet: { type: 'boolean', short: 'q', help: 'Print the ids only' },
    size: { type: 'boolean', short: 's', help: 'Show what the container has written, and with its image' },
  },
  args: { min: 0, max: 0 },
  fast: true,
  async run(context, { flags }) {
    const [{ containerFields }, { formatList, labelHeader }] = await Promise.all([
      import('../../container/row.js'),
      import('../table.js'),
    ]);
    const store = await context.store();
    const limit = flags.latest ? 1 : Math.max(0, flags.last);
    const containers = await select(store, { filters: flags.filter, all: flags.all, limit });
    const withSize = flags.size || /\.Size\b/.test(flags.format ?? '');
    const sizes = withSize ? await sizesOf(store, containers) : undefined;
    const fields = containerFields({
      full: flags['no-trunc'],
      now: Date.now(),
      ...(sizes === undefined ? {} : { sizes }),
    });
    context.stdout.write(
      formatList({
        items: containers,
        columns: {
          ...fields,
          Label: { header: labelHeader, method: ({ record }: Container, name: string) => record.labels[name] ?? '' },
        },
        table: flags.size ? `${TABLE}\t{{.Size}}` : TABLE,
        format: flags.format,
        quiet: flags.quiet ? '{{.ID}}' : undefined,
      }),
    );
    return 0;
  },
});

interface Selection {
  filters: string[];
  all: boolean;
  /** 0: no limit. */
  limit: number;
}

async function select(store: Store, { filters, all, limit }: Selection): Promise<Container[]> {
  const { listContainers } = await import('../../container/list.js');
  if (filters.length === 0) {
    const containers = await listContainers(store, { runningOnly: !all && limit === 0 });
    return limit === 0 ? containers : containers.slice(0, limit);
  }
  const [{ FILTER_NAMES, makeFilter }, { parseFilters }] = await Promise.all([
    import('../../container/filter.js'),
    import('../filters.js'),
  ]);
  const values = parseFilters(filters, FILTER_NAMES, 'rrun ps');
  const test = await makeFilter(store, values, (name) => imageId(store, name));
  // As with Docker, who asks for a state gets those that do not run, too.
  const everything = all || limit > 0 || values.has('status');
  const containers = (await listContainers(store, { runningOnly: !everything })).filter(test);
  return limit === 0 ? containers : containers.slice(0, limit);
}

/** What --filter ancestor= compares; undefined where there is no such image. */
async function imageId(store: Store, name: string): Promise<string | undefined> {
  const { findImage } = await import('../../image/search.js');
  try {
    return (await findImage(store, name))?.id;
  } catch (error) {
    if (error instanceof RrunError) return undefined;
    throw error;
  }
}

async function sizesOf(store: Store, containers: readonly Container[]): Promise<Map<string, string>> {
  const [{ containerSize }, { humanSize }] = await Promise.all([
    import('../../container/size.js'),
    import('../../util/units.js'),
  ]);
  const sizes = new Map<string, string>();
  for (const container of containers) {
    const { written, total } = await containerSize(store, container);
    sizes.set(container.record.id, `${humanSize(written)} (virtual ${humanSize(total)})`);
  }
  return sizes;
}

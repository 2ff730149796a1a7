// rrun images: what is in the store.

import type { LocalImage } from '../../image/local-image.js';
import { defineCommand } from '../command.js';

const FILTERS = ['dangling', 'reference', 'label', 'before', 'since'] as const;
const TABLE = '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}';
const TABLE_WITH_DIGESTS = '{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}';

export const command = defineCommand({
  name: 'images',
  summary: 'List images',
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  examples: [
    { command: 'rrun images', does: 'list all images' },
    { command: "rrun images --format '{{.Repository}}:{{.Tag}} {{.Size}}'", does: 'list names and sizes' },
    { command: 'rrun images -q --filter dangling=true', does: 'list the ids of images without a name' },
  ],
  flags: {
    all: { type: 'boolean', short: 'a', help: 'List all images (there are no hidden ones)' },
    digests: { type: 'boolean', help: 'Show the digests that the registries gave' },
    filter: {
      type: 'strings',
      short: 'f',
      value: 'KEY=VALUE',
      help: 'Only those that fit: dangling, reference, label, before, since',
    },
    format: { type: 'string', value: 'TEMPLATE', help: '"table", "table TEMPLATE", "json" or a Go template' },
    'no-trunc': { type: 'boolean', help: 'Show ids in full' },
    quiet: { type: 'boolean', short: 'q', help: 'Show ids only' },
  },
  args: { min: 0, max: 1 },
  async run(context, { flags, args }) {
    const [{ listImages }, { parseFilters }, { formatList }, { filterImages, imageColumns }, store] = await Promise.all(
      [
        import('../../image/search.js'),
        import('../filters.js'),
        import('../table.js'),
        import('../image-rows.js'),
        context.store(),
      ],
    );
    const filters = parseFilters(flags.filter, FILTERS, 'rrun images');
    const images = filterImages(await listImages(store), filters, args[0]);
    context.stdout.write(
      formatList<LocalImage>({
        items: images,
        columns: imageColumns({ full: flags['no-trunc'] }),
        table: flags.digests ? TABLE_WITH_DIGESTS : TABLE,
        format: flags.format,
        ...(flags.quiet ? { quiet: '{{.ID}}' } : {}),
      }),
    );
    return 0;
  },
});

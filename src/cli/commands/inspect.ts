// rrun inspect: everything about containers and images, as the JSON that Docker gives.

import type { JsonObject } from '../../container/json.js';
import { RrunError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import { defineCommand } from '../command.js';
import { forEachName } from '../each.js';

export const command = defineCommand({
  name: 'inspect',
  summary: 'Show everything about containers and images',
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  description:
    "Prints a JSON array with Docker's field names. A name is first looked for among the containers, then among the images.",
  examples: [
    { command: 'rrun inspect box', does: 'show the container "box"' },
    { command: "rrun inspect -f '{{.State.ExitCode}}' box", does: 'print one field' },
    { command: 'rrun inspect --type image alpine', does: 'show an image' },
  ],
  flags: {
    format: { type: 'string', short: 'f', value: 'string', help: 'Print with a Go template, or "json"' },
    size: { type: 'boolean', short: 's', help: 'Show sizes of containers' },
    type: { type: 'string', value: 'string', choices: ['container', 'image'], help: 'Look among these only' },
  },
  args: { min: 1, max: Infinity },
  fast: true,
  async run(context, { flags, args }) {
    const store = await context.store();
    const { compileTemplate } = await import('../template.js');
    const template =
      flags.format === undefined ? undefined : compileTemplate(flags.format === 'json' ? '{{json .}}' : flags.format);
    const documents: JsonObject[] = [];
    const code = await forEachName(context, args, async (name) => {
      const document = await inspect(store, name, flags);
      if (template === undefined) documents.push(document);
      else context.stdout.write(`${template.execute(document)}\n`);
    });
    if (template === undefined)
      context.stdout.write(`${documents.length === 0 ? '[]' : JSON.stringify(documents, null, 4)}\n`);
    return code;
  },
});

interface Wanted {
  type?: string | undefined;
  size: boolean;
}

async function inspect(store: Store, name: string, { type, size }: Wanted): Promise<JsonObject> {
  if (type !== 'image') {
    const found = await tryInspectContainer(store, name, size);
    if (found !== undefined) return found;
  }
  if (type !== 'container') {
    const { tryInspectImage } = await import('../../container/inspect-image.js');
    const found = await tryInspectImage(store, name);
    if (found !== undefined) return found;
  }
  throw new RrunError('NOT_FOUND', `cannot inspect "${name}": no such ${type ?? 'container or image'}`);
}

async function tryInspectContainer(store: Store, name: string, size: boolean): Promise<JsonObject | undefined> {
  const [{ tryFindContainer }, { inspectContainer }] = await Promise.all([
    import('../../container/list.js'),
    import('../../container/inspect.js'),
  ]);
  const container = await tryFindContainer(store, name);
  if (container === undefined) return undefined;
  const document = inspectContainer(container);
  if (!size) return document;
  const { containerSize } = await import('../../container/size.js');
  const { written, total } = await containerSize(store, container);
  return { ...document, SizeRw: written, SizeRootFs: total };
}

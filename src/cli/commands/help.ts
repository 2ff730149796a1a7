// rrun help [COMMAND].

import { RrunError } from '../../errors.js';
import { closestWord, quote } from '../../util/text.js';
import { defineCommand } from '../command.js';
import { commandHelp, mainHelp } from '../help.js';

export const command = defineCommand({
  name: 'help',
  summary: 'Show how rrun or one of its commands is used',
  usage: '[COMMAND]',
  examples: [{ command: 'rrun help run', does: 'show the options of "rrun run"' }],
  flags: {},
  args: { min: 0, max: 1 },
  fast: true,
  standalone: true,
  async run(context, { args: [name] }) {
    const { names, load } = context.commands;
    if (name === undefined) {
      const all = await Promise.all(names.map((each) => load(each)));
      context.stdout.write(mainHelp(all.filter((each) => each !== undefined)));
      return 0;
    }
    const found = await load(name);
    if (found === undefined) {
      const close = closestWord(name, names);
      throw new RrunError('USAGE', `cannot show help for ${quote(name)}: rrun has no such command`, {
        hint: close === undefined ? 'see "rrun help" for the list' : `did you mean "${close}"?`,
      });
    }
    context.stdout.write(commandHelp(found));
    return 0;
  },
});

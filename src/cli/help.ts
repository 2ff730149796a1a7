// Text of --help, laid out as Docker's: usage, what it does, examples, options in two columns.

import type { AnyCommand, FlagSpec, FlagTable } from './command.js';
import { GLOBAL_FLAGS } from './context.js';

const WIDTH = 100;

/** The help of one command. */
export function commandHelp(command: AnyCommand): string {
  const parts = [`Usage:  rrun ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`, command.summary];
  if (command.description !== undefined) parts.push(wrapLines(command.description.trim()));
  if (command.aliases !== undefined && command.aliases.length > 0) {
    parts.push(
      ['Aliases:', `  ${[command.name, ...command.aliases].map((name) => `rrun ${name}`).join(', ')}`].join('\n'),
    );
  }
  if (command.examples !== undefined && command.examples.length > 0) {
    const width = Math.max(...command.examples.map((example) => example.command.length));
    const rows = command.examples.map(({ command: typed, does }) =>
      width <= 56 ? `  ${typed.padEnd(width)}   ${does}` : `  # ${does}\n  ${typed}`,
    );
    parts.push(['Examples:', ...rows].join('\n'));
  }
  const options = flagRows(command.flags);
  if (options.length > 0) parts.push(['Options:', ...options].join('\n'));
  parts.push('The options of rrun itself (--root, --storage-driver, --debug, ...) may be given too: see "rrun help".');
  return `${parts.join('\n\n')}\n`;
}

/** The help of rrun itself. */
export function mainHelp(commands: readonly AnyCommand[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const list = commands.map((command) => `  ${command.name.padEnd(width)}   ${command.summary}`);
  return (
    [
      'Usage:  rrun [GLOBAL OPTIONS] COMMAND [ARG...]\n        rrun [GLOBAL OPTIONS] IMAGE [COMMAND] [ARG...]',
      'Run containers as an ordinary user, without a daemon',
      [
        'Examples:',
        '  rrun run -it alpine            start a shell in a new container',
        '  rrun alpine cat /etc/os-release   short for "rrun run alpine cat /etc/os-release"',
        '  rrun ps -a                     list the containers, ended ones too',
        '  rrun info                      show what this machine offers, and what rrun chose',
      ].join('\n'),
      ['Commands:', ...list].join('\n'),
      [
        'Global options:',
        ...flagRows({ ...GLOBAL_FLAGS, version: { type: 'boolean', short: 'v', help: 'Print the version' } }),
      ].join('\n'),
      'Run "rrun COMMAND --help" for more on a command.',
    ].join('\n\n') + '\n'
  );
}

function flagRows(flags: FlagTable): string[] {
  const shown = Object.entries(flags).filter(([, spec]) => spec.hidden !== true);
  const rows = shown
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => [flagHead(name, spec), flagText(spec)] as const);
  const width = Math.min(34, Math.max(0, ...rows.map(([head]) => head.length)));
  return rows.map(([head, text]) => {
    const lines = wrap(text, WIDTH - width - 5);
    const start = head.length > width ? `  ${head}\n${' '.repeat(width + 5)}` : `  ${head.padEnd(width)}   `;
    return start + lines.join(`\n${' '.repeat(width + 5)}`);
  });
}

function flagHead(name: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const value = valueName(spec);
  return `${short}--${name}${value === '' ? '' : ` ${value}`}`;
}

function valueName(spec: FlagSpec): string {
  switch (spec.type) {
    case 'boolean':
    case 'tristate':
      return '';
    case 'string':
      return spec.value ?? spec.choices?.join('|') ?? 'string';
    case 'strings':
      return spec.value ?? 'list';
    case 'number':
      return spec.value ?? 'int';
  }
}

function flagText(spec: FlagSpec): string {
  if (spec.default === undefined || spec.default === false || spec.default === '') return spec.help;
  return `${spec.help} (default ${typeof spec.default === 'string' ? JSON.stringify(spec.default) : String(spec.default)})`;
}

function wrapLines(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => wrap(line, WIDTH))
    .join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

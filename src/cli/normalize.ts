// Gives the flags that flags.ts has split to meow, which types them, gathers lists and fills in defaults.
// Not used by the launch commands: loading meow costs 15 to 20 ms, more than compiling a launch; collectFlags() gives the same.

import type { AnyFlag } from 'meow';
import type { FlagSpec, FlagTable, FlagValues, Parsed } from './command.js';
import type { FlagToken } from './flags.js';

/** As collectFlags(), by meow. */
export async function normalizeFlags<T extends FlagTable>(
  tokens: readonly FlagToken[],
  flags: T,
): Promise<Omit<Parsed<T>, 'args'>> {
  const { default: meow } = await import('meow');
  const given = new Set(tokens.map((token) => token.name));
  const argv = lastOrAll(tokens, flags).map(({ name, value }) => `--${name}=${guardQuotes(value)}`);
  const result = meow({
    importMeta: import.meta,
    pkg: { name: 'rrun' },
    argv,
    autoHelp: false,
    autoVersion: false,
    flags: Object.fromEntries(Object.entries(flags).map(([name, spec]) => [camelCase(name), meowFlag(spec)])),
  });
  const typed = result.flags as Record<string, unknown>;
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(flags)) {
    const value = typed[camelCase(name)];
    values[name] = spec.type === 'tristate' && !given.has(name) ? spec.default : value;
  }
  return { flags: values as FlagValues<T>, given };
}

/** meow refuses a flag that is given twice unless it is a list; Docker takes the last. */
function lastOrAll(tokens: readonly FlagToken[], flags: FlagTable): FlagToken[] {
  const last = new Map(tokens.map((token) => [token.name, token]));
  return tokens.filter((token) => flags[token.name]?.type === 'strings' || last.get(token.name) === token);
}

/** yargs-parser removes one pair of quotes around a value, which the shell has done, and drops an empty one from a list: quote such values. */
function guardQuotes(value: string): string {
  const first = value[0] ?? '"';
  const quoted = value === '' || ((first === '"' || first === "'") && value.endsWith(first));
  return quoted ? `${first}${value}${first}` : value;
}

function meowFlag(spec: FlagSpec): AnyFlag {
  if (spec.type === 'strings') return { type: 'string', isMultiple: true };
  const flag = {
    type: spec.type === 'tristate' ? 'boolean' : spec.type,
    ...(spec.default === undefined ? {} : { default: spec.default }),
  };
  // A table of ours is written for one type at a time; that a default fits its type is for defineCommand() to know.
  return flag as AnyFlag;
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

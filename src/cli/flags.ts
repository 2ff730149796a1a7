// The grammar of Docker's command line (pflag's): which words are flags, which are values, and where flags end.
// Exact by construction, because what it gets wrong would be passed to a container; meow and yargs-parser take "-it", "--no-x"
// and quoted values apart in ways of their own, so they only ever see what this file has split (normalize.ts).

import { RrunError } from '../errors.js';
import { alternatives, closestWord, quote } from '../util/text.js';
import type { FlagSpec, FlagTable, FlagValues, Parsed } from './command.js';

/** One flag of the command line: its long name, and the value in the form it is checked to have ("true" and "false" for booleans). */
export interface FlagToken {
  name: string;
  value: string;
}

export interface SplitResult {
  tokens: FlagToken[];
  args: string[];
  /** --help was asked for: nothing after it was looked at. */
  help: boolean;
}

export interface SplitRequest {
  argv: readonly string[];
  flags: FlagTable;
  /** The first word that is no flag ends the flags; it and all that follow are args, "--" included. */
  stopAtFirst: boolean;
  /** "rrun run": the start of a command line, for messages. */
  called: string;
}

/** Splits argv into flags and other words; throws USAGE on whatever is no flag of the table or has no usable value. */
export function splitFlags(request: SplitRequest): SplitResult {
  const names = indexFlags(request.flags);
  const result: SplitResult = { tokens: [], args: [], help: false };
  const rest = [...request.argv];
  while (rest.length > 0 && !result.help) {
    const word = rest.shift() as string;
    if (word === '--') {
      result.args.push(...rest);
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      result.args.push(word);
      if (!request.stopAtFirst) continue;
      result.args.push(...rest);
      break;
    }
    if (word.startsWith('--')) takeLong(word, { rest, names, request, result });
    else takeShort(word, { rest, names, request, result });
  }
  return result;
}

interface FlagNames {
  long: Map<string, { name: string; spec: FlagSpec }>;
  short: Map<string, { name: string; spec: FlagSpec }>;
}

interface Splitting {
  /** Words that are still to be looked at. */
  rest: string[];
  names: FlagNames;
  request: SplitRequest;
  result: SplitResult;
}

function indexFlags(flags: FlagTable): FlagNames {
  const names: FlagNames = { long: new Map(), short: new Map() };
  for (const [name, spec] of Object.entries(flags)) {
    const entry = { name, spec };
    for (const long of [name, ...(spec.aliases ?? [])]) names.long.set(long, entry);
    if (spec.short !== undefined) names.short.set(spec.short, entry);
  }
  return names;
}

function isBoolean(spec: FlagSpec): boolean {
  return spec.type === 'boolean' || spec.type === 'tristate';
}

function takeLong(word: string, { rest, names, request, result }: Splitting): void {
  const equals = word.indexOf('=');
  const typed = equals === -1 ? word.slice(2) : word.slice(2, equals);
  if (typed === '' || typed.startsWith('-')) {
    throw usage(`cannot use option ${quote(word)}: it has no name`, `see "${request.called} --help"`);
  }
  const found = names.long.get(typed);
  if (found === undefined) {
    if (typed === 'help') {
      result.help = true;
      return;
    }
    throw unknownFlag(`--${typed}`, names, request);
  }
  let value: string;
  if (equals !== -1) value = word.slice(equals + 1);
  else if (isBoolean(found.spec)) value = 'true';
  else value = nextWord(`--${typed}`, rest, request);
  take(result, found, { typed: `--${typed}`, value });
}

/** "-it", "-eA=B", "-e A=B", "-e=A=B", "-t=false": booleans may be joined; the first letter that wants a value takes the rest. */
function takeShort(word: string, { rest, names, request, result }: Splitting): void {
  let letters = word.slice(1);
  while (letters !== '') {
    const letter = String.fromCodePoint(letters.codePointAt(0) as number);
    letters = letters.slice(letter.length);
    const found = names.short.get(letter);
    if (found === undefined) {
      if (letter === 'h') {
        result.help = true;
        return;
      }
      throw unknownFlag(`-${letter}`, names, request, word);
    }
    let value: string;
    // pflag: "=" directly after the letter starts the value, unless nothing follows it ("-e=" is the value "=").
    if (letters.length > 1 && letters.startsWith('=')) [value, letters] = [letters.slice(1), ''];
    else if (isBoolean(found.spec)) value = 'true';
    else if (letters !== '') [value, letters] = [letters, ''];
    else value = nextWord(`-${letter}`, rest, request);
    take(result, found, { typed: `-${letter}`, value });
  }
}

function take(
  result: SplitResult,
  { name, spec }: { name: string; spec: FlagSpec },
  { typed, value }: { typed: string; value: string },
): void {
  if (value === '' && spec.emptyIsUnset === true) result.tokens = result.tokens.filter((token) => token.name !== name);
  else result.tokens.push({ name, value: checkValue(typed, value, spec) });
}

function nextWord(typed: string, rest: string[], request: SplitRequest): string {
  const value = rest.shift();
  if (value === undefined) {
    throw usage(`cannot use option ${quote(typed)}: it needs a value`, `see "${request.called} --help"`);
  }
  return value;
}

// The words of Go's strconv.ParseBool.
const TRUE_WORDS = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE_WORDS = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

function checkValue(typed: string, value: string, spec: FlagSpec): string {
  if (value.includes('\0')) throw usage(`cannot use option ${quote(typed)}: its value contains a NUL character`);
  if (isBoolean(spec)) {
    if (TRUE_WORDS.has(value)) return 'true';
    if (FALSE_WORDS.has(value)) return 'false';
    throw usage(`cannot use option ${quote(`${typed}=${value}`)}: want true or false`);
  }
  if (spec.type === 'number' && !/^[+-]?\d{1,15}$/.test(value)) {
    throw usage(`cannot use option ${quote(`${typed} ${value}`)}: ${quote(value)} is not a whole number`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    const close = closestWord(value, spec.choices);
    throw usage(
      `cannot use option ${quote(`${typed} ${value}`)}: want ${alternatives(spec.choices)}`,
      close === undefined ? undefined : `did you mean "${close}"?`,
    );
  }
  return value;
}

function unknownFlag(typed: string, names: FlagNames, request: SplitRequest, word = typed): RrunError {
  const where = word === typed ? '' : ` in ${quote(word)}`;
  const message = `cannot use option ${quote(typed)}${where}: "${request.called}" has no such option`;
  const visible = [...names.long].filter(([, entry]) => entry.spec.hidden !== true).map(([name]) => name);
  // One dash too few is the commonest slip: "-rm", "-name=x".
  const meant = word.startsWith('--') ? word.slice(2) : word.slice(1).split('=', 1)[0];
  const close = names.long.has(meant ?? '') ? meant : closestWord((meant ?? '').split('=', 1)[0] ?? '', visible);
  return usage(message, close === undefined ? `see "${request.called} --help"` : `did you mean "--${close}"?`);
}

function usage(message: string, hint?: string): RrunError {
  return new RrunError('USAGE', message, { hint });
}

/** Turns split flags into typed values, defaults included. */
export function collectFlags<T extends FlagTable>(tokens: readonly FlagToken[], flags: T): Omit<Parsed<T>, 'args'> {
  const values: Record<string, boolean | string | number | string[] | undefined> = {};
  for (const [name, spec] of Object.entries(flags)) {
    if (spec.type === 'strings') values[name] = [];
    else values[name] = spec.default ?? (spec.type === 'boolean' ? false : undefined);
  }
  const given = new Set<string>();
  for (const { name, value } of tokens) {
    given.add(name);
    const list = values[name];
    const type = (flags[name] as FlagSpec).type;
    if (Array.isArray(list)) list.push(value);
    else if (type === 'number') values[name] = Number(value);
    else values[name] = type === 'string' ? value : value === 'true';
  }
  return { flags: values as FlagValues<T>, given };
}

// What a command is: its words for the help, its table of flags, and the function that does it.
// A command file loads nothing heavy at its top: modules that read the store or the host are imported inside run().

import type { Config } from '../host/config.js';
import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';

/**
 * How a flag is written and what it becomes.
 * `boolean` false unless given; `tristate` undefined unless given; `string` and `number` the last one wins;
 * `strings` all of them in order, never split at commas (Docker's list options).
 */
export type FlagType = 'boolean' | 'tristate' | 'string' | 'strings' | 'number';

export interface FlagSpec {
  type: FlagType;
  /** One letter, without the dash. */
  short?: string;
  /** Other long names that mean the same, not shown in the help: `net` for `network`. */
  aliases?: readonly string[];
  /** Name of the value in the help ("list", "string", "bytes", …); "string", "list" or "int" by type unless given. */
  value?: string;
  /** One line for --help, without a final period. */
  help: string;
  /** Used where the flag is not given, and shown in the help. */
  default?: boolean | string | number;
  /** The only values that are allowed. */
  choices?: readonly string[];
  /** Accepted but not listed. */
  hidden?: boolean;
  /** Docker: an empty value is as good as none, so that scripts may write --name "$NAME". */
  emptyIsUnset?: boolean;
}

/** Long name as typed, without dashes → what it is. */
export type FlagTable = Readonly<Record<string, FlagSpec>>;

export type FlagValue<F extends FlagSpec> = F['type'] extends 'boolean'
  ? boolean
  : F['type'] extends 'tristate'
    ? boolean | undefined
    : F['type'] extends 'strings'
      ? string[]
      : F['type'] extends 'number'
        ? F extends { default: number }
          ? number
          : number | undefined
        : F extends { default: string }
          ? string
          : string | undefined;

/** Values by long name as typed: `flags['no-trunc']`. Flags that were not given are present with their default. */
export type FlagValues<T extends FlagTable> = { [Name in keyof T]: FlagValue<T[Name]> };

export interface Parsed<T extends FlagTable> {
  flags: FlagValues<T>;
  /** What is no flag, in order; for `stopAtFirst` everything from the first such word on, untouched. */
  args: string[];
  /** Long names that stood on the command line. */
  given: ReadonlySet<string>;
}

/** A stream that commands print to. Writing to a reader that has gone ends the command without a word. */
export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width of the terminal; undefined where it is none. */
  readonly columns: number | undefined;
}

export interface GlobalOptions {
  /** DATA: images, layers, containers, volumes. */
  root: HostPath;
  /** --storage-driver or the configuration's; undefined: the best that works. */
  storageDriver?: string | undefined;
  debug: boolean;
  /** Files, environment and global options, merged; where each value came from. */
  config: Config;
}

/** What a command gets from the outside; commands never touch process.* themselves. */
export interface Context {
  stdout: Output;
  stderr: Output;
  stdinIsTTY: boolean;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  global: GlobalOptions;
  /** Opens the store at the first call. */
  store(): Promise<Store>;
  /** RUN: --runroot, or the first directory of the ladder that is ours. */
  runRoot(): Promise<HostPath>;
  /** The commands there are, for `help`. */
  commands: CommandIndex;
  /** One line on stderr: `rrun: note: TEXT`. */
  note(text: string): void;
  /** One line on stderr: `rrun: warning: TEXT`. */
  warn(text: string): void;
}

export interface CommandIndex {
  names: readonly string[];
  load(name: string): Promise<AnyCommand | undefined>;
}

export interface Example {
  /** Without the prompt: "rrun ps -a". */
  command: string;
  /** What it does: "list all containers". */
  does: string;
}

export interface Command<T extends FlagTable = FlagTable> {
  name: string;
  aliases?: readonly string[];
  /** One line for the list of commands, without a final period. */
  summary: string;
  /** What follows the name: "[OPTIONS] IMAGE [COMMAND] [ARG...]". */
  usage: string;
  /** More than the summary, for --help. Lines that are too long are broken. */
  description?: string;
  examples?: readonly Example[];
  flags: T;
  /** How many words that are no flags; checked before run(). */
  args: { min: number; max: number };
  /** Parse flags only before the first word that is none (run, exec, create, explain). */
  stopAtFirst?: boolean;
  /** Type the flags without meow, which costs 15 to 20 ms. */
  fast?: boolean;
  /** Needs neither configuration nor store, and works where those are broken. */
  standalone?: boolean;
  /** Returns the exit code; failures are thrown as RrunError. */
  run(context: Context, parsed: Parsed<T>): Promise<number>;
}

/** Gives a command its types; the command files export the result as `command`. */
export function defineCommand<const T extends FlagTable>(command: Command<T>): Command<T> {
  return command;
}

/** The form in which the table of commands holds any of them. */
export type AnyCommand = Command<FlagTable>;

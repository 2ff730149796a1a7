// Finds the command, gives it its flags, prints what it throws, sets the exit code. Nothing else does any of these.

import { RrunError } from '../errors.js';
import { closestWord, quote, shellWord } from '../util/text.js';
import { VERSION } from '../util/version.js';
import type { AnyCommand, CommandIndex, FlagTable, Output } from './command.js';
import { COMMAND_NAMES, LAUNCH_COMMANDS, isLaunchName, isReservedName, tryLoadCommand } from './commands.js';
import { GLOBAL_FLAGS, makeBareContext, makeContext } from './context.js';
import type { GlobalValues, Outside } from './context.js';
import { collectFlags, splitFlags } from './flags.js';
import type { FlagToken } from './flags.js';
import { isInternal, runInternal } from './internal.js';
import { DescriptorOutput } from './output.js';
import { printError } from './print-error.js';

const PARENT_FLAGS = {
  ...GLOBAL_FLAGS,
  version: { type: 'boolean', short: 'v', help: 'Print the version' },
} as const satisfies FlagTable;

/** Runs one command line and returns its exit code; never throws. */
export async function dispatch(argv: readonly string[], outside: Outside): Promise<number> {
  const run = { launch: true, debug: argv.includes('--debug') && argv.indexOf('--debug') < firstWord(argv) };
  try {
    if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) return printVersion(outside.stdout);
    return await findAndRun(argv, outside, run);
  } catch (error) {
    return printError(error, outside.stderr, run);
  }
}

function firstWord(argv: readonly string[]): number {
  const at = argv.findIndex((word) => !word.startsWith('-'));
  return at === -1 ? argv.length : at;
}

function printVersion(stdout: Output): number {
  stdout.write(`rrun version ${VERSION}\n`);
  return 0;
}

/** Commands of whose exit codes 1 and 2 may be those of a container. */
const LAUNCH_CODES: ReadonlySet<string> = new Set([...LAUNCH_COMMANDS, 'create', 'explain']);

interface Run {
  /** Exit codes are those of a launch; internal commands and images count as one. */
  launch: boolean;
  debug: boolean;
}

async function findAndRun(argv: readonly string[], outside: Outside, run: Run): Promise<number> {
  const parent = splitParent(argv);
  const globals = collectFlags(parent.tokens, PARENT_FLAGS).flags;
  run.debug = globals.debug;
  if (globals.version) return printVersion(outside.stdout);
  const [name, ...rest] = parent.args;
  if (parent.help || name === undefined) {
    const { command } = await import('./commands/help.js');
    return await command.run(makeBareContext(outside), { flags: {}, args: [], given: new Set() });
  }
  run.launch = LAUNCH_CODES.has(name) || !COMMAND_NAMES.includes(name);
  if (isInternal(name)) return await runInternal(name, () => makeContext(outside, globals), rest);
  const command = await tryLoadCommand(name);
  if (command !== undefined) return runCommand(command, rest, { outside, globalTokens: parent.tokens, run });
  if (isReservedName(name)) {
    throw new RrunError('USAGE', `cannot run "rrun ${name}": this version of rrun has no such command yet`, {
      hint: `for an image of this name write "rrun run ${name}"`,
    });
  }
  return runImplicit(parent.args, { outside, globalTokens: parent.tokens, run });
}

function splitParent(argv: readonly string[]) {
  try {
    return splitFlags({ argv, flags: PARENT_FLAGS, stopAtFirst: true, called: 'rrun' });
  } catch (error) {
    const at = firstWord(argv);
    // "rrun -it alpine": the options of a container belong to a command.
    const slip = error instanceof RrunError && error.hint?.startsWith('did you mean') === true;
    if (
      error instanceof RrunError &&
      !slip &&
      at > 0 &&
      at < argv.length &&
      !COMMAND_NAMES.includes(argv[at] as string)
    ) {
      throw new RrunError(error.code, error.message, {
        hint: `for options of a container write "rrun run ${argv.map(shellWord).join(' ')}"`,
      });
    }
    throw error;
  }
}

interface Call {
  outside: Outside;
  globalTokens: FlagToken[];
  run: Run;
}

async function runCommand(command: AnyCommand, argv: readonly string[], call: Call): Promise<number> {
  const called = `rrun ${command.name}`;
  const flags: FlagTable = { ...GLOBAL_FLAGS, ...command.flags };
  const split = splitFlags({ argv, flags, stopAtFirst: command.stopAtFirst === true, called });
  const globalNames = Object.keys(GLOBAL_FLAGS).filter((name) => !Object.hasOwn(command.flags, name));
  const globalTokens = [...call.globalTokens, ...split.tokens.filter((token) => globalNames.includes(token.name))];
  const globals: GlobalValues = collectFlags(globalTokens, PARENT_FLAGS).flags;
  call.run.debug = globals.debug;
  if (split.help) {
    const { commandHelp } = await import('./help.js');
    call.outside.stdout.write(commandHelp(command));
    return 0;
  }
  checkArgs(command, split.args);
  const tokens = split.tokens.filter((token) => !globalNames.includes(token.name));
  const { flags: values, given } = await typedFlags(command, tokens);
  const context =
    command.standalone === true ? makeBareContext(call.outside) : await makeContext(call.outside, globals);
  return command.run(context, { flags: values, given, args: split.args });
}

/** meow types the flags where its load time does not matter; a launch is compiled faster than meow is loaded. */
async function typedFlags(command: AnyCommand, tokens: FlagToken[]) {
  if (command.fast === true || isLaunchName(command.name)) return collectFlags(tokens, command.flags);
  const { normalizeFlags } = await import('./normalize.js');
  return normalizeFlags(tokens, command.flags);
}

function checkArgs(command: AnyCommand, args: readonly string[]): void {
  const { min, max } = command.args;
  if (args.length >= min && args.length <= max) return;
  const called = `rrun ${command.name}`;
  const wanted =
    min === max ? String(min) : max === Infinity ? `at least ${String(min)}` : `${String(min)} to ${String(max)}`;
  const count = max === 0 ? 'no argument' : `${wanted} argument${wanted === '1' || wanted === 'at least 1' ? '' : 's'}`;
  throw new RrunError('USAGE', `cannot run "${called}": want ${count}, got ${String(args.length)}`, {
    hint: command.usage.includes('\n')
      ? `see "${called} --help"`
      : `the usage is "${called}${command.usage === '' ? '' : ` ${command.usage}`}", see "${called} --help"`,
  });
}

/** "rrun IMAGE [COMMAND…]". A slip in a command's name ends here too, so a failing pull asks whether it was one. */
async function runImplicit(args: string[], call: Call): Promise<number> {
  const command = await tryLoadCommand('run');
  if (command === undefined) throw new Error('bug: there is no command run');
  try {
    return await runCommand(command, args, call);
  } catch (error) {
    throw askForCommand(error, args[0] as string);
  }
}

/** The error, with a hint where the image's name is nearly that of a command. */
export function askForCommand(error: unknown, image: string): unknown {
  const close = closestWord(image.toLowerCase(), COMMAND_NAMES);
  if (close === undefined || !(error instanceof RrunError) || !IMAGE_FAILURES.has(error.code)) return error;
  return new RrunError(error.code, error.message, {
    hint: `${quote(image)} is no command of rrun and was taken for an image: did you mean "rrun ${close}"?`,
    cause: error.cause,
    exitCode: error.exitCode,
  });
}

const IMAGE_FAILURES: ReadonlySet<string> = new Set([
  'REFERENCE_INVALID',
  'REGISTRY_UNREACHABLE',
  'REGISTRY_REFUSED',
  'REGISTRY_INVALID',
  'MANIFEST_UNKNOWN',
  'IMAGE_NOT_LOCAL',
  'NOT_FOUND',
]);

const commands: CommandIndex = { names: COMMAND_NAMES, load: tryLoadCommand };

/** What the process itself offers. */
export function processOutside(): Outside {
  return {
    stdout: new DescriptorOutput(1),
    stderr: new DescriptorOutput(2),
    env: process.env,
    cwd: currentDirectory(),
    commands,
  };
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    // It was removed under us. A relative path then names nothing, and must not come to mean another place.
    return '/proc/self/cwd';
  }
}

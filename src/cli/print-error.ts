// The one place that says an error, and the one that turns it into an exit code.

import { RrunError } from '../errors.js';
import type { ErrorCode } from '../errors.js';
import type { Output } from './command.js';
import { OutputClosed } from './output.js';

/** Our own failure, usage included. */
export const EXIT_OURS = 125;
/** What SIGPIPE would have made of us. */
const EXIT_PIPE = 141;

/** Prints an error for the user and returns the exit code it stands for. `launch`: the code may be mistaken for a container's. */
export function printError(error: unknown, stderr: Output, options: { launch: boolean; debug: boolean }): number {
  if (error instanceof OutputClosed) return EXIT_PIPE;
  const lines = error instanceof RrunError ? describe(error) : describeBug(error);
  if (options.debug) lines.push(...causeChain(error));
  try {
    stderr.write(`${lines.join('\n')}\n`);
  } catch {
    // Nobody reads stderr; the exit code still tells.
  }
  return error instanceof RrunError ? exitCode(error, options.launch) : EXIT_OURS;
}

function describe(error: RrunError): string[] {
  const lines = [`rrun: error: ${error.message}`];
  if (error.hint !== undefined) lines.push(`rrun: hint: ${error.hint}`);
  return lines;
}

/** Failures of the machine that may come out of any file operation and are nobody's mistake. */
const MACHINE_ERRORS: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'ENOMEM',
  'EMFILE',
  'ENFILE',
  'ESTALE',
]);

function describeBug(error: unknown): string[] {
  const { code, syscall, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined && MACHINE_ERRORS.has(code)) {
    return [`rrun: error: cannot use ${path === undefined ? 'a file' : JSON.stringify(path)}: ${syscall}: ${code}`];
  }
  const text = error instanceof Error ? error.message : String(error);
  const message = text.startsWith('bug: ') ? text : `bug: ${text}`;
  return [
    `rrun: error: ${message}`,
    'rrun: hint: please report this with `rrun info`; --debug shows where it happened',
  ];
}

function causeChain(error: unknown): string[] {
  const lines: string[] = [];
  for (let each = error, depth = 0; each instanceof Error && depth < 8; each = each.cause, depth += 1) {
    lines.push(`rrun: debug: ${each.stack ?? each.message}`);
  }
  return lines;
}

const EXIT_BY_CODE: Partial<Record<ErrorCode, number>> = {
  NOT_FOUND: 1,
  IMAGE_NOT_LOCAL: 1,
  NOT_RUNNING: 1,
  IN_USE: 2,
};

/** Rule: `run`, `exec` and their kin 125 for ours, 126 and 127 as Docker; others 1 for what does not exist, 2 for what is in use. */
export function exitCode(error: RrunError, launch: boolean): number {
  if (error.exitCode !== undefined) return error.exitCode;
  if (!launch) return EXIT_BY_CODE[error.code] ?? EXIT_OURS;
  if (error.code === 'COMMAND_NOT_FOUND') return 127;
  if (error.code === 'COMMAND_NOT_EXECUTABLE') return 126;
  return EXIT_OURS;
}

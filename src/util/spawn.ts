// The one place where programs of others are started from Node. No shell: what is an argument stays one.

import { execFile } from 'node:child_process';

export { spawn, type ChildProcess } from 'node:child_process';

export interface ProgramOutput {
  /** Exit code; undefined where it could not be started, was killed or took too long. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end and returns what it printed; never rejects. */
export function readOutput(
  program: string,
  args: readonly string[],
  options: { timeoutMs?: number } = {},
): Promise<ProgramOutput> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: options.timeoutMs ?? 5000, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
      resolve({ code, stdout, stderr });
    });
  });
}

// Where the C program is: it told Node when it started it, else it lies beside the bundle.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { HostPath } from '../util/brand.js';

/** Absolute path of the C program `rrun`. RRUN_EXE is set by that program itself when it starts Node. */
export function helperProgram(): HostPath {
  const told = process.env['RRUN_EXE'];
  if (told !== undefined && path.isAbsolute(told)) return told as HostPath;
  return path.join(path.dirname(fileURLToPath(import.meta.url)), 'rrun') as HostPath;
}

// --cidfile: the container's id in a file of the caller's.

import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { RrunError } from '../errors.js';
import type { ContainerRecord } from './record.js';

/** Before anything is made. */
export function checkCidfile(file: string): void {
  if (existsSync(file)) throw cidfileExists(file);
  const parent = statSync(path.dirname(file), { throwIfNoEntry: false });
  if (parent?.isDirectory() !== true) {
    throw new RrunError('USAGE', `cannot write the container id to "${file}": no such directory`);
  }
}

export function writeCidfile(file: string, id: string): void {
  try {
    writeFileSync(file, id, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw cidfileExists(file);
    throw new RrunError('USAGE', `cannot write the container id to "${file}": ${syscall ?? 'write'}: ${code ?? ''}`, {
      cause: error,
    });
  }
}

function cidfileExists(file: string): RrunError {
  return new RrunError('USAGE', `cannot write the container id to "${file}": the file exists`, {
    hint: 'make sure that its container is not needed, then delete the file',
  });
}

/** For a `run` that came to nothing: its container is gone, and its id would keep the next one from being started. */
export function takeBackCidfile({ id, options: { cidfile } }: Pick<ContainerRecord, 'id' | 'options'>): void {
  if (cidfile === undefined) return;
  try {
    if (readFileSync(cidfile, 'utf8') === id) unlinkSync(cidfile);
  } catch {
    // Somebody has moved it, or made it theirs.
  }
}

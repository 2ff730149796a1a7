// Loads a TOML file of the containers/* family, if it is there. Files that only hold comments cost no parser.

import { readFile } from 'node:fs/promises';

import { RrunError } from '../errors.js';

const MAX_FILE_BYTES = 1 << 20;

/** The parsed table; undefined where there is no such file. `what` names the kind of file for the error. */
export async function tryLoadToml(file: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new RrunError('CONFIG_INVALID', `cannot read "${file}": ${code ?? 'unreadable'}`, { cause: error });
  }
  if (text.length > MAX_FILE_BYTES)
    throw new RrunError('CONFIG_INVALID', `cannot read "${file}": it is larger than 1 MiB`);
  if (!/^[ \t]*[^#\s]/m.test(text)) return {};
  const { parse } = await import('smol-toml');
  try {
    return parse(text) as Record<string, unknown>;
  } catch (error) {
    const where = error as { line?: number; column?: number; message: string };
    const reason = where.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? 'not TOML';
    throw new RrunError('CONFIG_INVALID', `cannot read "${file}": line ${where.line ?? '?'}: ${reason}`, {
      cause: error,
    });
  }
}

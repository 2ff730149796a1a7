// The files of --env-file and --label-file, in Docker's format: KEY=VALUE a line, "#" lines are comments, nothing is unquoted.

import { open } from 'node:fs/promises';
import { RrunError } from '../errors.js';
import { quote } from '../util/text.js';

/** Larger than any environment that execve(2) takes; a mistaken `--env-file /dev/zero` must not fill the memory. */
const MAX_BYTES = 8 * 1024 * 1024;

/** One line: `value` is undefined where there is no "=". */
export interface KeyValue {
  key: string;
  value: string | undefined;
}

/** Reads such a file; `option` ("--env-file") is for messages. */
export async function loadKeyValueFile(file: string, option: string): Promise<KeyValue[]> {
  const name = `${option} ${quote(file)}`;
  const bytes = await readBounded(file, name);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text: string;
  try {
    // The decoder drops a byte order mark.
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new RrunError('USAGE', `cannot read ${name}: it is not UTF-8`, { cause });
  }
  return text.split(/\r?\n/).flatMap((line, index) => parseLine(line, `${name} line ${String(index + 1)}`));
}

function parseLine(line: string, where: string): KeyValue[] {
  // Blanks before the name are ignored, those after belong to the value (docker/cli, pkg/kvfile).
  const trimmed = line.replace(/^[ \t]+/, '');
  if (trimmed === '' || trimmed.startsWith('#')) return [];
  const { key, value } = splitKeyValue(trimmed);
  if (key === '') throw new RrunError('USAGE', `cannot read ${where}: no name before "="`);
  if (/\s/.test(key)) throw new RrunError('USAGE', `cannot read ${where}: the name ${quote(key)} contains blanks`);
  if (trimmed.includes('\0')) throw new RrunError('USAGE', `cannot read ${where}: it contains a NUL character`);
  return [{ key, value }];
}

/** Splits at the first "=". */
export function splitKeyValue(text: string): KeyValue {
  const at = text.indexOf('=');
  return at === -1 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

async function readBounded(file: string, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const handle = await open(file, 'r');
    try {
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(65536), 0, 65536, null);
        if (bytesRead === 0) break;
        size += bytesRead;
        if (size > MAX_BYTES) break;
        chunks.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const { syscall = 'read', code = 'EIO' } = cause as NodeJS.ErrnoException;
    throw new RrunError('USAGE', `cannot read ${name}: ${syscall}: ${code}`, { cause });
  }
  if (size > MAX_BYTES)
    throw new RrunError('USAGE', `cannot read ${name}: it is larger than ${String(MAX_BYTES >> 20)} MiB`);
  return Buffer.concat(chunks);
}

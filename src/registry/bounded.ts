// Reading an answer into memory, never more than was agreed.

import type { Readable } from 'node:stream';

import { RrunError } from '../errors.js';

/** All bytes of `body`; throws when there are more than `maxBytes`. `what` names them in the error. */
export async function readBounded(body: Readable, maxBytes: number, what: string, action: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      body.destroy();
      throw new RrunError('REGISTRY_INVALID', `cannot ${action}: ${what} is larger than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

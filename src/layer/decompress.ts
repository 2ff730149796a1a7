// Layers are gzip, zstd or plain tar. The first bytes decide: media types in the wild are wrong often enough.

import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';

import { layerInvalid } from './layer-error.js';

export type Compression = 'gzip' | 'zstd' | 'none';

/** Large pieces: while the thread pool makes one, this thread writes the files of the one before. */
const PIECE = 1 << 19;

export function detectCompression(head: Buffer): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (startsWith(head, '28b52ffd') || isZstdSkippable(head)) return 'zstd';
  if (startsWith(head, 'fd377a585a00')) throw unknownCompression('xz');
  if (startsWith(head, '425a68')) throw unknownCompression('bzip2');
  return 'none';
}

/* 0x184D2A50 to …5F, little endian: zstd:chunked may put one in front. */
function isZstdSkippable(head: Buffer): boolean {
  return head.length >= 4 && (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50;
}

function startsWith(head: Buffer, hex: string): boolean {
  return head.subarray(0, hex.length / 2).toString('hex') === hex;
}

function unknownCompression(name: string): Error {
  return layerInvalid(`it is compressed with ${name}; rrun reads gzip, zstd and plain tar`);
}

/** Turns compressed bytes, as they come, into the tar. */
export type Decompress = (source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>;

/** Loads what the compression needs; what is given back needs no files any more. */
export async function loadDecompress(kind: Compression): Promise<Decompress> {
  switch (kind) {
    case 'none':
      return (source) => source;
    case 'gzip':
      return gunzip;
    case 'zstd':
      return 'createZstdDecompress' in zlib ? nativeZstd : portableZstd((await import('fzstd')).Decompress);
  }
}

function gunzip(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const stream = zlib.createGunzip({ chunkSize: PIECE });
  // Its failure reaches who reads the stream.
  pipeline(source, stream).catch(() => undefined);
  return stream;
}

/* Node 22.15 and later have it; their types are not in those of Node 20. It stops after one frame and takes what follows for
   rubbish, but a layer may have many (zstd:chunked has one for each file): so a new one for each. */
async function* nativeZstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { createZstdDecompress } = zlib as unknown as {
    createZstdDecompress: (options: object) => Transform & { bytesWritten: number };
  };
  const input = new Pushback(source);
  while (await input.hasMore()) {
    const frame = createZstdDecompress({ chunkSize: PIECE });
    const feeding = feedFrame(input, frame);
    feeding.catch((error: unknown) => frame.destroy(error instanceof Error ? error : undefined));
    yield* frame as AsyncIterable<Buffer>;
    await feeding;
  }
}

async function feedFrame(input: Pushback, frame: Transform & { bytesWritten: number }): Promise<void> {
  for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) {
    const before = frame.bytesWritten;
    await new Promise<void>((resolve, reject) => {
      frame.write(chunk, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
    const used = frame.bytesWritten - before;
    if (used === chunk.length) continue;
    input.putBack(chunk.subarray(used));
    break;
  }
  frame.end();
}

class Pushback {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async hasMore(): Promise<boolean> {
    this.#held ??= await this.next();
    return this.#held !== undefined;
  }

  async next(): Promise<Buffer | undefined> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) return held;
    const next = await this.#source.next();
    return next.done === true ? undefined : next.value;
  }

  putBack(chunk: Buffer): void {
    this.#held = chunk;
  }
}

function portableZstd(Decompress: typeof import('fzstd').Decompress): Decompress {
  return async function* (source) {
    let pieces: Buffer[] = [];
    const frames = new Decompress((piece) =>
      pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)),
    );
    const feed = (chunk: Uint8Array, last: boolean): Buffer[] => {
      pieces = [];
      try {
        frames.push(chunk, last);
      } catch (cause) {
        throw layerInvalid('its zstd data is corrupt or ends too early', { cause });
      }
      return pieces;
    };
    for await (const chunk of source) yield* feed(chunk, false);
    yield* feed(new Uint8Array(0), true);
  };
}

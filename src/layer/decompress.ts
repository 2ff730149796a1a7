// Layers are gzip, zstd or plain tar. The first bytes decide: media types in the wild are wrong often enough.

import { Transform, type Readable, type TransformCallback } from 'node:stream';
import * as zlib from 'node:zlib';

import { layerInvalid } from './layer-error.js';

export type Compression = 'gzip' | 'zstd' | 'none';

/** Large pieces: each one costs a turn of the event loop. */
const PIECE = 256 * 1024;
export const SNIFF_BYTES = 6;

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

/** The stream that turns compressed bytes into tar; undefined for a plain one. */
export async function decompressor(kind: Compression): Promise<Transform | undefined> {
  switch (kind) {
    case 'none':
      return undefined;
    case 'gzip':
      return zlib.createGunzip({ chunkSize: PIECE });
    case 'zstd':
      return 'createZstdDecompress' in zlib ? nativeZstd() : await portableZstd();
  }
}

/* Node 22.15 and later have it, their types in our Node 20 types do not. */
function nativeZstd(): Transform {
  const { createZstdDecompress } = zlib as unknown as { createZstdDecompress: (options: object) => Transform };
  return createZstdDecompress({ chunkSize: PIECE });
}

async function portableZstd(): Promise<Transform> {
  const { Decompress } = await import('fzstd');
  let output: Transform | undefined;
  const frames = new Decompress((piece) => {
    if (piece.length > 0) output?.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  });
  const feed = (chunk: Uint8Array, last: boolean, done: TransformCallback): void => {
    try {
      frames.push(chunk, last);
      done();
    } catch (cause) {
      done(layerInvalid('its zstd data is corrupt or ends too early', { cause }));
    }
  };
  output = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      feed(chunk, false, done);
    },
    flush: (done) => {
      feed(new Uint8Array(0), true, done);
    },
  });
  return output;
}

/** Reads until there are enough bytes to tell the compression; puts them back. */
export async function readHead(source: Readable): Promise<Buffer> {
  let head = Buffer.alloc(0);
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= SNIFF_BYTES) break;
  }
  return head;
}

// The process that unpacks one layer: root of the mapped user namespace, compressed bytes on fd 0.
//
//   load everything → read the first bytes → load what they need → chroot → unpack → answer on RESULT_FD
//
// After chroot no file of the host can be opened any more: no module, no library, nothing under /proc. Whatever may be
// loaded late (koffi, the hash, threads of the pool) is therefore used once before.

import { createHash, type Hash } from 'node:crypto';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as zlib from 'node:zlib';

import { RrunError } from '../errors.js';
import { chroot } from '../sys/file.js';
import { loadNative } from '../sys/native.js';
import { removeXattr } from '../sys/xattr.js';
import { detectCompression, loadDecompress } from './decompress.js';
import { layerInvalid } from './layer-error.js';
import { LayerWriter, LIMITS } from './layer-writer.js';
import { OwnerCheck } from './ownership.js';
import { TarReader } from './tar-reader.js';
import { RESULT_FD, type UnpackAnswer, type UnpackRequest } from './unpack-protocol.js';

/** The tar itself is larger than what is in it: headers, padding, what follows its end. */
const MAX_STREAM_BYTES = LIMITS.totalBytes + LIMITS.members * 1536;
/** Enough for the thread pool to be busy while this thread writes files. */
const READ_BYTES = 1 << 18;
/** Buffers are outside of V8's heap: left to itself it lets some 64 MB of them pile up. */
const COLLECT_BYTES = 4 << 20;
/** Threads that libuv starts on first use; each one at least once. */
const POOL_SIZE = 4;

/** Runs the child; gives its exit code. `args`: the request as JSON. */
export async function unpackChild(args: readonly string[]): Promise<number> {
  const answer = await unpackHere(JSON.parse(args[0] ?? '') as UnpackRequest).catch(failure);
  fs.writeSync(RESULT_FD, `${JSON.stringify(answer)}\n`);
  return answer.ok ? 0 : 1;
}

async function unpackHere(request: UnpackRequest): Promise<UnpackAnswer> {
  const head = readPiece();
  const decompress = await loadDecompress(detectCompression(head));
  const hash = createHash('sha256');
  const collect = loadCollector();
  await warmUp();
  enterRoot(request);
  const writer = new LayerWriter(request.kind === 'ranges' ? new OwnerCheck(request) : undefined);
  await unpackStream(decompress(whole(head)), { writer, hash, collect });
  return { ok: true, diffId: `sha256:${hash.digest('hex')}`, facts: writer.finish() };
}

/* Read by waiting: while nothing comes there is nothing else to do, and it saves the turns of the event loop. */
function readPiece(): Buffer {
  const piece = Buffer.allocUnsafe(READ_BYTES);
  let size = 0;
  while (size < READ_BYTES) {
    const read = fs.readSync(0, piece, size, READ_BYTES - size, null);
    if (read === 0) break;
    size += read;
  }
  return piece.subarray(0, size);
}

async function* whole(head: Buffer): AsyncGenerator<Buffer> {
  for (let piece = head; piece.length > 0; piece = readPiece()) yield piece;
}

async function warmUp(): Promise<void> {
  loadNative();
  createHash('sha256').update('').digest();
  const gzip = zlib.gzipSync('');
  await Promise.all(Array.from({ length: POOL_SIZE }, () => promisify(zlib.gunzip)(gzip)));
  process.umask(0); // modes are exact at creation
}

function enterRoot({ root, kind }: UnpackRequest): void {
  chroot(root);
  // A default ACL of the directory above would change the mode of everything below.
  removeXattr('/', 'system.posix_acl_default');
  if (kind === 'ranges') fs.chownSync('/', 0, 0); // a setgid directory above gave its group
  fs.chmodSync('/', 0o755);
}

interface Targets {
  collect: NodeJS.GCFunction;
  writer: LayerWriter;
  hash: Hash;
}

/* The flag is set here and not on the command line, where it would make V8 refuse its code cache. */
function loadCollector(): NodeJS.GCFunction {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as NodeJS.GCFunction;
}

async function unpackStream(tar: AsyncIterable<Buffer>, { writer, hash, collect }: Targets): Promise<void> {
  const reader = new TarReader(writer);
  let bytes = 0;
  let collectAt = COLLECT_BYTES;
  try {
    for await (const piece of tar) {
      bytes += piece.length;
      if (bytes > collectAt) {
        collect({ type: 'minor', execution: 'sync' });
        collectAt = bytes + COLLECT_BYTES;
      }
      if (bytes > MAX_STREAM_BYTES) throw layerInvalid(`it has more than ${MAX_STREAM_BYTES} bytes when unpacked`);
      hash.update(piece);
      reader.push(piece);
    }
  } catch (error) {
    throw explainStream(error);
  }
  reader.finish();
}

/** zlib's own errors have codes such as Z_DATA_ERROR and ZSTD_error_corruption_detected. */
function explainStream(error: unknown): unknown {
  if (error instanceof RrunError || !(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') return layerInvalid('its compressed data ends too early', { cause: error });
  if (code.startsWith('Z_') || code.startsWith('ZSTD_'))
    return layerInvalid(`its compressed data is corrupt: ${error.message}`, { cause: error });
  return error;
}

function failure(error: unknown): UnpackAnswer {
  if (!(error instanceof RrunError)) throw error;
  const { code, message, hint } = error;
  return { ok: false, code, message, ...(hint === undefined ? {} : { hint }) };
}

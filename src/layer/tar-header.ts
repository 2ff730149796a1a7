// One 512-byte tar header: the fields of v7, ustar and GNU (tar(5)), read without trust. Text fields are byte strings (latin1).

import { layerInvalid } from './layer-error.js';

export const BLOCK = 512;

export interface TarHeader {
  /** The type flag, one character. */
  type: string;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtimeSeconds: number;
  major: number;
  minor: number;
}

/** Throws LAYER_INVALID where the checksum or a number is wrong. */
export function parseHeader(block: Buffer): TarHeader {
  verifyChecksum(block);
  const magic = block.toString('latin1', 257, 265);
  const isPosix = magic === 'ustar\x0000';
  const hasDevices = isPosix || magic === 'ustar  \0';
  const prefix = isPosix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    type: String.fromCharCode(block[156] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    mode: number(block, 100, 8, 'mode') & 0o7777,
    uid: number(block, 108, 8, 'uid'),
    gid: number(block, 116, 8, 'gid'),
    sizeBytes: number(block, 124, 12, 'size'),
    mtimeSeconds: number(block, 136, 12, 'mtime'),
    major: hasDevices ? number(block, 329, 8, 'device') : 0,
    minor: hasDevices ? number(block, 337, 8, 'device') : 0,
  };
}

const zeros = Buffer.alloc(BLOCK);

export function isZeroBlock(block: Buffer): boolean {
  return block.equals(zeros);
}

function verifyChecksum(block: Buffer): void {
  const stated = number(block, 148, 8, 'checksum');
  // The checksum field itself counts as blanks.
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i += 4) {
    if (i === 148 || i === 152) continue;
    const word = block.readInt32LE(i);
    sum += (word & 0xff) + ((word >>> 8) & 0xff) + ((word >>> 16) & 0xff) + (word >>> 24);
  }
  if (sum === stated || signedSum(block) === stated) return;
  throw layerInvalid(`a tar header has checksum ${stated}, want ${sum}`);
}

/* Some old tars added the bytes as signed ones. */
function signedSum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block.readInt8(i);
  return sum;
}

function text(block: Buffer, start: number, size: number): string {
  let end = start;
  while (end < start + size && block[end] !== 0) end++;
  return block.toString('latin1', start, end);
}

/** Octal digits between blanks and NULs, or GNU base-256 where the first bit is set. */
export function number(block: Buffer, start: number, size: number, field: string): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) return base256(block.subarray(start, start + size), field);
  let at = start;
  const end = start + size;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; at < end; at++) {
    if (block[at] !== 0x20 && block[at] !== 0) throw layerInvalid(`a tar header has a ${field} that is no number`);
  }
  return value;
}

/* Two's complement, big-endian, the marking bit apart. */
function base256(field: Buffer, name: string): number {
  const bytes = Buffer.from(field);
  const negative = ((bytes[0] ?? 0) & 0x40) !== 0;
  bytes[0] = negative ? (bytes[0] ?? 0) | 0x80 : (bytes[0] ?? 0) & 0x7f;
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw layerInvalid(`a tar header has a ${name} that is too large`);
  if (result < 0 && name !== 'mtime') throw layerInvalid(`a tar header has a negative ${name}`);
  return result;
}

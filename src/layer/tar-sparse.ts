// Maps of sparse members: old GNU ('S'), and PAX 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").

import { layerInvalid, memberInvalid } from './layer-error.js';
import { paxNumber, type PaxRecords } from './tar-pax.js';
import { BLOCK, number } from './tar-header.js';
import type { TarMember } from './tar-member.js';

const ENTRY = 24;
/** A map of more regions than this is an attack on memory, not a file. */
const MAX_REGIONS = 1 << 20;

/** Regions in an old GNU header (4 from byte 386) or in an extension block (21 from byte 0); true when another block follows. */
export function readOldGnuRegions(block: Buffer, place: 'header' | 'extension', regions: number[]): boolean {
  const [start, count, flag] = place === 'header' ? [386, 4, 482] : [0, 21, 504];
  for (let i = 0; i < count; i++) {
    const at = start + i * ENTRY;
    if (block[at + 12] === 0 && block[at] === 0) break;
    regions.push(number(block, at, 12, 'sparse map'), number(block, at + 12, 12, 'sparse map'));
  }
  if (regions.length > 2 * MAX_REGIONS) throw tooMany();
  return block[flag] !== 0;
}

export function oldGnuRealSize(block: Buffer): number {
  return number(block, 483, 12, 'size');
}

/** Offset and length by turns, from the records of PAX 0.0 (a pair each) or 0.1 (all in one). */
export function paxRegions(records: PaxRecords): number[] {
  const map = records.findLast(([key]) => key === 'GNU.sparse.map')?.[1].toString('latin1');
  const fields = map?.split(',').filter((field) => field !== '');
  if (fields !== undefined) return fields.map((field) => paxNumber('GNU.sparse.map', field));
  return records
    .filter(([key]) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
    .map(([key, value]) => paxNumber(key, value.toString('latin1')));
}

/**
 * Collects the map that PAX 1.0 puts in front of the data: decimal lines, the count first, filled up to a block.
 * feed() takes one block and gives the regions when they are complete.
 */
export class SparsePrefix {
  #line = '';
  #expected: number | undefined;
  #regions: number[] = [];

  feed(block: Buffer): number[] | undefined {
    const lines = (this.#line + block.toString('latin1', 0, BLOCK)).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      if (this.#expected === undefined) {
        this.#expected = 2 * paxNumber('GNU.sparse map', line);
        if (this.#expected > 2 * MAX_REGIONS) throw tooMany();
      } else if (this.#regions.length < this.#expected) {
        this.#regions.push(paxNumber('GNU.sparse map', line));
      }
      if (this.#regions.length === this.#expected) return this.#regions;
    }
    if (this.#line.length > 20 && this.#regions.length !== this.#expected)
      throw layerInvalid('a sparse map is malformed');
    return undefined;
  }
}

/** Throws LAYER_INVALID unless the regions ascend, stay inside the file and hold exactly the stored bytes. */
export function validateSparse({ name, realSizeBytes, sizeBytes, sparse }: TarMember): void {
  if (sparse === undefined || sparse === 'prefix') return;
  let end = 0;
  let sum = 0;
  for (let i = 0; i < sparse.length; i += 2) {
    const [offset, length] = [sparse[i] ?? 0, sparse[i + 1]];
    if (length === undefined || offset < end || offset + length > realSizeBytes)
      throw memberInvalid(name, 'its sparse map is out of order');
    end = offset + length;
    sum += length;
  }
  if (sum !== sizeBytes) throw memberInvalid(name, `its sparse map covers ${sum} bytes, but ${sizeBytes} are stored`);
}

function tooMany(): Error {
  return layerInvalid(`a sparse map has more than ${MAX_REGIONS} regions`);
}

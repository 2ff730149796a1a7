// A tar archive as it streams in: push() bytes, get members. It reads v7, ustar, GNU and PAX without trusting any of them.
// Written here because the packages for it decode names and attribute values as text (which ruins security.capability) and know
// no sparse members; tar-stream also takes twice the time per member.

import { layerInvalid, memberInvalid } from './layer-error.js';
import { BLOCK, isZeroBlock, parseHeader, type TarHeader } from './tar-header.js';
import { makeMember, type Extension, type TarMember } from './tar-member.js';
import { parsePax } from './tar-pax.js';
import { oldGnuRealSize, readOldGnuRegions, SparsePrefix, validateSparse } from './tar-sparse.js';

/** Where members go: for each, member(), its data in pieces, end(). */
export interface TarSink {
  member(member: TarMember): void;
  data(piece: Buffer): void;
  end(): void;
}

/** As Go's archive/tar, and so Docker: no name, link or set of attributes is larger. */
const MAX_EXTENSION = 1 << 20;

type State =
  | { kind: 'header' }
  | { kind: 'collect'; type: string; remaining: number; parts: Buffer[] }
  | { kind: 'sparse-blocks'; header: TarHeader; realSizeBytes: number; regions: number[] }
  | { kind: 'sparse-prefix'; member: TarMember; prefix: SparsePrefix }
  | { kind: 'data'; remaining: number }
  | { kind: 'end' };

export class TarReader {
  readonly #sink: TarSink;
  #state: State = { kind: 'header' };
  #extension: Extension = {};
  #sawZeroBlock = false;
  /** Bytes to pass over before the state goes on: padding, or data that nobody wants. */
  #skip = 0;
  #padding = 0;
  readonly #partial = Buffer.alloc(BLOCK);
  #partialSize = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes. The sink must be done with a piece when data() returns. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state.kind !== 'end') {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
      } else if (this.#state.kind === 'data' || this.#state.kind === 'collect') {
        at += this.#takeBytes(chunk, at, this.#state);
      } else {
        at += this.#takeBlock(chunk, at);
      }
    }
  }

  /** To be called at the end of the stream; throws where it ends too early. */
  finish(): void {
    const { kind } = this.#state;
    if (kind === 'end') return;
    if (kind === 'header' && this.#partialSize === 0 && this.#skip === 0 && Object.keys(this.#extension).length === 0)
      return;
    throw layerInvalid('the archive ends in the middle of a member');
  }

  #takeBytes(chunk: Buffer, at: number, state: State & { kind: 'data' | 'collect' }): number {
    const size = Math.min(state.remaining, chunk.length - at);
    const piece = chunk.subarray(at, at + size);
    state.remaining -= size;
    if (state.kind === 'collect') {
      state.parts.push(Buffer.from(piece));
      if (state.remaining === 0) this.#endCollect(state);
      return size;
    }
    this.#sink.data(piece);
    if (state.remaining === 0) this.#endMember();
    return size;
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#partialSize === 0 && chunk.length - at >= BLOCK) {
      this.#block(chunk.subarray(at, at + BLOCK));
      return BLOCK;
    }
    const size = Math.min(BLOCK - this.#partialSize, chunk.length - at);
    chunk.copy(this.#partial, this.#partialSize, at, at + size);
    this.#partialSize += size;
    if (this.#partialSize === BLOCK) {
      this.#partialSize = 0;
      this.#block(this.#partial);
    }
    return size;
  }

  #block(block: Buffer): void {
    const state = this.#state;
    if (state.kind === 'sparse-blocks') {
      if (!readOldGnuRegions(block, 'extension', state.regions)) this.#startOldSparse(state);
    } else if (state.kind === 'sparse-prefix') {
      this.#feedSparsePrefix(state, block);
    } else if (isZeroBlock(block)) {
      if (this.#sawZeroBlock) this.#state = { kind: 'end' };
      this.#sawZeroBlock = true;
    } else if (this.#sawZeroBlock) {
      throw layerInvalid('the archive goes on after a block of zeros');
    } else {
      this.#header(parseHeader(block), block);
    }
  }

  #header(header: TarHeader, block: Buffer): void {
    const { type, sizeBytes } = header;
    if (type === 'x' || type === 'X' || type === 'L' || type === 'K' || type === 'g') {
      if (sizeBytes > MAX_EXTENSION)
        throw layerInvalid(`an extended header has ${sizeBytes} bytes, at most ${MAX_EXTENSION} are allowed`);
      this.#skip = 0;
      this.#state = { kind: 'collect', type, remaining: sizeBytes, parts: [] };
      if (sizeBytes === 0) this.#endCollect(this.#state as State & { kind: 'collect' });
    } else if (type === 'V') {
      // A volume's label: no member.
      this.#skip = padded(sizeBytes);
    } else if (type === 'S') {
      const regions: number[] = [];
      const more = readOldGnuRegions(block, 'header', regions);
      const state = { kind: 'sparse-blocks', header, realSizeBytes: oldGnuRealSize(block), regions } as const;
      this.#state = state;
      if (!more) this.#startOldSparse(state);
    } else {
      this.#startMember(this.#takeMember(header));
    }
  }

  #takeMember(header: TarHeader): TarMember {
    const extension = this.#extension;
    this.#extension = {};
    return makeMember(header, extension);
  }

  #startMember(member: TarMember): void {
    if (member.sparse === 'prefix') this.#state = { kind: 'sparse-prefix', member, prefix: new SparsePrefix() };
    else this.#start(member);
  }

  #endCollect(state: State & { kind: 'collect' }): void {
    const data = Buffer.concat(state.parts);
    this.#skip = padded(data.length) - data.length;
    this.#state = { kind: 'header' };
    const text = () => data.toString('latin1', 0, data.includes(0) ? data.indexOf(0) : data.length);
    if (state.type === 'L') this.#extension.longName = text();
    else if (state.type === 'K') this.#extension.longLink = text();
    // Global records ('g') are left aside, as Docker does.
    else if (state.type !== 'g') this.#extension.pax = [...(this.#extension.pax ?? []), ...parsePax(data)];
  }

  #startOldSparse(state: State & { kind: 'sparse-blocks' }): void {
    const { realSizeBytes, regions } = state;
    this.#start({ ...this.#takeMember(state.header), realSizeBytes, sparse: regions });
  }

  #feedSparsePrefix({ member, prefix }: State & { kind: 'sparse-prefix' }, block: Buffer): void {
    const regions = prefix.feed(block);
    member.sizeBytes -= BLOCK;
    if (member.sizeBytes < 0) throw memberInvalid(member.name, 'its sparse map is longer than the member');
    if (regions === undefined) return;
    this.#start({ ...member, sparse: regions });
  }

  #start(member: TarMember): void {
    validateSparse(member);
    this.#sink.member(member);
    this.#state = { kind: 'data', remaining: member.sizeBytes };
    this.#padding = padded(member.sizeBytes) - member.sizeBytes;
    if (member.sizeBytes === 0) this.#endMember();
  }

  #endMember(): void {
    this.#sink.end();
    this.#skip = this.#padding;
    this.#state = { kind: 'header' };
  }
}

/** Data fills whole blocks. */
function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK) * BLOCK;
}

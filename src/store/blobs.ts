// A blob appears under blobs/ whole and checked, or not at all: written aside, hashed on the way, fsynced, renamed.

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

import { RrunError } from '../errors.js';
import type { Digest, HostPath } from '../util/brand.js';
import { digestHex } from '../util/digest.js';

export interface BlobDescriptor {
  digest: Digest;
  size: number;
}

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

export async function sha256File(file: HostPath): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}` as Digest;
}

export function blobMismatch(want: BlobDescriptor, gotSize: number, gotDigest?: Digest): RrunError {
  const got = gotSize === want.size && gotDigest !== undefined ? `digest ${gotDigest}` : `${gotSize} bytes`;
  const wanted = gotSize === want.size ? 'that digest' : `${want.size}`;
  return new RrunError('DIGEST_MISMATCH', `cannot store blob ${want.digest}: got ${got}, want ${wanted}`, {
    hint: 'the download was cut or altered: run the pull again',
  });
}

/** One blob on its way into the store. Give it chunks with write(), then finish() or discard(). */
export class BlobWriter {
  readonly #file: FileHandle;
  readonly #aside: string;
  readonly #final: HostPath;
  readonly #want: BlobDescriptor;
  readonly #hash: Hash = createHash('sha256');
  #size = 0;
  #closed: Promise<void> | undefined;

  private constructor(file: FileHandle, aside: string, final: HostPath, want: BlobDescriptor) {
    this.#file = file;
    this.#aside = aside;
    this.#final = final;
    this.#want = want;
  }

  /** `tempDir` must be on the file system of `final`; who owns it removes what a failure leaves there. */
  static async create(tempDir: HostPath, final: HostPath, want: BlobDescriptor): Promise<BlobWriter> {
    const aside = path.join(tempDir, `blob-${digestHex(want.digest)}`);
    return new BlobWriter(await open(aside, 'w', 0o644), aside, final, want);
  }

  get size(): number {
    return this.#size;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#size += chunk.length;
    // A hostile registry must not fill the disk.
    if (this.#size > this.#want.size) {
      throw new RrunError(
        'DIGEST_MISMATCH',
        `cannot store blob ${this.#want.digest}: got more than the ${this.#want.size} bytes it should have`,
      );
    }
    this.#hash.update(chunk);
    await this.#file.writeFile(chunk);
  }

  /** Checks size and digest and puts the blob in its place; a copy that another process put there meanwhile is replaced by its equal. */
  async finish(): Promise<void> {
    const got = `sha256:${this.#hash.digest('hex')}` as Digest;
    try {
      if (this.#size !== this.#want.size || got !== this.#want.digest) throw blobMismatch(this.#want, this.#size, got);
      await this.#file.sync();
    } finally {
      await this.discard();
    }
    await rename(this.#aside, this.#final);
  }

  /** Gives the file up; what is in it goes with the temporary directory. May be called again. */
  async discard(): Promise<void> {
    this.#closed ??= this.#file.close();
    await this.#closed;
  }
}

// The data root on disk: where things are, and the few ways in which something is put there. An OCI image layout with the
// unpacked layers, containers and volumes beside it. Knows digests and references, not what manifests mean.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { access, constants, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { RrunError } from '../errors.js';
import type { Digest, HostPath } from '../util/brand.js';
import { makeDirectories } from '../util/make-directories.js';
import { digestHex } from '../util/digest.js';
import { BlobWriter, sha256, type BlobDescriptor } from './blobs.js';
import { diskError, isMissing } from './disk-error.js';
import { encodeIndexJson, OCI_LAYOUT } from './index-json.js';
import { isMarked, unmark, whileMarked, withFileLock } from './locks.js';
import { encodeRecord, loadReference, loadReferences, referenceFile, type ReferenceRecord } from './refs.js';
import { makeTempDir, removeTree, sweepTemp, type TempDir } from './temp.js';

const DIRECTORIES = ['blobs/sha256', 'refs', 'layers', 'tmp', 'containers', 'names', 'volumes', 'cache'] as const;

export class Store {
  readonly root: HostPath;
  readonly blobsDir: HostPath;
  readonly refsDir: HostPath;
  readonly layersDir: HostPath;
  readonly tmpDir: HostPath;
  readonly containersDir: HostPath;
  readonly namesDir: HostPath;
  readonly volumesDir: HostPath;
  readonly cacheDir: HostPath;
  #swept: Promise<void> | undefined;

  constructor(root: HostPath) {
    this.root = root;
    this.blobsDir = this.#path('blobs/sha256');
    this.refsDir = this.#path('refs');
    this.layersDir = this.#path('layers');
    this.tmpDir = this.#path('tmp');
    this.containersDir = this.#path('containers');
    this.namesDir = this.#path('names');
    this.volumesDir = this.#path('volumes');
    this.cacheDir = this.#path('cache');
  }

  #path(...parts: string[]): HostPath {
    return path.join(this.root, ...parts) as HostPath;
  }

  // ---- blobs

  /** Absolute path of a blob; the only place that joins digest and root. */
  blobPath(digest: Digest): HostPath {
    return path.join(this.blobsDir, digestHex(digest)) as HostPath;
  }

  /** Whether the blob is there. Blobs are checked before they get their name; a wrong size is what a crash of the host leaves. */
  async hasBlob(digest: Digest, sizeBytes?: number): Promise<boolean> {
    try {
      const { size } = statSync(this.blobPath(digest));
      return sizeBytes === undefined || size === sizeBytes;
    } catch (error) {
      if (isMissing(error)) return false;
      throw diskError(error, `look for blob ${digest}`, this.root);
    }
  }

  /** The bytes of a small blob (manifest, config), checked against its digest; undefined when it is missing or damaged. */
  async tryReadBlob(digest: Digest): Promise<Buffer | undefined> {
    try {
      const bytes = readFileSync(this.blobPath(digest));
      return sha256(bytes) === digest ? bytes : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw diskError(error, `read blob ${digest}`, this.root);
    }
  }

  /** The parsed content of a JSON blob. */
  async readBlobJson(digest: Digest): Promise<unknown> {
    const bytes = await this.tryReadBlob(digest);
    if (bytes === undefined) {
      throw new RrunError('IMAGE_INVALID', `cannot read blob ${digest}: it is missing or damaged`, {
        hint: 'pull the image again',
      });
    }
    return JSON.parse(bytes.toString('utf8'));
  }

  /** Starts a blob; `tempDir` is a directory of makeTemp(). */
  async createBlob(tempDir: HostPath, want: BlobDescriptor): Promise<BlobWriter> {
    return BlobWriter.create(tempDir, this.blobPath(want.digest), want);
  }

  /** Stores bytes that are in memory. */
  async saveBlob(tempDir: HostPath, want: BlobDescriptor, bytes: Uint8Array): Promise<void> {
    if ((await this.hasBlob(want.digest, want.size)) && (await this.tryReadBlob(want.digest)) !== undefined) return;
    try {
      const writer = await this.createBlob(tempDir, want);
      await writer.write(bytes);
      await writer.finish();
    } catch (error) {
      throw diskError(error, `store blob ${want.digest}`, this.root);
    }
  }

  async removeBlob(digest: Digest): Promise<void> {
    try {
      await rm(this.blobPath(digest), { force: true });
    } catch (error) {
      throw diskError(error, `remove blob ${digest}`, this.root);
    }
  }

  // ---- references

  async loadReference(reference: string): Promise<ReferenceRecord | undefined> {
    return loadReference(this.refsDir, reference);
  }

  async loadReferences(): Promise<ReferenceRecord[]> {
    return loadReferences(this.refsDir);
  }

  /** Makes or replaces a reference, durably. */
  async saveReference(record: ReferenceRecord): Promise<void> {
    try {
      await this.#syncDirectory(this.blobsDir);
      await this.replaceFile(referenceFile(this.refsDir, record.reference), encodeRecord(record), { sync: true });
      await this.#syncDirectory(this.refsDir);
      await this.#writeIndexJson();
    } catch (error) {
      throw diskError(error, `save the reference "${record.reference}"`, this.root);
    }
  }

  async removeReference(reference: string): Promise<void> {
    try {
      await rm(referenceFile(this.refsDir, reference), { force: true });
    } catch (error) {
      throw diskError(error, `remove the reference "${reference}"`, this.root);
    }
    // On a full disk names can still be removed; index.json is then written by the next change.
    await this.#writeIndexJson().catch(() => undefined);
  }

  async #writeIndexJson(): Promise<void> {
    await withFileLock(this.#path('index.lock'), 'write', async () => {
      await this.replaceFile(this.#path('index.json'), encodeIndexJson(await this.loadReferences()));
    });
  }

  // ---- making things

  /** A directory of our own to make things aside in; on the file system of everything else here. */
  async makeTemp(): Promise<TempDir> {
    try {
      // What killed processes left is swept by the next one that writes; a failure to do so is no reason not to go on.
      this.#swept ??= sweepTemp(this.tmpDir, (paths) => this.removeMapped(paths)).catch(() => undefined);
      await this.#swept;
      return makeTempDir(this.tmpDir, (paths) => this.removeMapped(paths));
    } catch (error) {
      throw diskError(error, `write to the store "${this.root}"`, this.root);
    }
  }

  /** Runs `body` with a temporary directory that is gone afterwards. */
  async withTemp<T>(body: (dir: HostPath) => Promise<T>): Promise<T> {
    const temp = await this.makeTemp();
    try {
      return await body(temp.dir);
    } finally {
      await temp.release();
    }
  }

  /** Writes a file so that readers see the old or the new content. */
  async replaceFile(file: HostPath, content: string, options: { sync?: boolean } = {}): Promise<void> {
    await this.withTemp(async (dir) => {
      const aside = path.join(dir, 'file');
      const handle = await open(aside, 'wx', 0o644);
      try {
        await handle.writeFile(content);
        if (options.sync === true) await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(aside, file);
    });
  }

  /** Holds off the removal of unreferenced things while `body` makes sure that all is there and refers to it. Keep it short. */
  async whileCommitting<T>(body: () => Promise<T>): Promise<T> {
    return withFileLock(this.#path('commit.lock'), 'read', body);
  }

  /** Holds off everybody who commits; for the removal of unreferenced things. */
  async whileCollecting<T>(body: () => Promise<T>): Promise<T> {
    const file = this.#path('commit.lock');
    return withFileLock(file, 'write', () => whileMarked(file, body));
  }

  /**
   * For who has put in place, without a lock, what refers to layers: a collection that began later sees it, one that is under way is
   * waited for. What is there afterwards stays.
   */
  async outlastCollection(): Promise<void> {
    const file = this.#path('commit.lock');
    if (isMarked(file)) await withFileLock(file, 'read', () => Promise.resolve(unmark(file)));
  }

  /** Throws unless the store can be written to; asked before a long download. */
  async checkWritable(): Promise<void> {
    try {
      await access(this.tmpDir, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw diskError(error, `write to the store "${this.root}"`, this.root);
    }
  }

  // ---- removing things

  /** rm -rf of a tree that may hold files of subordinate ids. */
  async removeTree(dir: HostPath): Promise<void> {
    try {
      await removeTree(dir, (paths) => this.removeMapped(paths));
    } catch (error) {
      throw diskError(error, `remove "${dir}"`, this.root);
    }
  }

  async removeMapped(paths: HostPath[]): Promise<void> {
    const [{ removeTrees }, { workingMapping }] = await Promise.all([
      import('../helper/userns-run.js'),
      import('../idmap/choose.js'),
    ]);
    await removeTrees((await workingMapping()).mapping, paths);
  }

  async listDirectory(dir: HostPath): Promise<string[]> {
    try {
      return await readdir(dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw diskError(error, `read "${dir}"`, this.root);
    }
  }

  async #syncDirectory(dir: HostPath): Promise<void> {
    const handle = await open(dir, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/**
 * Opens the store at `root`, making it where there is none. Existing ones are only looked at, so that reading works on a full or
 * read-only disk; who is about to write calls checkWritable() or simply writes.
 */
export async function openStore(root: HostPath): Promise<Store> {
  const store = new Store(root);
  try {
    checkOwner(root);
    if (!hasLayout(root)) await createLayout(root);
  } catch (error) {
    throw diskError(error, `use the store "${root}"`, root);
  }
  return store;
}

function checkOwner(root: HostPath): void {
  const found = statSync(root, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory())
    throw new RrunError('STORE_UNUSABLE', `cannot use the store "${root}": it is not a directory`);
  const us = process.getuid?.();
  // Files of a foreign owner could be changed under us, and our own would lie about who may change them.
  if (found.uid !== us) {
    throw new RrunError(
      'STORE_UNUSABLE',
      `cannot use the store "${root}": it belongs to uid ${found.uid}, not to you (uid ${us})`,
      {
        hint: us === 0 ? 'run rrun as that user' : 'choose a directory of your own with --root',
      },
    );
  }
}

function hasLayout(root: HostPath): boolean {
  let layout: string;
  try {
    layout = readFileSync(path.join(root, 'oci-layout'), 'utf8');
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  if (layout === '') return false; // its maker was killed before it wrote
  if (layout !== OCI_LAYOUT && !/"imageLayoutVersion"\s*:\s*"1\./.test(layout)) {
    throw new RrunError('STORE_UNUSABLE', `cannot use the store "${root}": its oci-layout is of another version`);
  }
  return true;
}

/* oci-layout comes last: where it is, everything else is. Not readable by others, because unpacked layers hold programs that
   are setuid to the caller. */
async function createLayout(root: HostPath): Promise<void> {
  makeDirectories(root, 0o700);
  await Promise.all(DIRECTORIES.map((name) => mkdir(path.join(root, name), { recursive: true, mode: 0o700 })));
  writeFileSync(path.join(root, 'oci-layout'), OCI_LAYOUT);
}

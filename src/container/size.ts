// How much a container has written, and how large it is with its image.

import { existsSync, lstatSync, readdirSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';

import { runFailed, runInUserns } from '../helper/userns-run.js';
import { findImage } from '../image/search.js';
import type { Store } from '../store/store.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { nodeEntry } from '../util/node-entry.js';
import type { Container } from './list.js';

export interface ContainerSize {
  /** Bytes of the files that the container made or changed. */
  written: number;
  /** With those of the image. */
  total: number;
}

/** Internal command that measures as root of the mapped user namespace. */
export const SIZE_COMMAND = '@size';

export async function containerSize(store: Store, { record, dir }: Container): Promise<ContainerSize> {
  if (record.storageDriver === 'rootfs') return { written: 0, total: 0 };
  const image =
    record.imageId === undefined ? undefined : await findImage(store, record.imageId).catch(() => undefined);
  const imageSize = image?.sizeBytes ?? 0;
  if (!existsSync(path.join(dir, 'upper'))) {
    // A copy: what was written cannot be told apart but by its size.
    const total = await treeSize(path.join(dir, 'rootfs'), record.userns);
    return { written: Math.max(0, total - imageSize), total };
  }
  const written = await treeSize(path.join(dir, 'upper'), record.userns);
  return { written, total: written + imageSize };
}

/** Directories of the container's ids may be closed to the caller; then a mapped process looks. */
async function treeSize(root: string, mapping: UsernsMapping): Promise<number> {
  try {
    return measureTree(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
  }
  const { child, done } = runInUserns({
    mapping,
    argv: [process.execPath, nodeEntry(), SIZE_COMMAND, root],
    env: {},
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const chunks: Buffer[] = [];
  (child.stdout as Readable).on('data', (chunk: Buffer) => chunks.push(chunk));
  const result = await done;
  if (result.code !== 0) throw runFailed(`measure "${root}"`, result);
  return Number(Buffer.concat(chunks).toString());
}

/** Runs the mapped process: prints the size of the tree that is named. Gives its exit code. */
export function measureChild(args: readonly string[]): number {
  writeSync(1, `${measureTree(args[0] ?? '')}\n`);
  return 0;
}

/** Bytes of all files below, hard links counted once; 0 where there is nothing. */
export function measureTree(root: string): number {
  const seen = new Set<string>();
  const todo = [root];
  let bytes = 0;
  for (let dir = todo.pop(); dir !== undefined; dir = todo.pop()) {
    for (const name of listDir(dir)) {
      const file = path.join(dir, name);
      const stats = lstatSync(file, { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (stats.isDirectory()) todo.push(file);
      const key = `${stats.dev}:${stats.ino}`;
      if (!stats.isFile() || (stats.nlink > 1 && seen.has(key))) continue;
      if (stats.nlink > 1) seen.add(key);
      bytes += stats.size;
    }
  }
  return bytes;
}

function listDir(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    // The container may be removing what it wrote while we look.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

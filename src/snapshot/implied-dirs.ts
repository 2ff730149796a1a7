// Directories that a layer's tar does not list but needs were made 755 root:root when it was unpacked alone. In the stack such
// a directory would change the one below (an implied /tmp would turn 1777 into 755), so the container's own layer puts it right.

import { lstatSync, type Stats } from 'node:fs';

import { tryLoadTreeRecord } from '../layer/layer-record.js';
import { encodeName, parentPath } from '../layer/member-path.js';
import type { IdMapping, UsernsMapping } from '../util/id-mapping.js';
import type { DirectoryEntry } from './snapshot-protocol.js';

/** What one layer has at a path. */
interface Look {
  /** Of the directory, where there is one. */
  stats: Stats | undefined;
  /** Nothing of the layers below shows through: whiteout, file, opaque directory, or we may not look. */
  hides: boolean;
}

interface Tree {
  path: string;
  implied: ReadonlySet<string>;
  hasOpaque: boolean;
  looks: Map<string, Look>;
}

type GetXattr = (path: Buffer, name: string) => Buffer | undefined;

/** What to make in the upper directory of the stack `lower` (topmost tree first); parents come first. Usually nothing. */
export async function restoredDirectories(lower: readonly string[], layers: UsernsMapping): Promise<DirectoryEntry[]> {
  const trees = lower.map(openTree);
  // What the bottom layer implies has nothing below it.
  const implied = new Set(trees.slice(0, -1).flatMap((tree) => [...tree.implied]));
  if (implied.size === 0) return [];
  const { getXattr } = await import('../sys/xattr.js');
  const wanted = new Set<string>();
  for (const directory of implied) {
    const { top, merged } = mergedAt(trees, directory, getXattr);
    if (top === undefined || merged === undefined || sameAttributes(top, merged)) continue;
    for (let path = directory; path !== ''; path = parentPath(path)) wanted.add(path);
  }
  return [...wanted]
    .sort()
    .flatMap((directory) => entryOf(directory, mergedAt(trees, directory, getXattr).merged, layers));
}

function openTree(path: string): Tree {
  const record = tryLoadTreeRecord(path);
  return { path, implied: new Set(record?.impliedDirs), hasOpaque: record?.hasOpaque ?? true, looks: new Map() };
}

/** `top`: what the stack shows now. `merged`: what it would show if implied directories took after those below. */
function mergedAt(
  trees: Tree[],
  directory: string,
  getXattr: GetXattr,
): { top: Stats | undefined; merged: Stats | undefined } {
  let top: Stats | undefined;
  for (const tree of trees) {
    const { stats, hides } = lookAt(tree, directory, getXattr);
    top ??= stats;
    if (stats !== undefined && !tree.implied.has(directory)) return { top, merged: stats };
    if (hides) break;
  }
  return { top, merged: top };
}

function lookAt(tree: Tree, path: string, getXattr: GetXattr): Look {
  const known = tree.looks.get(path);
  if (known !== undefined) return known;
  const look = path === '' ? { stats: undefined, hides: false } : freshLook(tree, path, getXattr);
  tree.looks.set(path, look);
  return look;
}

function freshLook(tree: Tree, path: string, getXattr: GetXattr): Look {
  const parent = parentPath(path);
  const above = lookAt(tree, parent, getXattr);
  if (parent !== '' && above.stats === undefined) return above;
  const place = Buffer.from(`${Buffer.from(tree.path).toString('latin1')}/${path}`, 'latin1');
  const stats = tryLstat(place);
  if (stats === 'unreadable') return { stats: undefined, hides: true };
  if (stats === undefined) return { stats, hides: above.hides };
  if (!stats.isDirectory()) return { stats: undefined, hides: true };
  return { stats, hides: above.hides || (tree.hasOpaque && isOpaque(place, getXattr)) };
}

function isOpaque(place: Buffer, getXattr: GetXattr): boolean {
  const marker = Buffer.concat([place, Buffer.from('/.wh..wh..opq')]);
  return getXattr(place, 'user.overlay.opaque')?.toString() === 'y' || tryLstat(marker) !== undefined;
}

function tryLstat(place: Buffer): Stats | 'unreadable' | undefined {
  try {
    return lstatSync(place, { throwIfNoEntry: false });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? undefined : 'unreadable';
  }
}

function sameAttributes(a: Stats, b: Stats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

function entryOf(directory: string, stats: Stats | undefined, layers: UsernsMapping): DirectoryEntry[] {
  const uid = stats === undefined ? undefined : inside(layers.uidMappings, stats.uid);
  const gid = stats === undefined ? undefined : inside(layers.gidMappings, stats.gid);
  if (stats === undefined || uid === undefined || gid === undefined) return [];
  return [{ path: encodeName(directory), mode: stats.mode & 0o7777, uid, gid }];
}

function inside(mappings: IdMapping[], hostId: number): number | undefined {
  const found = mappings.find(({ hostID, size }) => hostId >= hostID && hostId < hostID + size);
  return found === undefined ? undefined : found.containerID + hostId - found.hostID;
}

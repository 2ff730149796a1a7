// Layers lie on disk with the owners of one mapping; a container with another (keep-id, nomap) needs them shifted.

import type { IdMapping, UsernsMapping } from '../util/id-mapping.js';
import type { FuseIdMapping } from './fuse-overlayfs.js';

/** How owners of image files are to be shifted, for one kind of id. */
export type IdShift = FuseIdMapping[];

export interface Shift {
  uid: IdShift;
  gid: IdShift;
}

/**
 * The shift from owners on disk to owners presented, both as a process in the user namespace `seenFrom` sees them:
 * image id i lies on disk as layers(i), and is to be container(i). Ids that one of the three cannot name fall away.
 */
export function shiftBetween(layers: UsernsMapping, container: UsernsMapping, seenFrom: UsernsMapping): Shift {
  return {
    uid: shiftOf(layers.uidMappings, container.uidMappings, seenFrom.uidMappings),
    gid: shiftOf(layers.gidMappings, container.gidMappings, seenFrom.gidMappings),
  };
}

/** Whether every id that layers may have on disk can be named in the container's namespace; if not, root there has no rights over them. */
export function covers(container: UsernsMapping, layers: UsernsMapping): boolean {
  const inside = (mappings: IdMapping[], { hostID, size }: IdMapping): boolean =>
    mappings.reduce((sum, m) => sum + overlap(m.hostID, m.size, hostID, size), 0) === size;
  const root = (mappings: IdMapping[]): IdMapping[] =>
    mappings.filter(({ containerID }) => containerID === 0).map((m) => ({ ...m, size: 1 }));
  return (
    root(layers.uidMappings).every((m) => inside(container.uidMappings, m)) &&
    root(layers.gidMappings).every((m) => inside(container.gidMappings, m))
  );
}

function overlap(a: number, aSize: number, b: number, bSize: number): number {
  return Math.max(0, Math.min(a + aSize, b + bSize) - Math.max(a, b));
}

function shiftOf(layers: IdMapping[], container: IdMapping[], seenFrom: IdMapping[]): IdShift {
  const shift: IdShift = [];
  for (let id = 0; ;) {
    const disk = outward(layers, id);
    const wanted = outward(container, id);
    const step = disk === undefined || wanted === undefined ? undefined : stepAt(seenFrom, disk, wanted);
    if (step !== undefined) append(shift, step);
    const next = step === undefined ? nextStart([layers, container], id) : id + step.size;
    if (next === undefined) return shift;
    id = next;
  }
}

interface Place {
  id: number;
  left: number;
}

function outward(mappings: IdMapping[], id: number): Place | undefined {
  const found = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return found === undefined
    ? undefined
    : { id: found.hostID + id - found.containerID, left: found.containerID + found.size - id };
}

function inward(mappings: IdMapping[], id: number): Place | undefined {
  const found = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return found === undefined
    ? undefined
    : { id: found.containerID + id - found.hostID, left: found.hostID + found.size - id };
}

function stepAt(seenFrom: IdMapping[], disk: Place, wanted: Place): FuseIdMapping | undefined {
  const onDisk = inward(seenFrom, disk.id);
  const presented = inward(seenFrom, wanted.id);
  if (onDisk === undefined || presented === undefined) return undefined;
  return {
    onDisk: onDisk.id,
    presented: presented.id,
    size: Math.min(disk.left, wanted.left, onDisk.left, presented.left),
  };
}

/* Where something may begin to be mapped: any border behind `id`. A hole in `seenFrom` is left id by id at worst. */
function nextStart(maps: IdMapping[][], id: number): number | undefined {
  const borders = maps.flat().flatMap(({ containerID, size }) => [containerID, containerID + size]);
  const behind = borders.filter((border) => border > id);
  return behind.length === 0 ? undefined : Math.min(...behind);
}

function append(shift: IdShift, step: FuseIdMapping): void {
  const last = shift.at(-1);
  if (last !== undefined && last.onDisk + last.size === step.onDisk && last.presented + last.size === step.presented)
    last.size += step.size;
  else shift.push({ ...step });
}

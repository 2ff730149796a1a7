// Turns a container's stack of layers into something to mount: makes upper and work directory (or the copy) and says what a
// launch has to do. Nothing is mounted here; that happens in the container's own mount namespace.

import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { findProgram } from '../idmap/programs.js';
import { tryLoadTreeRecord } from '../layer/layer-record.js';
import { giveToMappedRoot, letMappedRootPass } from '../layer/mapped-root.js';
import { encodeName } from '../layer/member-path.js';
import type { HostPath } from '../util/brand.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { fuseOverlayfsWorks, type DriverStore, type StorageDriver } from './choose-driver.js';
import { formatFuseMapping, fuseOverlayfsArgs } from './fuse-overlayfs.js';
import { restoredDirectories } from './implied-dirs.js';
import { runSnapshotChild } from './run-child.js';
import { covers, shiftBetween, type Shift } from './shift.js';
import type { SnapshotRequest } from './snapshot-protocol.js';

/** What a launch does to have the root file system at `target`. All paths are final, below containers/<id>. */
export interface RootfsMount {
  /** vfs and rootfs: `target` holds the files already and is only to be bound. */
  driver: StorageDriver;
  /** Topmost first. Empty for vfs and rootfs. */
  lower: HostPath[];
  upper?: HostPath;
  work?: HostPath;
  target: HostPath;
  /** What is written is thrown away afterwards, so nothing needs to be synced. */
  volatile: boolean;
  /** Values of uidmapping= and gidmapping= where owners are shifted. */
  shift?: { uid: string; gid: string };
  /** The program, and its arguments (options, then target). */
  fuseOverlayfs?: HostPath;
  fuseArgs?: string[];
  /** One line that the user should read. */
  note?: string;
}

/** The part of a ContainerRecord that decides on storage. */
export interface RootfsRecord {
  lower: string[];
  storageDriver: StorageDriver;
  userns: UsernsMapping;
  shift?: UsernsMapping;
  options: { rm: boolean; rootfs?: string | undefined };
}

/** Makes in `aside` what will be in `dir` once that has its name. */
export async function prepareRootfs(
  store: DriverStore,
  record: RootfsRecord,
  place: { dir: HostPath; aside: HostPath },
): Promise<RootfsMount> {
  if (record.storageDriver === 'rootfs') return givenRootfs(record);
  const plan = await planStorage(store, record);
  mkdirSync(path.join(place.aside, 'rootfs'), { mode: 0o755 });
  letMappedRootPass(layersOf(record), [...directoriesDownTo(store.root, place.aside), path.dirname(place.dir)]);
  if (plan.driver === 'vfs') await copyLayers(store, record, path.join(place.aside, 'rootfs'));
  else await makeUpper(store, record, place.aside);
  const mount = describe(record, place.dir, plan.driver);
  return plan.note === undefined ? mount : { ...mount, note: plan.note };
}

/** The same for a container that exists; changes nothing. */
export function describeRootfs(record: RootfsRecord, dir: HostPath): RootfsMount {
  if (record.storageDriver === 'rootfs') return givenRootfs(record);
  const copied = !existsSync(path.join(dir, 'upper'));
  return describe(record, dir, copied ? 'vfs' : mountDriver(record));
}

function givenRootfs(record: RootfsRecord): RootfsMount {
  return {
    driver: 'rootfs',
    lower: [],
    target: path.resolve(record.options.rootfs ?? '') as HostPath,
    volatile: false,
  };
}

/** The mapping that the layers lie on disk with. */
function layersOf(record: RootfsRecord): UsernsMapping {
  return record.shift ?? record.userns;
}

/* With a single id there is nothing to shift: whatever it is called inside, every file is the caller's. */
function isShifted(record: RootfsRecord): boolean {
  return record.shift !== undefined && record.shift.kind !== 'single';
}

/** Native overlay can neither shift owners nor read whiteouts that are files. */
function mountDriver(record: RootfsRecord): 'overlay' | 'fuse-overlayfs' {
  if (record.storageDriver === 'fuse-overlayfs' || isShifted(record)) return 'fuse-overlayfs';
  return record.lower.some((tree) => tryLoadTreeRecord(tree)?.whiteouts === 'files') ? 'fuse-overlayfs' : 'overlay';
}

async function planStorage(
  store: DriverStore,
  record: RootfsRecord,
): Promise<{ driver: StorageDriver; note?: string }> {
  if (record.storageDriver === 'vfs') return { driver: 'vfs' };
  const driver = mountDriver(record);
  if (driver === record.storageDriver && !isShifted(record)) return { driver };
  if (isShifted(record) && !covers(record.userns, layersOf(record))) {
    return {
      driver: 'vfs',
      note: 'the image is copied for this container: the owner of its files is not mapped in it',
    };
  }
  const fuse = await fuseOverlayfsWorks(store);
  if (fuse.works) return { driver };
  return {
    driver: 'vfs',
    note: `the image is copied for this container: fuse-overlayfs, which shifts owners, does not work here (${fuse.reason})`,
  };
}

function describe(record: RootfsRecord, dir: HostPath, driver: StorageDriver): RootfsMount {
  const at = (name: string): HostPath => path.join(dir, name) as HostPath;
  if (driver === 'vfs') return { driver, lower: [], target: at('rootfs'), volatile: false };
  const lower = record.lower as HostPath[];
  const mount = {
    driver,
    lower,
    upper: at('upper'),
    work: at('work'),
    target: at('rootfs'),
    volatile: record.options.rm,
  };
  if (driver === 'overlay') return mount;
  const shift = isShifted(record) ? shiftBetween(layersOf(record), record.userns, record.userns) : undefined;
  const fuseArgs = fuseOverlayfsArgs(
    { ...mount, ...(shift === undefined ? {} : { uidMapping: shift.uid, gidMapping: shift.gid }) },
    mount.target,
  );
  return {
    ...mount,
    fuseOverlayfs: requireFuseOverlayfs(),
    fuseArgs,
    ...(shift === undefined ? {} : { shift: formatShift(shift) }),
  };
}

function formatShift(shift: Shift): { uid: string; gid: string } {
  return { uid: formatFuseMapping(shift.uid), gid: formatFuseMapping(shift.gid) };
}

/* Where it has gone since, the launch fails with the name that is missing. */
function requireFuseOverlayfs(): HostPath {
  return findProgram('fuse-overlayfs') ?? ('fuse-overlayfs' as HostPath);
}

async function makeUpper(store: DriverStore, record: RootfsRecord, aside: string): Promise<void> {
  const upper = path.join(aside, 'upper');
  mkdirSync(upper);
  mkdirSync(path.join(aside, 'work'), { mode: 0o700 });
  giveToMappedRoot(layersOf(record), [upper, path.join(aside, 'work')]);
  chmodSync(upper, rootMode(record.lower));
  const directories = await restoredDirectories(record.lower, layersOf(record));
  if (directories.length > 0) await runSnapshotChild(layersOf(record), request(store, upper, { directories }));
}

async function copyLayers(store: DriverStore, record: RootfsRecord, target: string): Promise<void> {
  giveToMappedRoot(layersOf(record), [target]);
  chmodSync(target, rootMode(record.lower));
  const layers = [...record.lower].reverse().map((tree) => ({
    tree: relative(store, tree),
    implied: (tryLoadTreeRecord(tree)?.impliedDirs ?? []).map(encodeName),
  }));
  const onDisk = layersOf(record);
  const shift = isShifted(record) ? shiftBetween(onDisk, record.userns, onDisk) : undefined;
  await runSnapshotChild(onDisk, request(store, target, { layers, ...(shift === undefined ? {} : { shift }) }));
}

/** `root` and every directory from there to `place`. */
function directoriesDownTo(root: string, place: string): string[] {
  return place.startsWith(`${root}/`) ? [...directoriesDownTo(root, path.dirname(place)), place] : [root];
}

function request(store: DriverStore, target: string, parts: Partial<SnapshotRequest>): SnapshotRequest {
  return { root: store.root, target: relative(store, target), directories: [], layers: [], ...parts };
}

function relative(store: DriverStore, place: string): string {
  return path.relative(store.root, place);
}

/** The root directory is what the topmost layer that lists it says, else 755. */
function rootMode(lower: readonly string[]): number {
  const listed = lower.find((tree) => tryLoadTreeRecord(tree)?.rootListed === true);
  return listed === undefined ? 0o755 : lstatSync(listed).mode & 0o7777;
}

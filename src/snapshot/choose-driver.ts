// Chooses how root file systems are put together, by trying it: once per store, remembered until kernel or programs change.

import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { RrunError } from '../errors.js';
import { workingMapping } from '../idmap/choose.js';
import { findProgram } from '../idmap/programs.js';
import type { HostPath } from '../util/brand.js';
import { probeFuseOverlayfs, probeOverlay, type Probe } from './probe.js';

export type StorageDriver = 'overlay' | 'fuse-overlayfs' | 'vfs' | 'rootfs';

export interface DriverChoice {
  driver: StorageDriver;
  /** As a clause. */
  why: string;
  /** One line that the user should read. */
  note?: string;
}

/** The part of a store that is needed here. */
export interface DriverStore {
  readonly root: HostPath;
  readonly cacheDir: HostPath;
  makeTemp(): Promise<{ dir: HostPath; release(): Promise<void> }>;
  replaceFile(file: HostPath, content: string): Promise<void>;
}

const DRIVERS = ['overlay', 'fuse-overlayfs', 'vfs'] as const;
type ProbedDriver = 'overlay' | 'fuse-overlayfs';

/** The driver for new containers of this store. `requested`: --storage-driver, which is taken or refused, never replaced. */
export async function chooseDriver(store: DriverStore, requested?: string): Promise<DriverChoice> {
  if (requested === undefined) return await chooseByProbing(store);
  const driver = DRIVERS.find((name) => name === requested);
  if (driver === undefined) {
    throw new RrunError('USAGE', `cannot use storage driver "${requested}": rrun has ${DRIVERS.join(', ')}`);
  }
  if (driver === 'vfs') return { driver, why: 'asked for' };
  const probe = await rememberedProbe(store, driver);
  if (!probe.works)
    throw new RrunError(probe.code, `cannot use storage driver "${driver}": ${probe.reason}`, { hint: probe.hint });
  return { driver, why: 'asked for' };
}

async function chooseByProbing(store: DriverStore): Promise<DriverChoice> {
  const overlay = await rememberedProbe(store, 'overlay');
  if (overlay.works)
    return { driver: 'overlay', why: `the kernel mounts an overlay in a user namespace (Linux ${os.release()})` };
  const fuse = await rememberedProbe(store, 'fuse-overlayfs');
  const noOverlay = `native overlay does not work here (${overlay.reason})`;
  if (fuse.works) return { driver: 'fuse-overlayfs', why: `${noOverlay}, fuse-overlayfs does` };
  const why = `${noOverlay}, nor does fuse-overlayfs (${fuse.reason})`;
  return { driver: 'vfs', why, note: `${why}: every container gets a copy of its image` };
}

/** Whether fuse-overlayfs works here; asked where owners must be shifted. */
export async function fuseOverlayfsWorks(store: DriverStore): Promise<Probe> {
  return await rememberedProbe(store, 'fuse-overlayfs');
}

interface Memory {
  version: 1;
  key: string;
  probes: Partial<Record<ProbedDriver, Probe>>;
}

async function rememberedProbe(store: DriverStore, driver: ProbedDriver): Promise<Probe> {
  const file = path.join(store.cacheDir, 'driver.json') as HostPath;
  const { layers, layerKind } = await workingMapping();
  const fusePath = findProgram('fuse-overlayfs');
  const key = [os.release(), layerKind, statSync(store.root).dev, identityOf(fusePath), modeOf('/dev/fuse')].join(' ');
  const known = tryReadMemory(file, key);
  const remembered = known?.probes[driver];
  if (remembered !== undefined) return remembered;
  const probe =
    driver === 'overlay' ? await probeOverlay(store, layers) : await probeFuseOverlayfs(store, layers, fusePath);
  const memory: Memory = { version: 1, key, probes: { ...known?.probes, [driver]: probe } };
  await store.replaceFile(file, `${JSON.stringify(memory)}\n`).catch(() => undefined); // a cache: a full disk must not matter
  return probe;
}

function tryReadMemory(file: string, key: string): Memory | undefined {
  try {
    const memory = JSON.parse(readFileSync(file, 'utf8')) as Memory;
    return memory.version === 1 && memory.key === key ? memory : undefined;
  } catch {
    return undefined;
  }
}

function identityOf(file: string | undefined): string {
  const stat = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '-' : `${file ?? ''}:${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.mode}`;
}

/* Not its times: each use changes them. */
function modeOf(device: string): string {
  return String(statSync(device, { throwIfNoEntry: false })?.mode ?? '-');
}

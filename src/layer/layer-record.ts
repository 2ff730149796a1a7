// layers/<diff_id hex>.<kind>/layer.json, and the question whether such a directory can be used.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { DiffId, HostPath } from '../util/brand.js';
import { digestHex } from '../util/digest.js';
import { decodeName, encodeName } from './member-path.js';
import type { LayerFacts } from './layer-writer.js';

export type LayerKind = 'ranges' | 'single';

/** What layer.json holds, version 1; names in it are percent-encoded bytes. */
export interface LayerRecord extends LayerFacts {
  version: 1;
  diffId: DiffId;
  kind: LayerKind;
  /** Boot during which it was unpacked. Nothing is fsynced then: after a crash of the host only covered layers can be trusted. */
  bootId: string;
}

/** Empty file beside layer.json: a later syncfs has covered this layer (cover-layers.ts). */
export const COVERED = 'covered';

/** The part of a store that layers need. */
export interface LayerPlaces {
  readonly layersDir: HostPath;
}

/** Directory of the layer; its tree is `fs` inside. */
export function layerDir(store: LayerPlaces, diffId: DiffId, kind: LayerKind): HostPath {
  return path.join(store.layersDir, `${digestHex(diffId)}.${kind}`) as HostPath;
}

/** The tree to be mounted. */
export function layerTree(store: LayerPlaces, diffId: DiffId, kind: LayerKind): HostPath {
  return path.join(layerDir(store, diffId, kind), 'fs') as HostPath;
}

/** The record, or undefined where the layer is not there or cannot be trusted: it is then to be unpacked (again) from its blob. */
export function tryLoadLayer(store: LayerPlaces, diffId: DiffId, kind: LayerKind): LayerRecord | undefined {
  const dir = layerDir(store, diffId, kind);
  const record = tryReadRecord(path.join(dir, 'layer.json'));
  if (record === undefined || record.diffId !== diffId || record.kind !== kind) return undefined;
  return record.bootId === currentBootId() || existsSync(path.join(dir, COVERED)) ? record : undefined;
}

/** The record beside a tree in the store; undefined for trees of others. */
export function tryLoadTreeRecord(tree: string): LayerRecord | undefined {
  return tryReadRecord(path.join(path.dirname(tree), 'layer.json'));
}

function tryReadRecord(file: string): LayerRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(file, 'utf8')) as LayerRecord;
    if (record.version !== 1 || !Array.isArray(record.impliedDirs)) return undefined;
    return { ...record, impliedDirs: record.impliedDirs.map(decodeName) };
  } catch {
    return undefined; // absent, or cut short by a crash: both mean that it has to be made
  }
}

export function encodeLayerRecord(record: LayerRecord): string {
  return `${JSON.stringify({ ...record, impliedDirs: record.impliedDirs.map(encodeName) })}\n`;
}

let bootId: string | undefined;

export function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

// What passes between prepareRootfs() and its child: the request on fd 0, one line of JSON back on RESULT_FD.

import type { ErrorCode } from '../errors.js';
import type { Shift } from './shift.js';

/** Internal command of the bundle that runs the child. */
export const SNAPSHOT_COMMAND = '@snapshot';
export const RESULT_FD = 3;

/** A directory to be made; `path` is encoded by encodeName(). Ids are those of the child's namespace. */
export interface DirectoryEntry {
  path: string;
  mode: number;
  uid: number;
  gid: number;
}

export interface SnapshotRequest {
  /** Becomes the root directory of the child; all paths are relative to it. */
  root: string;
  target: string;
  /** Directories to make in the target, parents first. */
  directories: DirectoryEntry[];
  /** Layers to copy into the target, bottom first; `implied` directories keep what the layer below gave them. */
  layers: { tree: string; implied: string[] }[];
  shift?: Shift;
}

export type SnapshotAnswer = { ok: true } | { ok: false; code: ErrorCode; message: string };

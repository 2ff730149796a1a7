// The record that makes a directory under containers/ a container: written once at creation, never a status.

import type { ContainerOptions } from '../bundle/options.js';
import type { ContainerId, Digest } from '../util/brand.js';
import type { UsernsMapping } from '../util/id-mapping.js';

/** containers/<id>/container.json, version 1. Beside it stand config.json, lock, exit, log, upper/, work/, rootfs/. */
export interface ContainerRecord {
  version: 1;
  id: ContainerId;
  name: string;
  /** RFC 3339 with nanoseconds or milliseconds, UTC. */
  created: string;
  /** Image reference as typed and the digest of its config; absent with --rootfs. */
  imageName?: string;
  imageId?: Digest;
  /** Layer directories, topmost first, absolute. Empty for --rootfs. */
  lower: string[];
  storageDriver: 'overlay' | 'fuse-overlayfs' | 'vfs' | 'rootfs';
  userns: UsernsMapping;
  /** The mapping the layers on disk were unpacked with, where it differs from `userns` (keep-id, nomap). */
  shift?: UsernsMapping;
  network: string;
  options: ContainerOptions;
  /** What is exec'ed, entrypoint and command resolved. */
  args: string[];
  stopSignal: string;
}

/** What is observed of a container, never stored. */
export type ContainerStatus = 'created' | 'running' | 'exited' | 'dead';

export interface ContainerState {
  status: ContainerStatus;
  /** Host pid of the container process; 0 unless running. */
  pid: number;
  exitCode: number;
  startedAt?: string;
  finishedAt?: string;
  error?: string;
}

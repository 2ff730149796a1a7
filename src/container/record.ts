// The record that makes a directory under containers/ a container: written once at creation, never a status.

import type { VolumeUse } from '../bundle/context.js';
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
  /** Its own address, while it runs. */
  address?: { ip: string; prefixLength: number };
  options: ContainerOptions;
  /** What is exec'ed, entrypoint and command resolved. */
  args: string[];
  stopSignal: string;
  /** The image's and those of the options, merged. */
  labels: Record<string, string>;
  volumes: VolumeUse[];
  /** Directories that must exist in the rootfs before the mounts. */
  rootfsDirs: string[];
  /** What the image says and `inspect` shows, since the image may go before the container. */
  image: RecordedImage;
}

/** Parts of an image's config, null where it says nothing. */
export interface RecordedImage {
  entrypoint: string[] | null;
  cmd: string[] | null;
  user: string;
  exposedPorts: string[];
  volumes: string[];
  onBuild: string[] | null;
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

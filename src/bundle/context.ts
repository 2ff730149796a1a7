// What buildSpec() must be told besides the options and the image: facts, paths and choices that others made.

import type { HostPath } from '../util/brand.js';
import type { Decision } from '../util/decision.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import type { UserLookup } from './resolve-user.js';
import type { Spec } from './spec.wire.js';

export type { UserLookup };

/** The part of an image-spec config that describes the process (image-spec config.md, "config"). */
export interface ImageProcessConfig {
  Env?: readonly string[] | null | undefined;
  Cmd?: readonly string[] | null | undefined;
  Entrypoint?: readonly string[] | null | undefined;
  User?: string | undefined;
  WorkingDir?: string | undefined;
  ExposedPorts?: Record<string, unknown> | null | undefined;
  Volumes?: Record<string, unknown> | null | undefined;
  Labels?: Record<string, string> | null | undefined;
  StopSignal?: string | undefined;
}

export interface SpecContext {
  id: string;
  /** Name in the UTS namespace, and HOSTNAME. */
  hostname: string;
  mapping: UsernsMapping;
  /** process.arch ("x64") or uname -m ("x86_64"). */
  kernelArch: string;
  /** Contents of the image's /etc/passwd and /etc/group. */
  userLookup: UserLookup;
  volumesDir: HostPath;
  /** `path`: the netns to join (container:ID and user-defined networks). */
  network: { kind: string; path?: string | undefined };
  /** Files to bind over /etc/hosts…; left out: none is bound. `aptSandbox`: set in single-id mode for an image with /etc/apt. */
  files: {
    hosts?: HostPath | undefined;
    hostname?: HostPath | undefined;
    resolvConf?: HostPath | undefined;
    aptSandbox?: HostPath | undefined;
  };
  /** Supplementary groups of the caller (process.getgroups()). */
  callerGroups: readonly number[];
  /** root.path of the bundle; "rootfs" where left out. */
  rootfs?: string | undefined;
  /** Host pids of the running containers that --pid, --ipc container:X name. */
  joined?: { pid?: number | undefined; ipc?: number | undefined } | undefined;
  /** Ids of the caller on the host; of this process where left out. */
  caller?: { uid: number; gid: number } | undefined;
  /** For host paths that are typed relative; process.cwd() where left out. */
  cwd?: string | undefined;
  /** The caller's environment, for proxies; process.env where left out. */
  callerEnv?: Record<string, string | undefined> | undefined;
  /** Make no volume and no host directory (explain). */
  dryRun?: boolean | undefined;
  /** Facts of this machine; what is left out is read from /proc and /sys. */
  facts?: Partial<SpecFacts> | undefined;
}

export interface SpecFacts {
  kernelRelease: string;
  lastCap: number;
  /** Of the caller; without privilege it can be raised only. */
  oomScoreAdj: number;
  /** Hard limits of the caller by Docker's name; Infinity for none. */
  hardLimits: Readonly<Record<string, number>>;
  /** False where only cgroup v1 hierarchies exist. */
  hasCgroup2: boolean;
  /** Default profiles, the first one that exists is used. */
  seccompProfiles: readonly string[];
}

/** A volume of the container: what there is to clean up, to fill or to chown around a launch. */
export interface VolumeUse {
  destination: string;
  /** Name below volumesDir; absent for a host directory. */
  name?: string;
  source: HostPath;
  anonymous: boolean;
  /** The directory was made just now: the image's content is to be copied into it (issue 3), unless nocopy. */
  created: boolean;
  copyUp: boolean;
  /** `U`: chown -R the source to these ids of the container. */
  chown?: { uid: number; gid: number };
}

export interface BuiltSpec {
  spec: Spec;
  decisions: Decision[];
  volumes: VolumeUse[];
  /** Directories that must exist in the rootfs (0755, root) before the mounts: the image's VOLUMEs. */
  rootfsDirs: string[];
  /** "SIGTERM" and its number. */
  stopSignal: { name: string; number: number };
}

// Uid and gid mappings as the runtime-spec writes them.

/** One extent of a map: `size` ids from `containerID` inside are `hostID`… outside (runtime-spec, config-linux.md). */
export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/**
 * How a user namespace is to be mapped.
 * `ranges`: image root is the caller, 1… are the caller's subordinate ids, written by newuidmap/newgidmap.
 * `single`: one id only, written directly after setgroups is denied.
 * `join`: rrun already runs as mapped root in a namespace that is enough.
 */
export interface UsernsMapping {
  kind: 'ranges' | 'single';
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
  /** Absolute paths of the programs that write ranges; absent where the map is written directly: `single`, and as root. */
  newuidmap?: string;
  newgidmap?: string;
}

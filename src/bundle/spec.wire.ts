// config.json of the runtime-spec 1.2 (https://github.com/opencontainers/runtime-spec), in its own spelling, as far as Linux needs it.
// The check of a foreign config.json is in parse-spec.ts.

export interface Spec {
  ociVersion: string;
  root: SpecRoot;
  process?: SpecProcess;
  hostname?: string;
  domainname?: string;
  mounts?: SpecMount[];
  hooks?: SpecHooks;
  annotations?: Record<string, string>;
  linux?: SpecLinux;
}

export interface SpecRoot {
  /** Absolute, or relative to the bundle. */
  path: string;
  readonly?: boolean;
}

export interface SpecProcess {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user: SpecUser;
  args: string[];
  env?: string[];
  cwd: string;
  capabilities?: SpecCapabilities;
  rlimits?: SpecRlimit[];
  noNewPrivileges?: boolean;
  apparmorProfile?: string;
  selinuxLabel?: string;
  oomScoreAdj?: number;
  scheduler?: {
    policy: string;
    nice?: number;
    priority?: number;
    flags?: string[];
    runtime?: number;
    deadline?: number;
    period?: number;
  };
  ioPriority?: { class: string; priority: number };
  execCPUAffinity?: { initial?: string; final?: string };
}

export interface SpecUser {
  uid: number;
  gid: number;
  umask?: number;
  additionalGids?: number[];
}

export const CAPABILITY_SETS = ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const;
export type SpecCapabilities = { [Set in (typeof CAPABILITY_SETS)[number]]?: string[] };

export interface SpecRlimit {
  /** "RLIMIT_NOFILE"… */
  type: string;
  soft: number;
  hard: number;
}

export interface SpecMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: SpecIdMapping[];
  gidMappings?: SpecIdMapping[];
}

export interface SpecIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export const HOOK_KINDS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type SpecHooks = { [Kind in (typeof HOOK_KINDS)[number]]?: SpecHook[] };
export interface SpecHook {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export const NAMESPACE_TYPES = ['user', 'pid', 'network', 'ipc', 'uts', 'mount', 'cgroup', 'time'] as const;
export type SpecNamespaceType = (typeof NAMESPACE_TYPES)[number];
export interface SpecNamespace {
  type: SpecNamespaceType;
  /** A namespace to join; absent: a new one. */
  path?: string;
}

export interface SpecDevice {
  path: string;
  type: 'c' | 'b' | 'u' | 'p';
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface SpecLinux {
  uidMappings?: SpecIdMapping[];
  gidMappings?: SpecIdMapping[];
  sysctl?: Record<string, string>;
  resources?: Record<string, unknown>;
  cgroupsPath?: string;
  namespaces?: SpecNamespace[];
  devices?: SpecDevice[];
  seccomp?: SpecSeccomp;
  rootfsPropagation?: string;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  personality?: { domain: string; flags?: string[] };
  timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
}

export const SECCOMP_ACTIONS = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
] as const;
export type SeccompAction = (typeof SECCOMP_ACTIONS)[number];

export const SECCOMP_OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const;
export type SeccompOperator = (typeof SECCOMP_OPERATORS)[number];

export interface SpecSeccomp {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  /** "SCMP_ARCH_X86_64"… */
  architectures?: string[];
  /** "SECCOMP_FILTER_FLAG_LOG"… */
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SpecSyscall[];
}

export interface SpecSyscall {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: SpecSyscallArg[];
}

export interface SpecSyscallArg {
  index: number;
  /** A decimal string where a double would lose digits (above 2^53). */
  value: number | string;
  valueTwo?: number | string;
  op: SeccompOperator;
}

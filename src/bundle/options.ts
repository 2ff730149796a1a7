// What the user asked for a container, after the command line was parsed and before any of it was decided.

export type PullPolicy = 'missing' | 'always' | 'never' | 'newer';

/**
 * The options of `run` and `create`. Strings are as typed (the parsers in bundle/ and network/ check them);
 * lists keep their order; what was not given is undefined, [] or false.
 */
export interface ContainerOptions {
  /** Image reference as typed; undefined with --rootfs. */
  image?: string | undefined;
  rootfs?: string | undefined;
  command: string[];
  name?: string | undefined;
  hostname?: string | undefined;
  domainname?: string | undefined;
  interactive: boolean;
  tty: boolean;
  detach: boolean;
  rm: boolean;
  /** K=V only: --env-host, --env-file, -e were merged in this order, `-e K` was resolved. */
  env: string[];
  /** Names that `-e K` gave and the caller does not have: they are taken out of the image's environment, as in Docker. */
  unsetEnv?: string[] | undefined;
  workdir?: string | undefined;
  user?: string | undefined;
  /** Undefined: the image's. A single string as typed; '' clears it. */
  entrypoint?: string | undefined;
  volumes: string[];
  mounts: string[];
  tmpfs: string[];
  readOnly: boolean;
  init: boolean;
  network?: string | undefined;
  dns: string[];
  dnsSearch: string[];
  dnsOption: string[];
  addHost: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  capAdd: string[];
  capDrop: string[];
  privileged: boolean;
  securityOpt: string[];
  ulimits: string[];
  sysctls: Record<string, string>;
  /** As typed: "64m". */
  shmSize?: string | undefined;
  devices: string[];
  groupAdd: string[];
  userns?: string | undefined;
  pid?: string | undefined;
  ipc?: string | undefined;
  uts?: string | undefined;
  platform?: string | undefined;
  pull: PullPolicy;
  tlsVerify?: boolean | undefined;
  cidfile?: string | undefined;
  stopSignal?: string | undefined;
  stopTimeout?: number | undefined;
  oomScoreAdj?: number | undefined;
  umask?: string | undefined;
  tz?: string | undefined;
  noHosts: boolean;
  noHostname: boolean;
  httpProxy: boolean;
  logDriver: 'json-file' | 'none' | 'passthrough';
  logOpts: Record<string, string>;
  /** Undefined: ctrl-p,ctrl-q. '' turns detaching off. */
  detachKeys?: string | undefined;
  sigProxy: boolean;
  /** -a: only these streams are the caller's. Undefined or []: stdout and stderr, and stdin with -i. */
  attach?: ('stdin' | 'stdout' | 'stderr')[] | undefined;
  storageDriver?: string | undefined;
  quiet: boolean;
}

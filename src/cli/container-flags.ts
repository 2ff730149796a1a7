// The options of run, create and explain: names, letters and meanings as in Docker, a few from podman.

import type { FlagSpec, FlagTable } from './command.js';

export const CONTAINER_FLAGS = {
  'add-host': { type: 'strings', value: 'NAME:IP', help: 'Add a line to /etc/hosts' },
  annotation: { type: 'strings', value: 'KEY=VALUE', help: 'Add an annotation to the OCI configuration' },
  attach: {
    type: 'strings',
    short: 'a',
    value: 'stream',
    choices: ['stdin', 'stdout', 'stderr', 'STDIN', 'STDOUT', 'STDERR'],
    help: 'Attach only to stdin, stdout or stderr',
  },
  'cap-add': { type: 'strings', value: 'CAPABILITY', help: 'Add a Linux capability' },
  'cap-drop': { type: 'strings', value: 'CAPABILITY', help: 'Drop a Linux capability' },
  cidfile: { type: 'string', value: 'FILE', help: 'Write the container id to a file, which must not exist' },
  'detach-keys': {
    type: 'string',
    value: 'keys',
    help: 'Key sequence that detaches from the terminal, "" for none (default "ctrl-p,ctrl-q")',
  },
  device: { type: 'strings', value: 'HOST[:CONTAINER[:rwm]]', help: 'Add a device of the host' },
  dns: { type: 'strings', value: 'IP', help: 'Use this DNS server' },
  'dns-option': { type: 'strings', aliases: ['dns-opt'], value: 'option', help: 'Set an option of the resolver' },
  'dns-search': { type: 'strings', value: 'domain', help: 'Set a search domain of the resolver' },
  domainname: { type: 'string', help: 'NIS domain name of the container' },
  entrypoint: { type: 'string', help: "Use this instead of the image's entrypoint" },
  env: {
    type: 'strings',
    short: 'e',
    value: 'KEY[=VALUE]',
    help: "Set an environment variable; without a value it is the caller's",
  },
  'env-file': {
    type: 'strings',
    value: 'FILE',
    help: 'Read environment variables from a file, one KEY[=VALUE] a line',
  },
  'env-host': { type: 'boolean', help: "Pass on all of the caller's environment" },
  'group-add': {
    type: 'strings',
    value: 'group',
    help: 'Add a supplementary group; "keep-groups" keeps those of the caller',
  },
  hostname: { type: 'string', short: 'h', value: 'name', help: 'Host name of the container (default its id)' },
  'http-proxy': { type: 'boolean', default: true, help: 'Pass on http_proxy and its kin' },
  init: { type: 'boolean', help: 'Run an init as PID 1 that forwards signals and reaps processes' },
  interactive: { type: 'boolean', short: 'i', help: 'Keep stdin open' },
  ipc: { type: 'string', value: 'mode', help: 'IPC namespace: private, none, shareable, host' },
  label: { type: 'strings', short: 'l', value: 'KEY[=VALUE]', help: 'Set a label of the container' },
  'label-file': { type: 'strings', value: 'FILE', help: 'Read labels from a file, one KEY=VALUE a line' },
  'log-driver': {
    type: 'string',
    value: 'name',
    help: 'json-file, none, or passthrough to hand over stdin, stdout and stderr (default "json-file")',
  },
  'log-opt': { type: 'strings', value: 'KEY=VALUE', help: 'Set an option of the log driver' },
  mount: {
    type: 'strings',
    value: 'type=TYPE,...',
    help: 'Mount a file system: type=bind, volume or tmpfs; then source=, destination= and others',
  },
  name: { type: 'string', help: 'Name of the container (default two words by chance)' },
  network: {
    type: 'strings',
    aliases: ['net'],
    value: 'name',
    help: 'slirp4netns, none or host (default "slirp4netns")',
  },
  'no-hostname': { type: 'boolean', help: "Leave the image's /etc/hostname as it is" },
  'no-hosts': { type: 'boolean', help: "Leave the image's /etc/hosts as it is" },
  'oom-score-adj': { type: 'number', help: 'Preference of the out-of-memory killer, -1000 to 1000' },
  pid: { type: 'string', value: 'mode', help: 'PID namespace: private, host or container:NAME' },
  platform: { type: 'string', value: 'OS/ARCH', help: 'Platform of the image, where it has several' },
  privileged: { type: 'boolean', help: 'Give all capabilities and devices that the caller can give' },
  pull: {
    type: 'string',
    value: 'policy',
    choices: ['missing', 'always', 'never', 'newer'],
    help: 'Pull the image: missing, always, never, newer (default "missing")',
  },
  quiet: { type: 'boolean', short: 'q', help: 'Do not show the progress of a pull' },
  'read-only': { type: 'boolean', help: "Mount the container's root file system read-only" },
  rm: { type: 'boolean', help: 'Remove the container, and volumes made for it, when it ends' },
  rootfs: { type: 'string', value: 'DIR', help: 'Use a directory as root file system instead of an image' },
  'security-opt': {
    type: 'strings',
    value: 'option',
    help: 'seccomp=FILE, seccomp=unconfined, no-new-privileges, apparmor=unconfined, label=disable',
  },
  'shm-size': { type: 'string', value: 'bytes', help: 'Size of /dev/shm (default "64m")' },
  'sig-proxy': { type: 'boolean', default: true, help: 'Pass signals on to the container process' },
  'stop-signal': {
    type: 'string',
    value: 'signal',
    help: "Signal that stops the container (default the image's, else SIGTERM)",
  },
  'stop-timeout': { type: 'number', value: 'seconds', help: 'Time to stop before it is killed (default 10)' },
  sysctl: { type: 'strings', value: 'KEY=VALUE', help: 'Set a kernel parameter inside' },
  'tls-verify': {
    type: 'tristate',
    help: 'Check the certificate of the registry (default true; false also allows plain HTTP)',
  },
  tmpfs: { type: 'strings', value: 'DIR[:OPTIONS]', help: 'Mount a tmpfs' },
  tty: { type: 'boolean', short: 't', help: 'Give the container a terminal' },
  tz: { type: 'string', value: 'zone', help: 'Time zone of the container, or "local"' },
  ulimit: { type: 'strings', value: 'NAME=SOFT[:HARD]', help: 'Set a resource limit' },
  umask: { type: 'string', value: 'octal', help: 'File mode mask of the container process (default "0022")' },
  user: { type: 'string', short: 'u', value: 'USER[:GROUP]', help: 'User inside, by name or number' },
  userns: {
    type: 'string',
    value: 'mode',
    help: 'User namespace: keep-id, nomap or single (default all ids that the caller has)',
  },
  uts: { type: 'string', value: 'mode', help: 'UTS namespace: private or host' },
  volume: { type: 'strings', short: 'v', value: 'SOURCE:DIR[:OPTIONS]', help: 'Mount a directory or a volume' },
  workdir: { type: 'string', short: 'w', value: 'DIR', help: 'Working directory inside' },
} as const satisfies FlagTable;

/** Docker's options that rrun does not have yet: known, so that the error says so and their values are not taken for the image. */
export const UNSUPPORTED_FLAGS: FlagTable = {
  ...unsupported('boolean', [
    'no-healthcheck',
    'oom-kill-disable',
    'publish-all:P',
    'disable-content-trust',
    'use-api-socket',
    'replace',
  ]),
  ...unsupported('strings', [
    ...[
      'blkio-weight',
      'blkio-weight-device',
      'cgroup-parent',
      'cgroupns',
      'cgroups',
      'cpu-period',
      'cpu-quota',
      'cpu-rt-period',
    ],
    ...[
      'cpu-rt-runtime',
      'cpu-shares:c',
      'cpus',
      'cpuset-cpus',
      'cpuset-mems',
      'device-cgroup-rule',
      'device-read-bps',
    ],
    ...[
      'device-read-iops',
      'device-write-bps',
      'device-write-iops',
      'expose',
      'gpus',
      'health-cmd',
      'health-interval',
      'health-retries',
    ],
    ...[
      'health-start-interval',
      'health-start-period',
      'health-timeout',
      'ip',
      'ip6',
      'kernel-memory',
      'link',
      'link-local-ip',
    ],
    ...[
      'mac-address',
      'memory:m',
      'memory-reservation',
      'memory-swap',
      'memory-swappiness',
      'network-alias',
      'pids-limit',
    ],
    ...['pod', 'publish:p', 'restart', 'runtime', 'secret', 'storage-opt', 'volume-driver', 'volumes-from'],
  ]),
};

function unsupported(type: FlagSpec['type'], names: readonly string[]): FlagTable {
  const entries = names.map((each) => {
    const [name, short] = each.split(':') as [string, string?];
    return [
      name,
      { type, hidden: true, help: 'Not supported yet', ...(short === undefined ? {} : { short }) },
    ] as const;
  });
  return Object.fromEntries(entries);
}

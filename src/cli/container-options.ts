// Flags of run, create and explain → ContainerOptions. Reads the files they name; what a volume, a mount or a mode means is
// checked where it is used (bundle/, network/, idmap/).

import { existsSync } from 'node:fs';
import type { ContainerOptions } from '../bundle/options.js';
import { RrunError } from '../errors.js';
import { parseDetachKeys } from '../util/detach-keys.js';
import { closestWord, quote } from '../util/text.js';
import type { Context, FlagValues } from './command.js';
import { CONTAINER_FLAGS, UNSUPPORTED_FLAGS } from './container-flags.js';
import { loadKeyValueFile, splitKeyValue } from './kv-file.js';

type Values = FlagValues<typeof CONTAINER_FLAGS>;

/** Everything that `run` can be told; the image is the first argument unless there is --rootfs. */
export async function toContainerOptions(
  context: Context,
  parsed: { flags: Values; args: string[]; given: ReadonlySet<string> },
): Promise<ContainerOptions> {
  const { flags, args, given } = parsed;
  checkSupported(given);
  checkConflicts(flags);
  const config = context.global.config;
  const [image, command] = flags.rootfs === undefined ? [args[0], args.slice(1)] : [undefined, args];
  if (flags.rootfs === undefined && (image === undefined || image === '')) {
    throw new RrunError('USAGE', 'cannot make a container: no image is named', {
      hint: 'name one, as in "rrun run -it alpine"',
    });
  }
  return {
    image,
    rootfs: flags.rootfs,
    command,
    ...identity(flags),
    ...processOptions(flags),
    ...(await environment(context, flags)),
    ...fileSystem(flags),
    network: oneNetwork(flags.network) ?? config.network?.value,
    dns: flags.dns,
    dnsSearch: flags['dns-search'],
    dnsOption: flags['dns-option'],
    addHost: flags['add-host'],
    noHosts: flags['no-hosts'],
    noHostname: flags['no-hostname'],
    labels: await labels(flags),
    annotations: record('--annotation', flags.annotation, ''),
    ...isolation(flags),
    userns: flags.userns ?? config.userns?.value,
    platform: flags.platform,
    pull: (flags.pull ?? config.pull?.value ?? 'missing') as ContainerOptions['pull'],
    tlsVerify: flags['tls-verify'] ?? config.tls_verify?.value,
    quiet: flags.quiet,
    storageDriver: context.global.storageDriver,
    logDriver: logDriver(flags['log-driver'] ?? config.log_driver?.value ?? 'json-file'),
    logOpts: logOptions(flags['log-opt']),
  };
}

/** What only a start can get wrong: conflicts of -d and -a, and a terminal that is none. */
export function checkTerminal(
  context: Pick<Context, 'stdinIsTTY'>,
  options: Pick<ContainerOptions, 'attach' | 'detach' | 'interactive' | 'tty'>,
): void {
  const attach = options.attach ?? [];
  if (options.detach && attach.length > 0) {
    throw new RrunError('USAGE', 'cannot use option "--attach" with "--detach": they contradict each other');
  }
  if (options.detach || !options.tty || context.stdinIsTTY || !attachesStdin(options)) return;
  throw new RrunError('USAGE', 'cannot attach stdin to the terminal of the container: the input device is not a TTY', {
    hint: 'leave out "-t"',
  });
}

function identity(flags: Values) {
  return {
    name: flags.name,
    hostname: flags.hostname,
    domainname: flags.domainname,
    cidfile: freshCidfile(flags.cidfile),
  } satisfies Partial<ContainerOptions>;
}

function processOptions(flags: Values) {
  return {
    interactive: flags.interactive,
    tty: flags.tty,
    detach: false,
    rm: flags.rm,
    attach: attachedStreams(flags.attach),
    workdir: flags.workdir,
    user: flags.user,
    entrypoint: flags.entrypoint,
    init: flags.init,
    stopSignal: flags['stop-signal'],
    stopTimeout: inRange('--stop-timeout', flags['stop-timeout'], -1, 2 ** 31 - 1),
    oomScoreAdj: inRange('--oom-score-adj', flags['oom-score-adj'], -1000, 1000),
    umask: flags.umask,
    tz: flags.tz,
    ulimits: flags.ulimit,
    detachKeys: checkedDetachKeys(flags['detach-keys']),
    sigProxy: flags['sig-proxy'],
  } satisfies Partial<ContainerOptions>;
}

/** -a: stdin may be left out; stdout and stderr go to the caller together. */
function attachedStreams(words: readonly string[]): NonNullable<ContainerOptions['attach']> {
  const streams = [...new Set(words.map((stream) => stream.toLowerCase() as 'stdin' | 'stdout' | 'stderr'))];
  if (streams.length > 0 && !(streams.includes('stdout') && streams.includes('stderr'))) {
    throw new RrunError(
      'USAGE',
      'cannot use option "--attach" without both stdout and stderr: this version of rrun does not support it yet',
    );
  }
  return streams;
}

/** Whether the caller's stdin is the container's. */
export function attachesStdin({ attach = [], interactive }: Pick<ContainerOptions, 'attach' | 'interactive'>): boolean {
  return interactive && (attach.length === 0 || attach.includes('stdin'));
}

function fileSystem(flags: Values) {
  return {
    volumes: flags.volume,
    mounts: flags.mount,
    tmpfs: flags.tmpfs,
    readOnly: flags['read-only'],
    shmSize: flags['shm-size'],
    devices: flags.device,
  } satisfies Partial<ContainerOptions>;
}

function isolation(flags: Values) {
  return {
    capAdd: flags['cap-add'],
    capDrop: flags['cap-drop'],
    privileged: flags.privileged,
    securityOpt: flags['security-opt'],
    sysctls: record('--sysctl', flags.sysctl),
    groupAdd: flags['group-add'],
    pid: flags.pid,
    ipc: flags.ipc,
    uts: flags.uts,
  } satisfies Partial<ContainerOptions>;
}

function checkSupported(given: ReadonlySet<string>): void {
  const name = [...given].find((each) => Object.hasOwn(UNSUPPORTED_FLAGS, each));
  if (name === undefined) return;
  throw new RrunError('USAGE', `cannot use option "--${name}": this version of rrun does not support it yet`);
}

function checkConflicts(flags: Values): void {
  const conflicts: [boolean, string, string][] = [
    [flags.uts === 'host' && flags.hostname !== undefined, '--hostname', '--uts=host'],
    [flags.uts === 'host' && flags.domainname !== undefined, '--domainname', '--uts=host'],
    [flags['no-hosts'] && flags['add-host'].length > 0, '--add-host', '--no-hosts'],
    [flags.rootfs !== undefined && flags.platform !== undefined, '--platform', '--rootfs'],
    [flags.rootfs !== undefined && flags.pull !== undefined, '--pull', '--rootfs'],
    [flags['log-driver'] === 'passthrough' && flags.tty, '--tty', '--log-driver=passthrough'],
  ];
  const found = conflicts.find(([both]) => both);
  if (found !== undefined)
    throw new RrunError('USAGE', `cannot use option "${found[1]}" with "${found[2]}": they contradict each other`);
}

/** What our own C program told Node; not the caller's. */
const OWN_VARIABLES: ReadonlySet<string> = new Set(['RRUN_EXE', 'RRUN_PLAN_FD']);

/** --env-host, then --env-file, then -e: the later one of a name wins, and keeps its first place. */
export async function environment(
  context: Context,
  flags: Pick<Values, 'env' | 'env-file' | 'env-host' | 'http-proxy'>,
): Promise<Pick<ContainerOptions, 'env' | 'unsetEnv' | 'httpProxy'>> {
  const values = new Map<string, string>();
  const unset = new Set<string>();
  const set = (key: string, value: string | undefined): void => {
    unset.delete(key);
    if (value !== undefined) values.set(key, value);
  };
  if (flags['env-host']) {
    for (const [key, value] of Object.entries(context.env)) if (!OWN_VARIABLES.has(key)) set(key, value);
  }
  for (const file of flags['env-file']) {
    for (const { key, value } of await loadKeyValueFile(file, '--env-file')) set(key, value ?? context.env[key]);
  }
  for (const typed of flags.env) {
    const { key, value } = splitKeyValue(typed);
    if (key === '')
      throw new RrunError(
        'USAGE',
        `cannot use option ${quote(`--env ${typed}`.trim())}: ${typed === '' ? 'it is empty' : 'no name before "="'}`,
      );
    const found = value ?? context.env[key];
    set(key, found);
    // Docker: a name without a value that the caller does not have either takes the image's away.
    if (found === undefined) {
      values.delete(key);
      unset.add(key);
    }
  }
  const env = [...values].map(([key, value]) => `${key}=${value}`);
  return { env, httpProxy: flags['http-proxy'], ...(unset.size === 0 ? {} : { unsetEnv: [...unset] }) };
}

async function labels(flags: Values): Promise<Record<string, string>> {
  const found = new Map<string, string>();
  for (const file of flags['label-file']) {
    for (const { key, value } of await loadKeyValueFile(file, '--label-file')) found.set(key, value ?? '');
  }
  for (const [key, value] of Object.entries(record('--label', flags.label, ''))) found.set(key, value);
  return Object.fromEntries(found);
}

/** KEY=VALUE words; without `missing` the "=" is required. */
function record(option: string, words: readonly string[], missing?: string): Record<string, string> {
  const entries = words.map((word) => {
    const { key, value } = splitKeyValue(word);
    const filled = value ?? missing;
    if (key === '' || filled === undefined)
      throw new RrunError('USAGE', `cannot use option ${quote(`${option} ${word}`)}: want KEY=VALUE`);
    return [key, filled] as const;
  });
  return Object.fromEntries(entries);
}

function inRange(option: string, value: number | undefined, min: number, max: number): number | undefined {
  if (value === undefined || (value >= min && value <= max)) return value;
  throw new RrunError('USAGE', `cannot use option "${option} ${String(value)}": want ${String(min)} to ${String(max)}`);
}

function oneNetwork(names: readonly string[]): string | undefined {
  if (new Set(names).size > 1)
    throw new RrunError(
      'USAGE',
      'cannot use option "--network" more than once: this version of rrun connects a container to one network',
    );
  return names[0];
}

function freshCidfile(file: string | undefined): string | undefined {
  if (file !== undefined && existsSync(file)) {
    throw new RrunError('USAGE', `cannot write the container id to ${quote(file)}: the file exists`, {
      hint: 'make sure that its container is not needed, then delete the file',
    });
  }
  return file;
}

export function checkedDetachKeys(keys: string | undefined): string | undefined {
  if (keys === undefined || parseDetachKeys(keys) !== undefined) return keys;
  throw new RrunError(
    'USAGE',
    `cannot use option ${quote(`--detach-keys ${keys}`)}: want letters and ctrl-LETTER with commas between`,
    {
      hint: 'write it as in "ctrl-p,ctrl-q", or "" for none',
    },
  );
}

const LOG_DRIVERS = ['json-file', 'none', 'passthrough'] as const;

function logDriver(name: string): ContainerOptions['logDriver'] {
  const found = LOG_DRIVERS.find((each) => each === name);
  if (found !== undefined) return found;
  const close = closestWord(name, LOG_DRIVERS);
  throw new RrunError('USAGE', `cannot use log driver ${quote(name)}: want json-file, none or passthrough`, {
    hint: close === undefined ? undefined : `did you mean "${close}"?`,
  });
}

function logOptions(words: readonly string[]): Record<string, string> {
  const options = record('--log-opt', words);
  const [name] = Object.keys(options);
  if (name !== undefined)
    throw new RrunError(
      'USAGE',
      `cannot use option ${quote(`--log-opt ${name}`)}: this version of rrun does not support it yet`,
    );
  return options;
}

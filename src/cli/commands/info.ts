// rrun info: every fact about this machine that rrun's decisions and hints depend on, the decisions, and where settings come from.

import { cpus, hostname, totalmem } from 'node:os';
import { describeConfig } from '../../host/config.js';
import { toPascal } from '../../util/pascal.js';
import { VERSION } from '../../util/version.js';
import { defineCommand, type Context } from '../command.js';

export const command = defineCommand({
  name: 'info',
  summary: 'Show the host, the store, what was chosen and why',
  usage: '[OPTIONS]',
  examples: [
    { command: 'rrun info', does: 'show everything, and warn of what will not work' },
    { command: 'rrun info --format json', does: 'the same for programs' },
    { command: 'rrun info --format "{{.Driver}}"', does: 'print the storage driver' },
  ],
  flags: {
    format: { type: 'string', short: 'f', value: 'string', help: 'Format with a Go template, or "json"' },
  },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const info = await collectInfo(context);
    if (flags.format === undefined || flags.format === '') {
      const { infoText } = await import('../info-text.js');
      context.stdout.write(infoText(info));
      return 0;
    }
    const { compileTemplate } = await import('../template.js');
    const text = flags.format === 'json' ? JSON.stringify(info) : compileTemplate(flags.format).execute(info);
    context.stdout.write(`${text}\n`);
    return 0;
  },
});

/** A part that could not be found out says why instead of failing the command that is there to show what is wrong. */
interface Trouble {
  Error: string;
  Hint?: string;
}

export type Info = Awaited<ReturnType<typeof collectInfo>>;

/** Names on the top level are those of `docker info`, where it has the same thing. */
async function collectInfo(context: Context) {
  const [{ loadHostFacts }, { loadStoreFacts }] = await Promise.all([
    import('../../host/facts.js'),
    import('../../host/store-facts.js'),
  ]);
  const [facts, disk, runRoot, driver, userns, network, counts] = await Promise.all([
    loadHostFacts(),
    attempt(() => loadStoreFacts(context.global.root)),
    attempt(async () => ({ Path: await context.runRoot() })),
    attempt(() => chosenDriver(context)),
    attempt(() => chosenUserns(context)),
    attempt(() => chosenNetwork(context)),
    attempt(() => countObjects(context)),
  ]);
  return {
    ServerVersion: VERSION,
    NodeVersion: process.versions.node,
    Name: hostname(),
    OSType: 'linux',
    OperatingSystem: facts.osName,
    Architecture: facts.architecture,
    KernelVersion: facts.kernel,
    NCPU: cpus().length,
    MemTotal: totalmem(),
    ...counts,
    Driver: 'Driver' in driver ? driver.Driver : '',
    RootDir: context.global.root,
    CgroupVersion: facts.cgroup.layout === 'unified' ? '2' : facts.cgroup.layout === 'none' ? '' : '1',
    SecurityOptions: securityOptions(facts),
    Store: { ...toPascal(disk), Driver: driver },
    RunRoot: runRoot,
    UserNamespace: userns,
    Network: network,
    Configuration: settings(context, runRoot),
    Host: toPascal(facts),
    Warnings: await warnings(facts, disk, [driver, userns, network, runRoot]),
  };
}

function settings(context: Context, runRoot: { Path: string } | Trouble) {
  const described = describeConfig(context.global.config, {
    root: context.global.root,
    runroot: 'Path' in runRoot ? runRoot.Path : '',
    storage_driver: 'the best that works',
    network: 'slirp4netns',
    log_driver: 'json-file',
    userns: 'default',
    pull: 'missing',
    tls_verify: 'as registries.conf says',
  });
  return Object.fromEntries(Object.entries(described).map(([key, setting]) => [key, toPascal(setting)]));
}

async function attempt<T>(action: () => Promise<T>): Promise<T | Trouble> {
  try {
    return await action();
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    return { Error: message, ...(hint === undefined ? {} : { Hint: hint }) };
  }
}

async function chosenDriver(context: Context): Promise<{ Driver: string; Why: string }> {
  const { chooseDriver } = await import('../../snapshot/choose-driver.js');
  const { driver, why } = await chooseDriver(await context.store(), context.global.storageDriver);
  return { Driver: driver, Why: why };
}

async function chosenUserns(context: Context) {
  const { baseMapping } = await import('../../idmap/choose.js');
  const { mapping, layerKind, why, note } = await baseMapping(context.global.config.userns?.value);
  return {
    Kind: layerKind,
    Why: why,
    UidMappings: mapping.uidMappings,
    GidMappings: mapping.gidMappings,
    ...(note === undefined ? {} : { Note: note }),
  };
}

async function chosenNetwork(context: Context) {
  const { chooseNetwork } = await import('../../network/choose-network.js');
  const { kind, decisions, slirp } = await chooseNetwork(context.global.config.network?.value);
  return {
    Kind: kind,
    Why: decisions.map(({ choice, why }) => `${choice}: ${why}`).join('; '),
    Arguments: slirp?.args ?? [],
  };
}

async function countObjects(context: Context) {
  const [{ listContainers }, { listImages }] = await Promise.all([
    import('../../container/list.js'),
    import('../../image/search.js'),
  ]);
  const store = await context.store();
  const [containers, images] = await Promise.all([listContainers(store), listImages(store)]);
  const running = containers.filter(({ state }) => state.status === 'running').length;
  return {
    Containers: containers.length,
    ContainersRunning: running,
    ContainersPaused: 0,
    ContainersStopped: containers.length - running,
    Images: images.length,
  };
}

type Facts = Awaited<ReturnType<typeof import('../../host/facts.js').loadHostFacts>>;

function securityOptions(facts: Facts): string[] {
  const options = ['name=rootless'];
  if (facts.seccompActions.length > 0) options.push('name=seccomp,profile=default');
  if (facts.securityModules.includes('apparmor')) options.push('name=apparmor');
  if (facts.selinux === 'enforcing') options.push('name=selinux');
  return options;
}

async function warnings(facts: Facts, disk: object, troubled: readonly object[]): Promise<string[]> {
  const found = 'warnings' in disk ? [...(disk.warnings as string[])] : [];
  for (const part of troubled) {
    if ('Error' in part) found.push([part.Error, 'Hint' in part ? part.Hint : undefined].filter(Boolean).join(': '));
    if ('Note' in part) found.push(String(part.Note));
  }
  if (facts.maxUserNamespaces === 0) found.push('user.max_user_namespaces is 0: no container can start');
  if (facts.unprivilegedUsernsClone === 0)
    found.push('kernel.unprivileged_userns_clone is 0: no container can start without root');
  if (facts.seccompActions.length === 0) found.push('this kernel has no seccomp filters: containers run without one');
  for (const { path, problem } of facts.devices) {
    if (problem !== undefined && path !== '/dev/kvm') found.push(`${path} cannot be opened: ${problem}`);
  }
  if (facts.apparmorRestrictsUserns) {
    const { apparmorProfile } = await import('../../host/apparmor.js');
    const profile = apparmorProfile(process.env['RRUN_EXE'] ?? '/usr/local/bin/rrun');
    found.push(
      `AppArmor lets only programs with a profile make user namespaces; as root put this into /etc/apparmor.d/rrun and run "apparmor_parser -r /etc/apparmor.d/rrun":\n${profile}`,
    );
  }
  return found;
}

// Options + image + context → config.json, with a reason for each choice. Docker's meaning and defaults, done without root.

import { RrunError } from '../errors.js';
import type { Decision } from '../util/decision.js';
import { capabilitySets, chooseCapabilities, DEFAULT_CAPABILITIES } from './capabilities.js';
import { KEEP_GROUPS_ANNOTATION } from './choose-groups.js';
import { chooseSeccomp } from './choose-seccomp.js';
import { chooseUser } from './choose-user.js';
import { containerMounts } from './container-mounts.js';
import type { BuiltSpec, ImageProcessConfig, SpecContext, SpecFacts } from './context.js';
import { hiddenPaths } from './default-mounts.js';
import { readSpecFacts } from './facts.js';
import { makeEnv } from './make-env.js';
import { chooseNamespaces, type NamespaceChoice } from './namespaces.js';
import type { ContainerOptions } from './options.js';
import { validateSpec } from './parse-spec.js';
import { resolveArgs } from './resolve-args.js';
import type { ResolvedUser } from './resolve-user.js';
import { normalizePath } from './rootfs-path.js';
import { parseSecurityOptions, type SecurityOptions } from './security-options.js';
import type { Spec, SpecLinux, SpecProcess, SpecUser } from './spec.wire.js';
import { parseSignal } from './stop-signal.js';
import { defaultSysctls, validateSysctls } from './sysctls.js';
import { chooseTimezone } from './timezone.js';
import { makeRlimits } from './ulimits.js';

/** The runtime puts a PID 1 of ours before the command, which reaps orphans and hands signals on (--init). */
export const INIT_ANNOTATION = 'rrun.init';
const OCI_VERSION = '1.2.0';
const MAX_NAME_BYTES = 64;

/** What the parts below need in common. */
interface Build {
  options: ContainerOptions;
  image: ImageProcessConfig;
  context: SpecContext;
  facts: SpecFacts;
  security: SecurityOptions;
  namespaces: NamespaceChoice;
  capabilities: string[];
  decisions: Decision[];
}

export async function buildSpec(
  options: ContainerOptions,
  image: ImageProcessConfig | undefined,
  context: SpecContext,
): Promise<BuiltSpec> {
  const decisions: Decision[] = [];
  const facts = readSpecFacts(context.facts);
  const security = parseSecurityOptions(options.securityOpt);
  const namespaces = chooseNamespaces(options, context, decisions);
  const capabilities = decideCapabilities(options, facts, decisions);
  const build: Build = { options, image: image ?? {}, context, facts, security, namespaces, capabilities, decisions };

  const { user, resolved, keepsGroups } = chooseUser(build, decisions);
  const timezone = chooseTimezone(options.tz);
  const stopSignal = parseSignal(options.stopSignal ?? (build.image.StopSignal || 'SIGTERM'));
  const spec: Spec = {
    ociVersion: OCI_VERSION,
    root: { path: context.rootfs ?? 'rootfs', readonly: options.readOnly },
    process: makeProcess(build, user, resolved, timezone.env),
    ...hostNames(build),
    annotations: {
      ...options.annotations,
      ...(keepsGroups ? { [KEEP_GROUPS_ANNOTATION]: '1' } : {}),
      ...(options.init ? { [INIT_ANNOTATION]: '1' } : {}),
    },
    linux: makeLinux(build),
  };
  validateSpec(spec);
  // Last: this makes volumes and host directories.
  const { writableCgroups } = security;
  const sources = { options, image: build.image, context, facts, namespaces, user, writableCgroups };
  const { mounts, ...made } = await containerMounts({ ...sources, timezone: timezone.mount }, decisions);
  return { spec: { ...spec, mounts }, decisions, ...made, stopSignal };
}

/** The kernel takes 64 bytes for either name (uts_namespaces(7), sethostname(2)). */
function hostNames({ options, context, namespaces }: Build): Pick<Spec, 'hostname' | 'domainname'> {
  const names = { hostname: context.hostname, domainname: options.domainname };
  for (const [kind, name] of Object.entries(names)) {
    if (name === undefined || (Buffer.byteLength(name) <= MAX_NAME_BYTES && !name.includes('\0'))) continue;
    throw new RrunError('CONFIG_INVALID', `cannot use ${kind} "${name}": want at most ${MAX_NAME_BYTES} bytes`);
  }
  if (!namespaces.ownUts) return {};
  const { domainname } = options;
  return { hostname: context.hostname, ...(domainname === undefined ? {} : { domainname }) };
}

function decideCapabilities(options: ContainerOptions, { lastCap }: SpecFacts, decisions: Decision[]): string[] {
  const { capAdd, capDrop, privileged } = options;
  const names = chooseCapabilities({ add: capAdd, drop: capDrop, privileged, lastCap });
  const isDefault = !privileged && capAdd.length === 0 && capDrop.length === 0;
  decisions.push({
    topic: 'capabilities',
    choice: `${names.length} of ${lastCap + 1}`,
    why: privileged
      ? '--privileged'
      : isDefault
        ? "Docker's default set"
        : `Docker's ${DEFAULT_CAPABILITIES.length}, --cap-add and --cap-drop`,
  });
  return names;
}

function makeProcess(build: Build, user: SpecUser, resolved: ResolvedUser, timezone: string | undefined): SpecProcess {
  const { options, image, context, facts, security, capabilities } = build;
  const args = resolveArgs({
    entrypoint: options.entrypoint,
    command: options.command,
    imageEntrypoint: image.Entrypoint,
    imageCmd: image.Cmd,
  });
  const env = makeEnv({
    hostname: context.hostname,
    tty: options.tty,
    home: resolved.home,
    imageEnv: image.Env,
    userEnv: options.env,
    unset: options.unsetEnv,
    proxyEnv: options.httpProxy ? (context.callerEnv ?? process.env) : undefined,
    timezone,
  });
  return {
    terminal: options.tty,
    user,
    args,
    env,
    cwd: workingDirectory(options.workdir ?? image.WorkingDir),
    capabilities: capabilitySets(capabilities, user.uid),
    rlimits: makeRlimits(options.ulimits, facts.hardLimits),
    noNewPrivileges: security.noNewPrivileges,
    ...oomScore(options.oomScoreAdj, facts.oomScoreAdj),
  };
}

function workingDirectory(typed: string | undefined): string {
  if (typed === undefined || typed === '') return '/';
  if (typed.startsWith('/')) return normalizePath(typed);
  throw new RrunError('CONFIG_INVALID', `cannot use working directory "${typed}": it needs to be an absolute path`);
}

function oomScore(wanted: number | undefined, current: number): { oomScoreAdj?: number } {
  if (wanted === undefined) return {};
  if (!Number.isInteger(wanted) || wanted < -1000 || wanted > 1000) {
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot use --oom-score-adj ${wanted}: invalid value, range for oom score adj is [-1000, 1000]`,
    );
  }
  if (wanted < current) {
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot set oom_score_adj to ${wanted}: the caller has ${current}, and lowering it needs root`,
      {
        hint: `use ${current} or more`,
      },
    );
  }
  return { oomScoreAdj: wanted };
}

function makeLinux({ options, context, facts, security, namespaces, capabilities, decisions }: Build): SpecLinux {
  const { mapping } = context;
  validateSysctls(options.sysctls, {
    network: namespaces.ownNetwork,
    ipc: namespaces.ipc !== 'host' && namespaces.ipc !== 'container',
    uts: namespaces.ownUts,
  });
  const seccomp = chooseSeccomp(
    {
      choice: security.seccomp,
      cwd: context.cwd ?? process.cwd(),
      privileged: options.privileged,
      singleId: mapping.kind === 'single',
      profiles: facts.seccompProfiles,
      kernelArch: context.kernelArch,
      kernelRelease: facts.kernelRelease,
      capabilities,
    },
    decisions,
  );
  return {
    uidMappings: mapping.uidMappings,
    gidMappings: mapping.gidMappings,
    namespaces: namespaces.list,
    sysctl: { ...defaultSysctls(namespaces.ownNetwork, mapping.gidMappings, decisions), ...options.sysctls },
    ...hiddenPaths({ privileged: options.privileged, mask: security.mask, unmask: security.unmask }),
    ...(seccomp === undefined ? {} : { seccomp }),
  };
}

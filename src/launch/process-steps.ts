// The process of config.json → plan steps, in the order in which the rights to do each are still there.

import { CAPABILITIES } from '../bundle/capabilities.js';
import { INIT_ANNOTATION } from '../bundle/build-spec.js';
import { KEEP_GROUPS_ANNOTATION } from '../bundle/choose-groups.js';
import {
  CAPABILITY_SETS,
  type SeccompAction,
  type Spec,
  type SpecCapabilities,
  type SpecProcess,
  type SpecSeccomp,
} from '../bundle/spec.wire.js';
import { RrunError } from '../errors.js';
import { step, type InitOp, type PlanStep } from '../helper/plan.js';

type InitStep = PlanStep<InitOp>;

const ALL = 'ffffffffffffffff';

export interface ProcessContext {
  singleId: boolean;
  /** Compiled BPF program, or undefined for none. */
  seccompFile: string | undefined;
  /** A working directory that is missing is made; default: yes. */
  makesCwd?: boolean;
}

export function processSteps(spec: Spec, context: ProcessContext): InitStep[] {
  const { process } = spec;
  if (process === undefined)
    throw new RrunError('CONFIG_INVALID', 'cannot start a container: config.json has no process');
  const keepsGroups = context.singleId || spec.annotations?.[KEEP_GROUPS_ANNOTATION] !== undefined;
  const { uid, gid, additionalGids = [], umask } = process.user;
  return [
    ...(process.rlimits ?? []).map(({ type, soft, hard }) =>
      step('rlimit' as const, limitName(type), limit(soft), limit(hard)),
    ),
    ...(allowsKeyctl(spec.linux?.seccomp) ? [step('keyring' as const)] : []),
    // As root of the namespace, who may enter directories that the user of the process may not, as Docker has it.
    step('cwd', process.cwd, context.makesCwd === false ? '0' : '1'),
    // Not before: a working directory that is missing is still made.
    ...(spec.root.readonly === true ? [step('remount' as const, '/', 'ro')] : []),
    ...(keepsGroups ? [] : [step('groups' as const, ...additionalGids)]),
    step('user', uid, gid),
    step('caps', ...capabilityMasks(process, context.seccompFile !== undefined)),
    step('umask', (umask ?? 0o022).toString(8)),
    ...(process.noNewPrivileges === true ? [step('no-new-privs' as const)] : []),
    // Last: what the filter forbids, nobody before it needs any more.
    ...(context.seccompFile === undefined ? [] : [step('seccomp' as const, context.seccompFile)]),
    // Under the filter as well: the command can trace PID 1, and make it execute something.
    ...(spec.annotations?.[INIT_ANNOTATION] === undefined ? [] : [step('reaper' as const)]),
    ...(process.env ?? []).map((variable) => step('env' as const, variable)),
    step('exec', process.args[0] ?? '', ...process.args),
  ];
}

/** Whether the process could read the keys of the caller's session. */
function allowsKeyctl(seccomp: SpecSeccomp | undefined): boolean {
  if (seccomp === undefined) return true;
  const rules = (seccomp.syscalls ?? []).filter(({ names }) => names.includes('keyctl'));
  return rules.length === 0 ? !forbids(seccomp.defaultAction) : !rules.every(({ action }) => forbids(action));
}

function forbids(action: SeccompAction): boolean {
  return action === 'SCMP_ACT_ERRNO' || action.startsWith('SCMP_ACT_KILL');
}

function limitName(type: string): string {
  return type.replace(/^RLIMIT_/, '').toLowerCase();
}

/** RLIM_INFINITY is -1 in many hands and 2^64-1 in others. */
function limit(value: number): string {
  return value < 0 || value >= Number.MAX_SAFE_INTEGER ? 'unlimited' : String(value);
}

/**
 * Masks in the order of the plan. A filter without no_new_privs needs CAP_SYS_ADMIN to be installed (seccomp(2)), so the process keeps
 * all it has until then; execve computes what it really gets from the bounding, inheritable and ambient sets (capabilities(7)).
 */
function capabilityMasks(process: SpecProcess, hasSeccomp: boolean): string[] {
  const capabilities = process.capabilities ?? {};
  const keepsAll = hasSeccomp && process.noNewPrivileges !== true;
  return CAPABILITY_SETS.map((set) =>
    keepsAll && (set === 'effective' || set === 'permitted') ? ALL : mask(capabilities, set),
  );
}

function mask(capabilities: SpecCapabilities, set: (typeof CAPABILITY_SETS)[number]): string {
  let bits = 0n;
  for (const name of capabilities[set] ?? []) {
    const number = (CAPABILITIES as readonly string[]).indexOf(name);
    // What we do not know, no kernel that we know has: runtimes ignore it with a warning (runtime-spec, config.md, "capabilities").
    if (number >= 0) bits |= 1n << BigInt(number);
  }
  return bits.toString(16);
}

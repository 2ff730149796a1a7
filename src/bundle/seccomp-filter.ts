// linux.seccomp → the numbers that libseccomp wants: actions, comparisons, one rule for each name.

import { RrunError } from '../errors.js';
import { COMPARE, type Filter, type FilterArg, type FilterRule } from '../sys/seccomp.js';
import type { SeccompAction, SpecSeccomp, SpecSyscall, SpecSyscallArg } from './spec.wire.js';

const EPERM = 1;
const ENOSYS = 38;
/** seccomp.h of libseccomp. */
const ACTIONS: Record<Exclude<SeccompAction, 'SCMP_ACT_NOTIFY'>, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
/** For seccomp(2); only flags that change how the filter works, not how it is installed. */
const FLAGS: Record<string, number> = {
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};
/** Means "all threads", of which there is one; runc takes it as a word without effect as well. */
const TSYNC = 'SECCOMP_FILTER_FLAG_TSYNC';

/** Whether calls newer than the profile would be refused with something that programs do not take as "too new". */
export function wantsEnosysStub({ defaultAction, defaultErrnoRet }: SpecSeccomp): boolean {
  if (defaultAction === 'SCMP_ACT_ALLOW' || defaultAction === 'SCMP_ACT_LOG') return false;
  return defaultAction !== 'SCMP_ACT_ERRNO' || defaultErrnoRet !== ENOSYS;
}

/** Number of an action with its errno or trace data. */
export function actionNumber(action: SeccompAction, errnoRet?: number): number {
  if (action === 'SCMP_ACT_NOTIFY') {
    throw new RrunError(
      'CONFIG_INVALID',
      'cannot use SCMP_ACT_NOTIFY in a seccomp profile: a listener is not supported',
    );
  }
  const hasData = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';
  return (ACTIONS[action] | (hasData ? (errnoRet ?? EPERM) & 0xffff : 0)) >>> 0;
}

/** Flags for seccomp(SECCOMP_SET_MODE_FILTER); 0 means that prctl(PR_SET_SECCOMP) is as good. */
export function filterFlags({ flags = [] }: SpecSeccomp): number {
  return flags.reduce((sum, flag) => {
    const value = flag === TSYNC ? 0 : FLAGS[flag];
    if (value === undefined)
      throw new RrunError('CONFIG_INVALID', `cannot use the seccomp profile: flag "${flag}" is not supported`);
    return sum | value;
  }, 0);
}

export function makeFilter(seccomp: SpecSeccomp): Filter {
  filterFlags(seccomp);
  const defaultAction = actionNumber(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const rules = (seccomp.syscalls ?? []).flatMap(makeRules).filter(({ action }) => action !== defaultAction); // libseccomp refuses what changes nothing
  return { defaultAction, architectures: (seccomp.architectures ?? []).map(architectureName), rules };
}

/** "SCMP_ARCH_X86_64" → "x86_64". */
function architectureName(name: string): string {
  return name.replace(/^SCMP_ARCH_/, '').toLowerCase();
}

/** Two conditions on one argument mean "either", as in runc: libseccomp itself takes one for each argument. */
function makeRules({ names, action, errnoRet, args = [] }: SpecSyscall): FilterRule[] {
  const number = actionNumber(action, errnoRet);
  const conditions = args.map(makeArg);
  const repeats = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  const groups = repeats ? conditions.map((condition) => [condition]) : [conditions];
  return names.flatMap((syscall) => groups.map((group) => ({ syscall, action: number, args: group })));
}

function makeArg({ index, value, valueTwo, op }: SpecSyscallArg): FilterArg {
  const compare = COMPARE[op.replace('SCMP_CMP_', '') as keyof typeof COMPARE];
  return { index, compare, a: BigInt(value), b: BigInt(valueTwo ?? 0) };
}

// libseccomp through koffi: rules in, a BPF program out (seccomp_rule_add(3), seccomp_export_bpf(3)). No policy.

import { SyscallError } from '../errors.js';
import { errnoName } from '../util/errno.js';
import { loadLibrary } from './native.js';

/** enum scmp_compare; for MASKED_EQ `a` is the mask and `b` the value. */
export const COMPARE = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 } as const;

export interface FilterArg {
  index: number;
  compare: number;
  a: bigint;
  b: bigint;
}

export interface FilterRule {
  syscall: string;
  /** SCMP_ACT_… as a number, errno or trace data included. */
  action: number;
  args: FilterArg[];
}

export interface Filter {
  defaultAction: number;
  /** libseccomp's short names ("x86_64", "x32"); the native one is always part of it. */
  architectures: string[];
  rules: FilterRule[];
}

export interface FilterArchitecture {
  name: string;
  /** AUDIT_ARCH_…, or libseccomp's own value for x32. */
  token: number;
  /** The highest system call number that a rule names. */
  highestCall: number;
}

const NR_SCMP_ERROR = -1;
const EEXIST = 17;
/** enum scmp_filter_attr: how the program is laid out; 2 is a binary tree over the call numbers (libseccomp ≥ 2.5). */
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const OPTIMIZE_TREE = 2;
const ARG_BYTES = 24;

type Context = object;
interface Functions {
  init(action: number): Context | null;
  release(context: Context): void;
  archAdd(context: Context, token: number): number;
  archNative(): number;
  archByName(name: string): number;
  attrSet(context: Context, attribute: number, value: number): number;
  callByName(token: number, name: string): number;
  ruleAdd(context: Context, action: number, call: number, count: number, args: Buffer): number;
  exportBpf(context: Context, fd: number): number;
}

/** Compiles a filter and writes it to `fd`. Calls that this libseccomp does not know are left out. `library`: a path or soname. */
export function compileFilter(library: string, filter: Filter, fd: number): FilterArchitecture[] {
  const calls = bindFunctions(library);
  const context = calls.init(filter.defaultAction);
  if (context === null) throw new SyscallError('compile the seccomp filter', 'seccomp_init', 'EINVAL');
  try {
    const architectures = addArchitectures(calls, context, filter.architectures);
    calls.attrSet(context, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE); // an older library refuses it: the program is only longer to walk
    for (const rule of filter.rules) addRule(calls, context, rule);
    checkResult(calls.exportBpf(context, fd), 'seccomp_export_bpf', 'write the compiled seccomp filter');
    const names = [...new Set(filter.rules.map(({ syscall }) => syscall))];
    return architectures.map(({ name, token }) => ({
      name,
      token,
      highestCall: Math.max(...names.map((call) => calls.callByName(token, call))),
    }));
  } finally {
    calls.release(context);
  }
}

function addArchitectures(
  calls: Functions,
  context: Context,
  names: readonly string[],
): { name: string; token: number }[] {
  const native = calls.archNative();
  const added = names.map((name) => ({ name, token: calls.archByName(name) }));
  for (const { name, token } of added) {
    if (token === 0)
      throw new SyscallError(`filter system calls of architecture "${name}"`, 'seccomp_arch_resolve_name', 'EINVAL');
    if (token === native) continue;
    const result = calls.archAdd(context, token);
    if (result !== -EEXIST) checkResult(result, 'seccomp_arch_add', `filter system calls of architecture "${name}"`);
  }
  return added;
}

function addRule(calls: Functions, context: Context, { syscall, action, args }: FilterRule): void {
  const call = calls.callByName(calls.archNative(), syscall);
  if (call === NR_SCMP_ERROR) return;
  const packed = Buffer.alloc(args.length * ARG_BYTES);
  args.forEach(({ index, compare, a, b }, position) => {
    // struct scmp_arg_cmp { unsigned arg; enum op; uint64_t a, b; } in the byte order of the machine: all that Node runs on are little-endian but s390x.
    const view = new DataView(packed.buffer, packed.byteOffset + position * ARG_BYTES, ARG_BYTES);
    view.setUint32(0, index, LITTLE_ENDIAN);
    view.setUint32(4, compare, LITTLE_ENDIAN);
    view.setBigUint64(8, a, LITTLE_ENDIAN);
    view.setBigUint64(16, b, LITTLE_ENDIAN);
  });
  const result = calls.ruleAdd(context, action, call, args.length, packed);
  if (result !== -EEXIST) checkResult(result, 'seccomp_rule_add_array', `add a seccomp rule for "${syscall}"`);
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function checkResult(result: number, name: string, action: string): void {
  if (result < 0) throw new SyscallError(action, name, errnoName(-result));
}

function bindFunctions(library: string): Functions {
  const lib = loadLibrary(library);
  return {
    init: lib.func('void *seccomp_init(uint32_t)'),
    release: lib.func('void seccomp_release(void *)'),
    archAdd: lib.func('int seccomp_arch_add(void *, uint32_t)'),
    archNative: lib.func('uint32_t seccomp_arch_native(void)'),
    archByName: lib.func('uint32_t seccomp_arch_resolve_name(const char *)'),
    attrSet: lib.func('int seccomp_attr_set(void *, int, uint32_t)'),
    callByName: lib.func('int seccomp_syscall_resolve_name_arch(uint32_t, const char *)'),
    ruleAdd: lib.func('int seccomp_rule_add_array(void *, uint32_t, int, unsigned int, const void *)'),
    exportBpf: lib.func('int seccomp_export_bpf(void *, int)'),
  } as unknown as Functions;
}

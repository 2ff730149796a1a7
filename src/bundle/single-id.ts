// One mapped id only: calls that change owners and ids succeed without effect, so that package managers run unchanged.
// A filter that fakes success, after charliecloud; what it cannot do is in docs (a file owned by 33 still shows 0).

import type { SpecSeccomp, SpecSyscall, SpecSyscallArg } from './spec.wire.js';

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFREG = 0o100000;
const S_IFIFO = 0o010000;
const S_IFSOCK = 0o140000;

/** apt re-reads its ids after dropping them and gives up: its sandbox user is switched off by this file. */
export const APT_SANDBOX_TEXT =
  '// One id is mapped in this container: apt cannot become the user _apt.\nAPT::Sandbox::User "root";\n';
/** Read last, so that it wins. */
export const APT_SANDBOX_PATH = '/etc/apt/apt.conf.d/zz-rrun-single-id';

const FAKED = `
  capset chown fchown lchown fchownat setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups
  chown32 fchown32 lchown32 setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 setgroups32
  kexec_load`
  .trim()
  .split(/\s+/);

/** Position of the mode among the arguments. */
const MKNODS: ReadonlyMap<string, number> = new Map([
  ['mknod', 1],
  ['mknodat', 2],
]);

function typeIs(index: number, type: number): SpecSyscallArg {
  return { index, value: S_IFMT, valueTwo: type, op: 'SCMP_CMP_MASKED_EQ' };
}

function fakes(): SpecSyscall[] {
  const fake = { action: 'SCMP_ACT_ERRNO', errnoRet: 0 } as const;
  const nodes = [...MKNODS].flatMap(([name, index]) =>
    [S_IFCHR, S_IFBLK].map((type) => ({ names: [name], ...fake, args: [typeIs(index, type)] })),
  );
  return [{ names: [...FAKED], ...fake }, ...nodes];
}

/**
 * `base` with the fakes put before its own rules; without a base only the fakes. libseccomp keeps one unconditional action a
 * call, and a rule without arguments swallows one with arguments: a faked name is taken out of the other rules, and an
 * unconditional rule for mknod becomes one for each of the other file types.
 */
export function singleIdFilter(base: SpecSeccomp | undefined, architectures: readonly string[]): SpecSeccomp {
  if (base === undefined)
    return { defaultAction: 'SCMP_ACT_ALLOW', architectures: [...architectures], syscalls: fakes() };
  const others = (base.syscalls ?? []).flatMap((rule): SpecSyscall[] => {
    const names = rule.names.filter((name) => !FAKED.includes(name) && !MKNODS.has(name));
    const rest = names.length === 0 ? [] : [{ ...rule, names }];
    return [...rest, ...rule.names.flatMap((name) => otherTypes(rule, name))];
  });
  return { ...base, syscalls: [...fakes(), ...others] };
}

function otherTypes(rule: SpecSyscall, name: string): SpecSyscall[] {
  const index = MKNODS.get(name);
  if (index === undefined) return [];
  if (rule.args !== undefined && rule.args.length > 0) return [{ ...rule, names: [name] }];
  return [0, S_IFREG, S_IFIFO, S_IFSOCK].map((type) => ({ ...rule, names: [name], args: [typeIs(index, type)] }));
}

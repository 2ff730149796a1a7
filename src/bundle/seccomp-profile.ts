// A seccomp profile as Docker and containers/common write it (archMap, includes, excludes, errno names) → linux.seccomp.

import { constants } from 'node:os';
import { RrunError } from '../errors.js';
import { parseWideJson, validateSeccomp } from './parse-spec.js';
import type { SeccompAction, SpecSeccomp, SpecSyscall, SpecSyscallArg } from './spec.wire.js';

/** Conditions of a rule: every one given must hold (includes), or any one drops the rule (excludes). */
interface ProfileFilter {
  caps?: string[] | null;
  arches?: string[] | null;
  minKernel?: string;
}

export interface ProfileRule {
  names?: string[];
  /** The older spelling for one name. */
  name?: string;
  action: SeccompAction;
  errnoRet?: number | null;
  /** An errno name; wins over errnoRet. */
  errno?: string;
  args?: SpecSyscallArg[] | null;
  includes?: ProfileFilter | null;
  excludes?: ProfileFilter | null;
}

export interface SeccompProfile {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number | null;
  defaultErrno?: string;
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  architectures?: string[] | null;
  flags?: string[] | null;
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: ProfileRule[] | null;
}

export interface ProfileConditions {
  /** process.arch or uname -m. */
  kernelArch: string;
  kernelRelease: string;
  /** Bounding set of the container. */
  capabilities: readonly string[];
}

/** [process.arch, uname -m, Go's name as profiles write it, libseccomp's name]. */
const ARCHITECTURES: readonly (readonly [node: string, machine: string, go: string, scmp: string])[] = [
  ['x64', 'x86_64', 'amd64', 'SCMP_ARCH_X86_64'],
  ['ia32', 'i686', 'x86', 'SCMP_ARCH_X86'],
  ['arm64', 'aarch64', 'arm64', 'SCMP_ARCH_AARCH64'],
  ['arm', 'armv7l', 'arm', 'SCMP_ARCH_ARM'],
  ['ppc64', 'ppc64le', 'ppc64le', 'SCMP_ARCH_PPC64LE'],
  ['s390x', 's390x', 's390x', 'SCMP_ARCH_S390X'],
  ['riscv64', 'riscv64', 'riscv64', 'SCMP_ARCH_RISCV64'],
  ['loong64', 'loongarch64', 'loong64', 'SCMP_ARCH_LOONGARCH64'],
  ['mips64el', 'mips64', 'mips64le', 'SCMP_ARCH_MIPSEL64'],
];

export function nativeArchitecture(kernelArch: string): { go: string; scmp: string } {
  const row = ARCHITECTURES.find((names) => names.slice(0, 3).includes(kernelArch));
  if (row === undefined)
    throw new RrunError('CONFIG_INVALID', `cannot use a seccomp filter: architecture "${kernelArch}" is not known`);
  return { go: row[2], scmp: row[3] };
}

/** Parses a profile of either format and resolves it for this machine and these capabilities. */
export function parseSeccompProfile(source: string, name: string, conditions: ProfileConditions): SpecSeccomp {
  const value = parseWideJson(source, `seccomp profile "${name}"`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw profileError(name, 'want an object');
  const profile = value as SeccompProfile;
  if ((profile.architectures?.length ?? 0) > 0 && (profile.archMap?.length ?? 0) > 0) {
    throw profileError(name, "both 'architectures' and 'archMap' are given, want one of them");
  }
  try {
    const resolved = resolveSeccompProfile(profile, conditions);
    validateSeccomp(resolved, `seccomp profile "${name}"`);
    return resolved;
  } catch (error) {
    if (error instanceof RrunError) throw error;
    throw profileError(name, `not of the form of a profile: ${(error as Error).message}`);
  }
}

export function resolveSeccompProfile(profile: SeccompProfile, conditions: ProfileConditions): SpecSeccomp {
  const native = nativeArchitecture(conditions.kernelArch);
  const mapped = profile.archMap?.find(({ architecture }) => architecture === native.scmp);
  const listed = profile.architectures ?? [];
  const architectures = mapped === undefined ? listed : [mapped.architecture, ...(mapped.subArchitectures ?? [])];
  const errnoRet = errnoOf(profile.defaultErrno, profile.defaultErrnoRet);
  return {
    defaultAction: profile.defaultAction,
    ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
    architectures: architectures.length > 0 ? architectures : [native.scmp],
    ...(profile.flags ? { flags: profile.flags } : {}),
    ...(profile.listenerPath ? { listenerPath: profile.listenerPath } : {}),
    ...(profile.listenerMetadata ? { listenerMetadata: profile.listenerMetadata } : {}),
    syscalls: (profile.syscalls ?? []).filter((rule) => applies(rule, native.go, conditions)).map(resolveRule),
  };
}

function applies(
  { includes, excludes }: ProfileRule,
  goArch: string,
  { capabilities, kernelRelease }: ProfileConditions,
): boolean {
  if (excludes?.arches?.includes(goArch)) return false;
  if (excludes?.caps?.some((name) => capabilities.includes(name))) return false;
  if (excludes?.minKernel && isKernelAtLeast(kernelRelease, excludes.minKernel)) return false;
  if (includes?.arches && includes.arches.length > 0 && !includes.arches.includes(goArch)) return false;
  if (includes?.caps?.some((name) => !capabilities.includes(name))) return false;
  return !includes?.minKernel || isKernelAtLeast(kernelRelease, includes.minKernel);
}

function resolveRule(rule: ProfileRule): SpecSyscall {
  const errnoRet = errnoOf(rule.errno, rule.errnoRet);
  return {
    names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
    action: rule.action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(rule.args && rule.args.length > 0 ? { args: rule.args } : {}),
  };
}

function errnoOf(name: string | undefined, number: number | null | undefined): number | undefined {
  if (name === undefined || name === '') return number ?? undefined;
  const found = (constants.errno as Record<string, number | undefined>)[name];
  if (found === undefined)
    throw new RrunError('CONFIG_INVALID', `cannot use the seccomp profile: errno "${name}" is not known`);
  return found;
}

export function isKernelAtLeast(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [wantMajor = 0, wantMinor = 0] = wanted.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

function profileError(name: string, why: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use seccomp profile "${name}": ${why}`);
}

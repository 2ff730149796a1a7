// The one table from a failure of the C program (stage, system call, errno) to the sentence that the user reads.
// The kernel's words are often about something else than what is wrong; a hint is given only where it is true here.

import { RrunError, SyscallError, type ErrorCode } from '../errors.js';
import type { HelperFailure } from '../helper/report.js';
import type { HostFacts } from './facts.js';
import { programFailure } from './program-hints.js';
import { usernsHint } from './userns-hints.js';

/** What a sentence is about. */
export interface FailureSubject {
  /** Name or short id; absent where no container is meant yet. */
  container?: string;
  /** The command that was to run. */
  command?: string;
}

/** What a rule makes of a failure; what is left out is made from the failure itself. */
export interface Explanation {
  code?: ErrorCode;
  /** The whole sentence. */
  message?: string;
  /** Only what comes after the goal: "cannot start container "web": REASON". */
  reason?: string;
  hint?: string | undefined;
  exitCode?: number;
}

export interface FailureContext {
  failure: HelperFailure;
  facts: HostFacts | undefined;
  subject: FailureSubject;
}

type Explain = (context: FailureContext) => Explanation | undefined;

/** By stage; each returns undefined for what it knows nothing about. */
const EXPLAIN: Readonly<Record<string, Explain>> = {
  userns: explainUserns,
  namespaces: explainNamespaces,
  idmap: programFailure,
  spawn: programFailure,
  rootfs: explainRootfs,
  mounts: explainMounts,
  process: explainProcess,
  cwd: explainCwd,
  seccomp: explainSeccomp,
  join: explainJoin,
  exec: explainExec,
  plan: () => ({ code: 'HELPER_FAILED', hint: 'the parts of rrun do not fit together: install or build it again' }),
  tty: explainTty,
};

/** Stages whose hints look at the machine; for the others the facts need not be loaded. */
export function needsFacts({ stage }: HelperFailure): boolean {
  return !['exec', 'cwd', 'plan', 'process'].includes(stage);
}

/** Says a failure in words: what was wanted, what failed on what, the kernel's name for it, and what to do. */
export function explainFailure(
  failure: HelperFailure,
  facts: HostFacts | undefined,
  subject: FailureSubject,
): RrunError {
  const explained = EXPLAIN[failure.stage]?.({ failure, facts, subject }) ?? explainAny(failure);
  const goal = subject.container === undefined ? 'start the container' : `start container "${subject.container}"`;
  const options = { hint: explained?.hint, exitCode: explained?.exitCode ?? 125 };
  const reason = explained?.reason ?? failure.action;
  if (explained?.message !== undefined)
    return new RrunError(explained.code ?? 'HELPER_FAILED', explained.message, options);
  if (explained?.reason !== undefined || failure.errno === '0')
    return new RrunError(explained?.code ?? 'HELPER_FAILED', `cannot ${goal}: ${reason}`, options);
  if (explained?.code !== undefined) {
    return new RrunError(explained.code, `cannot ${goal}: ${reason}: ${failure.syscall}: ${failure.errno}`, options);
  }
  return new SyscallError(`${goal}: ${reason}`, failure.syscall, failure.errno, options);
}

/** Errno values that mean the same wherever they come from. */
function explainAny({ errno }: HelperFailure): Explanation | undefined {
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return { code: 'STORE_FULL', hint: 'make room: "rrun ps -a" and "rrun images" show what may go' };
    case 'EMFILE':
    case 'ENFILE':
      return { hint: 'raise the limit of open files ("ulimit -n")' };
    case 'ENOMEM':
      return { hint: 'memory or a memory limit of this session is used up' };
    case 'EAGAIN':
      return { hint: 'the limit of processes is used up: see "ulimit -u" and pids.max of the cgroup' };
    default:
      return undefined;
  }
}

function explainUserns({ failure, facts }: FailureContext): Explanation {
  return {
    code: 'USERNS_UNAVAILABLE',
    message: `cannot create a user namespace: clone(CLONE_NEWUSER): ${failure.errno}`,
    hint: facts && usernsHint(failure.errno, facts),
  };
}

function explainNamespaces({ failure, facts }: FailureContext): Explanation | undefined {
  if (failure.errno === 'ENOSPC') {
    // A limit of /proc/sys/user, not the disk (namespaces(7)).
    return {
      code: 'USERNS_UNAVAILABLE',
      hint: 'a limit in /proc/sys/user (max_pid_namespaces, max_net_namespaces…) is used up: raise it with sysctl(8)',
    };
  }
  if (failure.errno === 'EPERM' && facts?.apparmorRestrictsUserns === true) {
    // Ubuntu lets the namespace be made, and takes its capabilities away.
    return { code: 'USERNS_UNAVAILABLE', hint: usernsHint('EPERM', facts) };
  }
  if (failure.errno === 'EINVAL') return { hint: 'this kernel lacks a kind of namespace: see "rrun info"' };
  return undefined;
}

function explainRootfs({ failure, facts }: FailureContext): Explanation | undefined {
  const { errno, syscall, action } = failure;
  if (!/overlay/.test(action)) return errno === 'EACCES' ? { hint: unreachableHint(action) } : undefined;
  switch (errno) {
    case 'ELOOP':
      return { hint: "two of the overlay's directories lie inside one another: choose another --root" };
    case 'ENODEV':
      return {
        hint: 'load the kernel module overlay ("modprobe overlay" as root), or use --storage-driver=fuse-overlayfs',
      };
    case 'EPERM':
      return {
        hint: 'this kernel allows no overlay in user namespaces (5.11 does): use --storage-driver=fuse-overlayfs',
      };
    case 'EINVAL':
    case 'ENOTSUP':
      return {
        hint: 'the file system of the store cannot carry an overlay: use --storage-driver=fuse-overlayfs, or another --root',
      };
    case 'ESTALE':
      return { hint: 'a layer was replaced under a container: remove the container and create it again' };
    case 'ENOSPC':
      return mountLimit(syscall, facts);
    default:
      return undefined;
  }
}

function explainMounts(context: FailureContext): Explanation | undefined {
  const { failure, facts } = context;
  const { errno, action, syscall } = failure;
  if (errno === 'ENOSPC' && syscall === 'mount') return mountLimit(syscall, facts);
  if (/^mount proc on/.test(action) && errno === 'EPERM') {
    // mount_too_revealing(): a new proc may not show what is covered in the one we see (user_namespaces(7)).
    return {
      hint: 'usual inside a container that hides parts of /proc: use --pid=host, or start the outer one with --security-opt unmask=ALL',
    };
  }
  if (/^mount sysfs on/.test(action) && errno === 'EPERM') {
    return { hint: "sysfs needs a network namespace of the container's own: leave out --network=host" };
  }
  if (/^bind /.test(action)) return explainBind(failure);
  if (errno === 'ENODEV') return { hint: 'the kernel has no such file system: see /proc/filesystems' };
  if (/^open mount point|^make /.test(action) && errno === 'ELOOP') {
    return { hint: 'the image has a symbolic link there that leads nowhere or in a circle' };
  }
  if (errno === 'EROFS')
    return { hint: 'the mount point is absent and the root is read-only: leave out --read-only, or mount elsewhere' };
  if (errno === 'ENOTDIR' || errno === 'EISDIR') {
    return { hint: 'a directory can only be mounted on a directory, and a file on a file' };
  }
  return undefined;
}

function explainBind({ errno, action }: HelperFailure): Explanation | undefined {
  const source = /^bind "([^"]*)"/.exec(action)?.[1] ?? '';
  switch (errno) {
    case 'ENOENT':
      return { code: 'NOT_FOUND', exitCode: 125, hint: `"${source}" does not exist on the host` };
    case 'EACCES':
      return { hint: unreachableHint(action) };
    case 'ENOTDIR':
    case 'EISDIR':
      return { hint: 'a directory can only be mounted on a directory, and a file on a file' };
    case 'EPERM':
    case 'EINVAL':
      return {
        hint: 'the kernel keeps flags and locked mounts of the host as they are: bind the directory itself, with the options that it has',
      };
    default:
      return undefined;
  }
}

function unreachableHint(action: string): string {
  const path = /"([^"]*)"/.exec(action)?.[1] ?? 'the path';
  return `"${path}" or a directory above it may not be entered by the container's user: see its mode with "namei -l"`;
}

/** ENOSPC from mount(2) has nothing to do with disks. */
function mountLimit(syscall: string, facts: HostFacts | undefined): Explanation {
  const where = facts?.nested === true ? 'fs.mount-max of the outer system' : 'fs.mount-max';
  return { reason: `the limit of mounts is reached (${syscall}: ENOSPC)`, hint: `raise ${where} with sysctl(8)` };
}

function explainProcess({ failure }: FailureContext): Explanation | undefined {
  const { errno, syscall, action } = failure;
  if (syscall === 'setresuid' || syscall === 'setresgid' || syscall === 'setgroups') {
    if (errno === 'EINVAL')
      return {
        code: 'IDMAP_UNAVAILABLE',
        hint: 'that id is not mapped in the container: use a lower one, or get a larger range in /etc/subuid and /etc/subgid',
      };
    if (errno === 'EPERM' && syscall === 'setgroups')
      return {
        code: 'IDMAP_UNAVAILABLE',
        hint: 'supplementary groups need ranges in /etc/subgid: leave out --group-add',
      };
  }
  if (syscall === 'setrlimit' && errno === 'EPERM')
    return { hint: 'without root a limit cannot be set above the caller\'s hard limit: see "ulimit -H -a"' };
  if (/^set oom_score_adj/.test(action) && errno === 'EACCES')
    return { hint: 'without root it can only be raised: use a value not below the one of this session' };
  if (/sys\b|sysctl/.test(action) || syscall === 'sysctl') {
    if (errno === 'ENOENT') return { hint: 'this kernel has no such setting, or not in a namespace' };
    if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS')
      return {
        hint: "only settings of the container's own namespaces can be changed, and not with --network=host or --ipc=host",
      };
  }
  return undefined;
}

function explainCwd({ failure }: FailureContext): Explanation {
  const directory = /"([^"]*)"/.exec(failure.action)?.[1] ?? '';
  const reasons: Record<string, string> = {
    ENOENT: `working directory "${directory}" is not in the container`,
    ENOTDIR: `working directory "${directory}" is not a directory`,
    EACCES: `working directory "${directory}" may not be entered by the container's user`,
  };
  const reason = reasons[failure.errno];
  return {
    code: 'CONFIG_INVALID',
    ...(reason === undefined ? {} : { reason: `${reason}: ${failure.syscall}: ${failure.errno}` }),
    hint: 'name another one with -w',
  };
}

function explainSeccomp({ failure, facts }: FailureContext): Explanation | undefined {
  if (failure.syscall === 'prctl' && (failure.errno === 'EINVAL' || facts?.seccompActions.length === 0)) {
    return { hint: 'this kernel has no seccomp filters: use --security-opt seccomp=unconfined' };
  }
  return undefined;
}

function explainJoin({ failure }: FailureContext): Explanation | undefined {
  if (failure.errno === 'ESRCH' || failure.errno === 'ENOENT')
    return { code: 'NOT_FOUND', exitCode: 125, hint: 'the other container has ended: start it first' };
  if (failure.errno === 'EPERM') return { hint: 'only namespaces of your own containers can be joined' };
  return undefined;
}

function explainTty({ failure }: FailureContext): Explanation | undefined {
  return failure.errno === 'ENOSPC'
    ? { hint: 'all pseudo-terminals are in use: raise kernel.pty.max with sysctl(8)' }
    : undefined;
}

/** The command's own exit codes: 127 not found, 126 cannot be executed (POSIX sh, docker run). */
function explainExec({ failure, subject }: FailureContext): Explanation {
  const command = subject.command ?? failure.action;
  const what = `cannot run "${command}"`;
  switch (failure.errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return {
        code: 'COMMAND_NOT_FOUND',
        exitCode: 127,
        message: `${what}: not found in the container`,
        hint: command.includes('/')
          ? 'check the path; where the file is there, its "#!" interpreter or loader is not'
          : 'check the command and PATH',
      };
    case 'EACCES':
      return {
        code: 'COMMAND_NOT_EXECUTABLE',
        exitCode: 126,
        message: `${what}: permission denied`,
        hint: "it must be a file that the container's user may execute, not on a noexec mount",
      };
    case 'EISDIR':
      return { code: 'COMMAND_NOT_EXECUTABLE', exitCode: 126, message: `${what}: it is a directory` };
    case 'E2BIG':
      return {
        code: 'COMMAND_NOT_EXECUTABLE',
        exitCode: 126,
        message: `${what}: its arguments and environment are too long`,
        hint: 'the kernel takes 128 KiB in one word, and in all a quarter of the stack limit ("ulimit -s"), at most 6 MiB: use a file',
      };
    case 'ENOEXEC':
      return {
        code: 'COMMAND_NOT_EXECUTABLE',
        exitCode: 126,
        message: `${what}: exec format error`,
        hint: 'it is made for another architecture, or is a script without "#!"',
      };
    default:
      return {
        code: 'COMMAND_NOT_EXECUTABLE',
        exitCode: 126,
        message: `${what}: ${failure.syscall}: ${failure.errno}`,
      };
  }
}

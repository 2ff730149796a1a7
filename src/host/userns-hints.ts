// Why a user namespace cannot be made here, and what would allow it.

import type { HostFacts } from './facts.js';

/** The steps follow the order in which the kernel refuses; the first that is true for this machine is the hint. */
export function usernsHint(errno: string, facts: HostFacts): string {
  if (facts.maxUserNamespaces === 0) return 'set user.max_user_namespaces above 0 with sysctl(8)';
  if (facts.unprivilegedUsernsClone === 0) return 'set kernel.unprivileged_userns_clone=1 with sysctl(8)';
  // ENOSPC from clone is a limit, never the disk; EUSERS on kernels before 4.9 (user_namespaces(7)).
  if (errno === 'ENOSPC' || errno === 'EUSERS') {
    return 'the limit in /proc/sys/user/max_user_namespaces is used up, or 32 of them are nested: stop other containers or raise it';
  }
  if (errno === 'EINVAL') return 'this kernel was built without user namespaces (CONFIG_USER_NS)';
  if (facts.apparmorRestrictsUserns) {
    return 'AppArmor keeps programs without a profile from it: install rrun\'s profile (see "rrun info"), or set kernel.apparmor_restrict_unprivileged_userns=0 with sysctl(8)';
  }
  if (facts.container !== undefined && facts.container !== 'wsl') {
    return `rrun runs inside a ${facts.container} container that forbids it: start that one with --security-opt seccomp=unconfined, or with a profile that allows clone and unshare`;
  }
  return 'a seccomp filter, a chroot or a security module forbids it: run "rrun info" to see which are active';
}

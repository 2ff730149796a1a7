// What programs of others say when they fail, and what it means: newuidmap, newgidmap, slirp4netns, fuse-overlayfs.

import type { Explanation, FailureContext } from './hints.js';

/** Stages "idmap" and "spawn": the program's own message is in `detail`. */
export function programFailure(context: FailureContext): Explanation | undefined {
  const { failure } = context;
  const program = /"([^"]*)"/.exec(failure.action)?.[1] ?? failure.syscall;
  const name = program.slice(program.lastIndexOf('/') + 1);
  if (failure.stage === 'idmap') return idmapFailure(context, name);
  if (name === 'slirp4netns') return slirpFailure(context);
  if (name === 'fuse-overlayfs') return fuseFailure(context);
  return { reason: [`${name}: ${failure.action}`, ...lastLines(failure.detail)].join(': ') };
}

/** The last two lines that say something, on one line. */
function lastLines(detail: string): string[] {
  const lines = detail
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(WARNING: Support|sent tapfd|received tapfd|Starting slirp|\* )/.test(line));
  return lines.length === 0 ? [] : [lines.slice(-2).join('; ')];
}

function idmapFailure({ failure, facts }: FailureContext, name: string): Explanation {
  const code = 'IDMAP_UNAVAILABLE';
  const { detail, errno, syscall } = failure;
  if (syscall === 'execve')
    return {
      code: errno === 'ENOENT' ? 'PROGRAM_MISSING' : code,
      message: `cannot write a map of ids with ranges: ${name}: ${errno}`,
      hint: INSTALL_UIDMAP,
    };
  if (syscall !== 'exit') {
    return {
      code,
      message: `cannot map the ids of the container: ${failure.action}: ${syscall}: ${errno}`,
      hint: directHint(errno, facts?.nested === true),
    };
  }
  const said = lastLines(detail)[0] ?? `${name} failed`;
  return {
    code,
    message: `cannot map the ids of the container: ${said}`,
    hint: mapperHint(detail, facts?.apparmorRestrictsUserns === true),
  };
}

const INSTALL_UIDMAP = 'install the package uidmap (Debian) or shadow-utils (Fedora), or use --userns=single';

function directHint(errno: string, nested: boolean): string | undefined {
  if (errno !== 'EPERM') return undefined;
  return nested
    ? 'the outer container does not let its root map ids (CAP_SETUID and CAP_SETGID): give it them, or run rrun there as an ordinary user'
    : 'run "rrun info" to see what restricts this process';
}

function mapperHint(detail: string, apparmor: boolean): string | undefined {
  if (/range .* not allowed/.test(detail))
    return 'the lines of this user in /etc/subuid and /etc/subgid do not allow it: they were changed, or a directory service is asked instead (see "subid" in /etc/nsswitch.conf)';
  if (/owned by a different user/.test(detail))
    return 'leave the shell of newgrp or sg first: newgidmap insists on the login group';
  if (/setuid|setgid|filecap/i.test(detail))
    return 'newuidmap and newgidmap must be setuid root or have file capabilities: reinstall their package';
  if (/write to [ug]id_map failed: Operation not permitted/.test(detail)) {
    return apparmor
      ? 'AppArmor took the rights of the user namespace: see "rrun info"'
      : 'newuidmap got no rights: it is not setuid, its file system is nosuid, or rrun runs in a container that lacks CAP_SETUID';
  }
  if (/password entry/i.test(detail)) return 'this uid has no entry in the password database: use --userns=single';
  return undefined;
}

const WITHOUT_NETWORK = 'or use --network=none or --network=host';

function slirpFailure({ failure, facts }: FailureContext): Explanation {
  const code = 'NETWORK_FAILED';
  const { detail, errno } = failure;
  const said = lastLines(detail)[0];
  const message = `cannot set up the network: slirp4netns: ${said ?? (errno === 'ECANCELED' || errno === '0' ? failure.action : errno)}`;
  const tun = facts?.devices.find(({ path }) => path === '/dev/net/tun')?.problem;
  if (/\/dev\/net\/tun/.test(detail) || tun !== undefined) {
    return {
      code: 'DEVICE_MISSING',
      message,
      hint: `load the kernel module tun ("modprobe tun" as root; in an outer container, hand it in with --device /dev/net/tun), ${WITHOUT_NETWORK}`,
    };
  }
  if (/setns\(CLONE_NEWNET\)|Permission denied/.test(detail))
    return {
      code,
      message,
      hint: `a security module may keep slirp4netns from it (see "rrun info"), ${WITHOUT_NETWORK}`,
    };
  if (/seccomp/i.test(detail))
    return {
      code,
      message,
      hint: `this slirp4netns and this kernel do not agree on seccomp: install a newer one, ${WITHOUT_NETWORK}`,
    };
  if (/No such device|Cannot assign|bind/i.test(detail))
    return {
      code,
      message,
      hint: 'check outbound_addr= of --network: it must be an address or interface of this host',
    };
  return { code, message, hint: undefined };
}

function fuseFailure({ failure, facts }: FailureContext): Explanation {
  const message = `cannot mount the root of the container: fuse-overlayfs: ${lastLines(failure.detail)[0] ?? failure.action}`;
  const fuse = facts?.devices.find(({ path }) => path === '/dev/fuse')?.problem;
  if (fuse !== undefined) {
    const hint =
      'load the kernel module fuse ("modprobe fuse" as root; in an outer container, hand it in with --device /dev/fuse), or use --storage-driver=vfs';
    return { code: 'DEVICE_MISSING', message: `${message} (open "/dev/fuse": ${fuse})`, hint };
  }
  return { code: 'HELPER_FAILED', message, hint: 'use --storage-driver=overlay or --storage-driver=vfs' };
}

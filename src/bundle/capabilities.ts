// Capability names, Docker's default set and the meaning of --cap-add, --cap-drop and --privileged.

import { RrunError } from '../errors.js';
import { closestWord } from '../util/text.js';
import type { SpecCapabilities } from './spec.wire.js';

/** In the kernel's order: the index is the number (linux/capability.h). */
export const CAPABILITIES = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID',
  'CAP_SETPCAP', 'CAP_LINUX_IMMUTABLE', 'CAP_NET_BIND_SERVICE', 'CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_NET_RAW',
  'CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_CHROOT', 'CAP_SYS_PTRACE', 'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_NICE', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME', 'CAP_SYS_TTY_CONFIG', 'CAP_MKNOD',
  'CAP_LEASE', 'CAP_AUDIT_WRITE', 'CAP_AUDIT_CONTROL', 'CAP_SETFCAP', 'CAP_MAC_OVERRIDE', 'CAP_MAC_ADMIN', 'CAP_SYSLOG',
  'CAP_WAKE_ALARM', 'CAP_BLOCK_SUSPEND', 'CAP_AUDIT_READ', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE',
] as const; // prettier-ignore

/** Docker's (moby daemon/pkg/oci/caps): 14. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD', 'CAP_NET_RAW', 'CAP_SETGID', 'CAP_SETUID',
  'CAP_SETFCAP', 'CAP_SETPCAP', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_KILL', 'CAP_AUDIT_WRITE',
]; // prettier-ignore

export interface CapabilityRequest {
  add: readonly string[];
  drop: readonly string[];
  privileged: boolean;
  /** The kernel's highest number (/proc/sys/kernel/cap_last_cap). */
  lastCap?: number | undefined;
}

/** The capabilities that root gets in the container, as Docker works them out from the options. */
export function chooseCapabilities({
  add,
  drop,
  privileged,
  lastCap = CAPABILITIES.length - 1,
}: CapabilityRequest): string[] {
  const known: string[] = CAPABILITIES.slice(0, lastCap + 1);
  const added = add.map((word) => parseCapability(word, known));
  const dropped = drop.map((word) => parseCapability(word, known));
  const wanted = pickCapabilities(known, added, dropped, privileged);
  return known.filter((name) => wanted.includes(name));
}

function pickCapabilities(known: string[], added: string[], dropped: string[], privileged: boolean): readonly string[] {
  if (privileged) return known;
  if (added.includes('ALL')) return known.filter((name) => !dropped.includes(name));
  if (dropped.includes('ALL')) return added;
  return [...DEFAULT_CAPABILITIES.filter((name) => !dropped.includes(name)), ...added];
}

/** "net_admin", "NET_ADMIN", "CAP_NET_ADMIN", "ALL". */
export function parseCapability(word: string, known: readonly string[] = CAPABILITIES): string {
  const upper = word.trim().toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL';
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (known.includes(name)) return name;
  if ((CAPABILITIES as readonly string[]).includes(name)) {
    throw new RrunError('CONFIG_INVALID', `cannot use capability "${word}": this kernel does not have it`);
  }
  const near = closestWord(name, known);
  throw new RrunError('CONFIG_INVALID', `cannot use capability "${word}": unknown capability`, {
    hint: near === undefined ? 'see capabilities(7) for the names' : `did you mean ${near.slice('CAP_'.length)}?`,
  });
}

/**
 * The sets of the container process. Inheritable stays empty (CVE-2022-24769). For a user who is not root the kernel would
 * clear permitted and effective at execve anyway; they are left out, as Docker does.
 */
export function capabilitySets(names: readonly string[], uid: number): SpecCapabilities {
  const list = [...names];
  return uid === 0 ? { bounding: list, effective: list, permitted: list } : { bounding: list };
}

// --sysctl: only what belongs to a namespace of the container may be set.

import { RrunError } from '../errors.js';
import type { Decision } from '../util/decision.js';
import type { IdMapping } from '../util/id-mapping.js';

export interface SysctlNamespaces {
  network: boolean;
  ipc: boolean;
  uts: boolean;
}

const IPC_SYSCTLS = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
];

/** "net/ipv4/x" is the same as "net.ipv4.x"; in the first form a dot may be part of a name (an interface "eth0.1"). */
export function validateSysctls(sysctls: Record<string, string>, own: SysctlNamespaces): void {
  for (const key of Object.keys(sysctls)) {
    const name = key.includes('/') ? key.split('/').join('.') : key;
    if (!/^[\w-]+([./][\w.:-]+)+$/.test(key) || key.split('/').includes('..'))
      throw sysctlError(key, 'not a sysctl name');
    if (name.startsWith('net.')) requireOwn(key, own.network, 'network');
    else if (name.startsWith('fs.mqueue.') || IPC_SYSCTLS.includes(name)) requireOwn(key, own.ipc, 'ipc');
    else if (name === 'kernel.domainname' || name === 'kernel.hostname') requireUts(key, name, own);
    else
      throw sysctlError(
        key,
        'not in a separate kernel namespace',
        'only net.*, fs.mqueue.* and the kernel.msg*, kernel.sem, kernel.shm* of IPC can be set for a container',
      );
  }
}

function requireOwn(key: string, owns: boolean, kind: string): void {
  if (!owns) throw sysctlError(key, `not allowed in the host's ${kind} namespace`);
}

function requireUts(key: string, name: string, { uts }: SysctlNamespaces): void {
  requireOwn(key, uts, 'uts');
  // /proc/sys lets only root of the host write these two; the system calls do not ask for it.
  const option = name === 'kernel.hostname' ? '--hostname' : '--domainname';
  throw sysctlError(key, `it is set by ${option}`, `use ${option}`);
}

/** Docker's two defaults for a network namespace of one's own: any port and unprivileged ping without a capability. */
export function defaultSysctls(
  ownNetwork: boolean,
  gidMappings: readonly IdMapping[],
  decisions: Decision[],
): Record<string, string> {
  if (!ownNetwork) return {};
  const lastGid = Math.max(...gidMappings.map(({ containerID, size }) => containerID + size - 1));
  const firstGid = Math.min(...gidMappings.map(({ containerID }) => containerID));
  decisions.push({
    topic: 'sysctls',
    choice: 'ports from 0 and ICMP sockets for everyone',
    why: "Docker's defaults; the network namespace is the container's own",
  });
  return { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': `${firstGid} ${lastGid}` };
}

function sysctlError(key: string, why: string, hint?: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot set sysctl "${key}": ${why}`, { hint });
}

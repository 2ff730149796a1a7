// The files that are bound over /etc/hosts, /etc/resolv.conf and /etc/hostname: where they are and what is in them.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { ContainerOptions } from '../bundle/options.js';
import type { NetworkChoice } from '../network/choose-network.js';
import type { NetworkFacts } from '../network/facts.js';
import { makeHostname, makeHosts, validateHostname } from '../network/hosts-file.js';
import { makeResolvConf } from '../network/resolv-conf.js';
import type { HostPath } from '../util/brand.js';

export interface ContainerFiles {
  /** Name in the UTS namespace. */
  hostname: string;
  /** By name of the file in the container's directory; none is bound over what is left out. */
  texts: Partial<Record<FileName, string>>;
}

export type FileName = 'hosts' | 'hostname' | 'resolv.conf';

/** Bound into apt's configuration in single-id mode; written once. */
export const APT_SANDBOX = 'apt-sandbox';

const FILE_NAMES: readonly FileName[] = ['hosts', 'hostname', 'resolv.conf'];

/** Docker's choices: the short id as host name; the host's own name where the UTS or the network namespace is the host's. */
export function makeContainerFiles(
  id: string,
  options: ContainerOptions,
  network: NetworkChoice,
  facts: NetworkFacts,
): ContainerFiles {
  if (options.hostname !== undefined) validateHostname(options.hostname);
  const own = options.uts !== 'host' && network.kind !== 'host';
  const hostname = options.hostname ?? (own ? id.slice(0, 12) : os.hostname());
  const hosts = makeHosts(network, facts.hosts, { hostname, domainname: options.domainname, addHost: options.addHost });
  const resolvConf = makeResolvConf(network, facts.resolvConf, options);
  return {
    hostname,
    texts: {
      ...(options.noHosts ? {} : { hosts }),
      ...(options.noHostname ? {} : { hostname: makeHostname(hostname) }),
      ...(resolvConf === undefined ? {} : { 'resolv.conf': resolvConf }),
    },
  };
}

/** Where a file is, or undefined where none is to be bound. */
export function containerFile(dir: string, { texts }: ContainerFiles, name: FileName): HostPath | undefined {
  return texts[name] === undefined ? undefined : (path.join(dir, name) as HostPath);
}

/** Writes them anew, in place: whoever has them bound sees the change. World-readable whatever the caller's umask is: any id in the container reads them. */
export function writeContainerFiles(dir: HostPath, { texts }: ContainerFiles): void {
  for (const name of FILE_NAMES) {
    const text = texts[name];
    const file = path.join(dir, name);
    if (text === undefined) {
      rmSync(file, { force: true });
      continue;
    }
    writeFileSync(file, text);
    chmodSync(file, 0o644);
  }
}

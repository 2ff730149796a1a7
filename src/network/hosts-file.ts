// The texts of the container's /etc/hosts and /etc/hostname.

import { isIP } from 'node:net';
import { RrunError } from '../errors.js';
import type { NetworkChoice } from './choose-network.js';

export interface HostsEntry {
  address: string;
  names: string[];
}

export interface HostsRequest {
  hostname: string;
  domainname?: string | undefined;
  /** Name of the container, also known to itself. */
  containerName?: string | undefined;
  /** --add-host as typed. */
  addHost: readonly string[];
}

/** The entries that Docker writes into every container. */
const LOCAL = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Names by which a container finds the host, with podman and with Docker. */
const HOST_NAMES = ['host.containers.internal', 'host.docker.internal'];

/** hostText is the host's own /etc/hosts: with --network=host the container shares the names as well as the interfaces. */
export function makeHosts(network: NetworkChoice, hostText: string, request: HostsRequest): string {
  const added = request.addHost.flatMap((text) => parseAddHost(text, network));
  const taken = new Set(added.flatMap(({ names }) => names));
  const base = network.kind === 'host' ? withFinalNewline(hostText === '' ? LOCAL : hostText) : LOCAL;
  const entries = [...added, ...ownEntries(network, request), ...hostEntries(network, taken)];
  return base + entries.map(({ address, names }) => `${address}\t${names.join(' ')}\n`).join('');
}

function withFinalNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function ownEntries(network: NetworkChoice, request: HostsRequest): HostsEntry[] {
  if (network.kind === 'host') return [];
  const { hostname, domainname, containerName } = request;
  const names = new Set<string>();
  if (domainname !== undefined && domainname !== '') names.add(`${hostname}.${domainname}`);
  names.add(hostname);
  const [short = hostname] = hostname.split('.');
  names.add(short);
  if (containerName !== undefined) names.add(containerName);
  // Without an address of its own the name still has to resolve: many programs look their own host name up.
  return [{ address: network.address ?? '127.0.0.1', names: [...names] }];
}

/** --add-host of the same name comes before and replaces it. */
function hostEntries(network: NetworkChoice, taken: ReadonlySet<string>): HostsEntry[] {
  const names = HOST_NAMES.filter((name) => !taken.has(name));
  return network.gatewayForHost === undefined || names.length === 0 ? [] : [{ address: network.gatewayForHost, names }];
}

/** NAME:ADDRESS or NAME=ADDRESS; names may be several, split by ";"; the address may be host-gateway. */
export function parseAddHost(text: string, network: Pick<NetworkChoice, 'gatewayForHost' | 'kind'>): HostsEntry[] {
  const bad = (reason: string, hint?: string): RrunError =>
    new RrunError('USAGE', `cannot use --add-host=${text}: ${reason}`, { hint });
  const separator = /[:=]/.exec(text)?.index;
  if (separator === undefined) throw bad('want NAME:ADDRESS');
  const names = text.slice(0, separator).split(';');
  for (const name of names) {
    if (!isHostName(name)) throw bad(name === '' ? 'the name is empty' : `"${name}" is not a host name`);
  }
  const typed = text.slice(separator + 1);
  if (typed === 'host-gateway') {
    if (network.gatewayForHost === undefined) throw bad(`there is no way to the host with --network=${network.kind}`);
    return [{ address: network.gatewayForHost, names }];
  }
  const address = /^\[.*\]$/.test(typed) ? typed.slice(1, -1) : typed;
  if (isIP(address) === 0) throw bad(`"${typed}" is not an IP address`);
  return [{ address, names }];
}

/** Letters, digits, "-", "_" and dots: enough that no entry can break a line of the file. */
function isHostName(text: string): boolean {
  return (
    text.length <= 253 && /^[A-Za-z0-9_]([\w-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([\w-]*[A-Za-z0-9_])?)*\.?$/.test(text)
  );
}

/** Checks -h/--hostname: what sethostname(2) takes (64 bytes) and resolvers understand. */
export function validateHostname(text: string): void {
  if (text.length > 64)
    throw new RrunError('USAGE', `cannot use --hostname=${text}: ${text.length} characters are more than 64`);
  if (!isHostName(text)) throw new RrunError('USAGE', `cannot use --hostname=${text}: it is not a host name`);
}

export function makeHostname(hostname: string): string {
  return `${hostname}\n`;
}

// NetworkSettings of `inspect`: addresses are those of a running container; they are the same in each, since every one has a network of
// its own behind slirp4netns.

import { goMap, type Json, type JsonObject } from './json.js';
import type { ContainerRecord, ContainerState } from './record.js';

interface Address {
  ip: string;
  prefixLength: number;
  gateway: string;
}

export function networkDocument(record: ContainerRecord, state: ContainerState): JsonObject {
  const address = state.status === 'running' ? addressOf(record) : undefined;
  const ports: JsonObject = goMap({});
  if (state.status === 'running') for (const port of record.image.exposedPorts) ports[port] = null;
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: state.status === 'running' ? `/proc/${state.pid}/ns/net` : '',
    Ports: ports,
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    ...endpoint(address),
    Networks: goMap({ [record.network]: network(address) }),
  };
}

function network(address: Address | undefined): Json {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    DriverOpts: null,
    NetworkID: '',
    ...endpoint(address),
    DNSNames: null,
  };
}

function endpoint(address: Address | undefined): JsonObject {
  return {
    EndpointID: '',
    Gateway: address?.gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: address?.ip ?? '',
    IPPrefixLen: address?.prefixLength ?? 0,
    IPv6Gateway: '',
    MacAddress: '',
  };
}

function addressOf({ address, network }: ContainerRecord): Address | undefined {
  if (address === undefined) return undefined;
  // slirp4netns(1): the gateway is the second address of the network.
  return { ...address, gateway: network === 'slirp4netns' ? networkPlus(address, 2) : '' };
}

function networkPlus({ ip, prefixLength }: { ip: string; prefixLength: number }, offset: number): string {
  const number = ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefixLength);
  const wanted = Math.floor(number / size) * size + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(wanted / 2 ** shift) % 256).join('.');
}

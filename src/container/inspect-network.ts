// NetworkSettings of `inspect`: addresses are those of a running container; they are the same in each, since every one has a network of
// its own behind slirp4netns.

import type { Json, JsonObject } from './inspect.js';
import type { ContainerRecord, ContainerState } from './record.js';

interface Address {
  ip: string;
  prefixLength: number;
  gateway: string;
}

export function networkDocument(record: ContainerRecord, state: ContainerState): JsonObject {
  const address = state.status === 'running' ? addressOf(record.network) : undefined;
  const ports: JsonObject = {};
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
    Networks: { [record.network]: network(address) },
  };
}

function network(address: Address | undefined): Json {
  return { IPAMConfig: null, Links: null, Aliases: null, DriverOpts: null, NetworkID: '', ...endpoint(address), DNSNames: null };
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

function addressOf(network: string): Address | undefined {
  // slirp4netns(1): the network is 10.0.2.0/24 unless --cidr says otherwise.
  return network === 'slirp4netns' ? { ip: '10.0.2.100', prefixLength: 24, gateway: '10.0.2.2' } : undefined;
}

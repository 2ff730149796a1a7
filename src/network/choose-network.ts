// Chooses a container's network. Never asks whether the host is online: slirp4netns needs no route, and none is needed to start.

import { RrunError } from '../errors.js';
import type { HostPath } from '../util/brand.js';
import type { Decision } from '../util/decision.js';
import { loadNetworkFacts, type NetworkFacts } from './facts.js';
import { parseNetwork, type NetworkOption, type SlirpSettings } from './parse-network.js';
import {
  DEFAULT_CIDR,
  parseCidr,
  slirp4netnsArgs,
  type Slirp4netnsNetwork,
  type Slirp4netnsOptions,
} from './slirp4netns-args.js';

export interface NetworkRequest {
  /** --network as typed; undefined for the default. */
  network?: string | undefined;
  /** Id 0 is mapped in the container's user namespace (default); slirp4netns becomes it to build its sandbox. */
  rootIsMapped?: boolean;
}

export interface NetworkChoice {
  kind: 'slirp4netns' | 'none' | 'host';
  /** What to start beside the container. The words {pid}, {ready} and {exit} stand for what is only known then. */
  slirp?: { program: HostPath; args: string[] };
  /** The container's own address; absent for host, and for none, which has loopback only. */
  address?: string;
  prefixLength?: number;
  /** Answers for the host's name servers. */
  nameserver?: string;
  /** What host-gateway and host.containers.internal stand for. */
  gatewayForHost?: string;
  ipv6: boolean;
  decisions: Decision[];
}

/** Large packets save system calls; over a user-mode stack the host's own MTU does not matter. */
const DEFAULT_MTU = 65_520;

export interface ChooseNetworkOptions extends Omit<NetworkRequest, 'network'> {
  /** DATA/cache, where the features of slirp4netns are remembered. */
  cacheDir?: HostPath;
}

/** Looks at the host and decides on the network of one container; throws where what was asked for cannot be had. */
export async function chooseNetwork(
  network: string | undefined,
  options: ChooseNetworkOptions = {},
): Promise<NetworkChoice> {
  const { cacheDir, ...request } = options;
  return decideNetwork({ network, ...request }, await loadNetworkFacts({ network, cacheDir }));
}

/** The decision alone, from facts. */
export function decideNetwork(request: NetworkRequest, facts: NetworkFacts): NetworkChoice {
  const option = parseNetwork(request.network);
  switch (option.kind) {
    case 'none':
      return { kind: 'none', ipv6: false, decisions: [decide('none', '--network=none: loopback only')] };
    case 'host':
      return {
        kind: 'host',
        ipv6: true,
        gatewayForHost: '127.0.0.1',
        decisions: [decide('host', '--network=host: no network namespace')],
      };
    case 'slirp4netns':
      return slirpChoice(option, request, facts);
  }
}

function decide(choice: string, why: string): Decision {
  return { topic: 'network', choice, why };
}

function slirpChoice(option: NetworkOption, request: NetworkRequest, facts: NetworkFacts): NetworkChoice {
  const settings = option.slirp;
  const network = parseCidr(settings.cidr ?? DEFAULT_CIDR);
  const program = requireSlirp(facts);
  const { options, decisions } = slirpOptions(settings, request, program.features);
  const ipv6 = settings.enableIPv6 === true;
  return {
    kind: 'slirp4netns',
    slirp: { program: program.path, args: slirp4netnsArgs(options) },
    address: network.address,
    prefixLength: network.prefixLength,
    nameserver: network.nameserver,
    gatewayForHost: hostFrom(network, settings, facts),
    ipv6,
    decisions: [decide(`slirp4netns, ${network.address}/${network.prefixLength}`, why(option)), ...decisions],
  };
}

function why(option: NetworkOption): string {
  if (option.takenAsDefault !== undefined)
    return `"${option.takenAsDefault}" is the default here, and works without root and offline`;
  return 'works without root and offline';
}

/**
 * With the host's loopback closed (the default), the gateway answers nothing: then the host is reached by its own address, as
 * with podman. Offline it has none, and the gateway has to do.
 */
function hostFrom(network: Slirp4netnsNetwork, settings: SlirpSettings, facts: NetworkFacts): string {
  return settings.allowHostLoopback === true ? network.gateway : (facts.hostAddress ?? network.gateway);
}

type Program = NonNullable<NetworkFacts['slirp4netns']>;

function requireSlirp(facts: NetworkFacts): Program {
  if (facts.slirp4netns === undefined) {
    throw new RrunError('PROGRAM_MISSING', 'cannot set up the network: slirp4netns not found in PATH', {
      hint: 'install the package slirp4netns, or use --network=none or --network=host',
    });
  }
  if (facts.tunProblem !== undefined) throw tunUnusable(facts.tunProblem);
  return facts.slirp4netns;
}

function tunUnusable(errno: string): RrunError {
  const absent = errno === 'ENOENT' || errno === 'ENODEV' || errno === 'ENXIO';
  const hint = absent
    ? 'load the kernel module tun ("modprobe tun" as root; in an outer container, hand it in with --device /dev/net/tun)'
    : 'make /dev/net/tun readable and writable for everybody (mode 666, as udev does)';
  return new RrunError('DEVICE_MISSING', `cannot set up the network: open "/dev/net/tun": ${errno}`, {
    hint: `${hint}, or use --network=none or --network=host`,
  });
}

function slirpOptions(
  settings: SlirpSettings,
  request: NetworkRequest,
  features: Program['features'],
): { options: Slirp4netnsOptions; decisions: Decision[] } {
  requireFeatures(settings, features);
  const rootIsMapped = request.rootIsMapped !== false;
  const sandbox = features.has('enable-sandbox') && rootIsMapped;
  const decisions: Decision[] = [];
  if (!sandbox) {
    const reason = rootIsMapped ? 'this version of slirp4netns has none' : 'id 0 is not mapped in the container';
    decisions.push({ topic: 'network sandbox', choice: 'off', why: reason });
  }
  const options: Slirp4netnsOptions = {
    target: { pid: '{pid}' },
    readyFd: '{ready}',
    exitFd: '{exit}',
    mtu: settings.mtu ?? DEFAULT_MTU,
    disableHostLoopback: settings.allowHostLoopback !== true,
    enableSandbox: sandbox,
    enableSeccomp: features.has('enable-seccomp'),
    ...(settings.cidr === undefined ? {} : { cidr: settings.cidr }),
    ...(settings.enableIPv6 === true ? { enableIPv6: true } : {}),
    ...(settings.outboundAddress === undefined ? {} : { outboundAddress: settings.outboundAddress }),
    ...(settings.outboundAddress6 === undefined ? {} : { outboundAddress6: settings.outboundAddress6 }),
  };
  return { options, decisions };
}

function requireFeatures(settings: SlirpSettings, features: Program['features']): void {
  const needs = [
    ['cidr', settings.cidr !== undefined],
    ['enable-ipv6', settings.enableIPv6 === true],
    ['outbound-addr', settings.outboundAddress !== undefined || settings.outboundAddress6 !== undefined],
  ] as const;
  for (const [feature, needed] of needs) {
    if (needed && !features.has(feature)) {
      throw new RrunError('NETWORK_FAILED', `cannot set up the network: this slirp4netns has no option --${feature}`, {
        hint: 'install a newer slirp4netns (1.0 or later)',
      });
    }
  }
}

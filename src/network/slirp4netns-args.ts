// The options of slirp4netns(1), typed, and the argument list made from them. Pure.

import { isIPv4, isIPv6 } from 'node:net';
import { RrunError } from '../errors.js';

/** Features that versions in use differ in, by the option that has them. */
export type Slirp4netnsFeature =
  | 'enable-sandbox'
  | 'enable-seccomp'
  | 'enable-ipv6'
  | 'cidr'
  | 'netns-type'
  | 'userns-path'
  | 'outbound-addr'
  | 'disable-dns'
  | 'macaddress';

/**
 * The namespace that gets the interface: of a process, or one named by its path.
 * The sandbox needs a process: slirp4netns 1.2 enters the user namespace of a path before it makes the interface, but not
 * before it builds the sandbox, and ends with "setegid(0)".
 */
export type Slirp4netnsTarget = { pid: number | string } | { netnsPath: string; usernsPath?: string };

export interface Slirp4netnsOptions {
  target: Slirp4netnsTarget;
  /** Name of the interface inside; default tap0. */
  interfaceName?: string;
  /** Bring the interface up with the recommended address (--configure); default true. */
  configure?: boolean;
  /** 68 to 65521; slirp4netns itself takes 1500. */
  mtu?: number;
  /** IPv4 network with a prefix of 1 to 25 bits, "10.0.2.0/24". */
  cidr?: string;
  enableIPv6?: boolean;
  /** Keep the container from the loopback addresses of the host, which it would reach as the gateway; default true. */
  disableHostLoopback?: boolean;
  /** No forwarding of the network's third address to the host's name server. */
  disableDns?: boolean;
  /** An empty mount namespace around slirp4netns. Id 0 must be mapped in the target's user namespace. */
  enableSandbox?: boolean;
  enableSeccomp?: boolean;
  /** IPv4 address, or name of an interface, that connections go out from. */
  outboundAddress?: string;
  outboundAddress6?: string;
  apiSocket?: string;
  macAddress?: string;
  /** Descriptor (or a placeholder for it) that "1" is written to when the interface is ready. */
  readyFd?: number | string;
  /** Descriptor (or a placeholder) whose closing ends slirp4netns. */
  exitFd?: number | string;
}

export const SLIRP4NETNS_MAX_MTU = 65_521;
/** Smallest MTU that IPv4 allows (RFC 791); the kernel refuses less on a tap. */
const MIN_MTU = 68;

/** Makes the argument list; throws where slirp4netns would refuse it later with less of an explanation. */
export function slirp4netnsArgs(options: Slirp4netnsOptions): string[] {
  const args: string[] = [];
  if (options.configure !== false) args.push('--configure');
  if (options.mtu !== undefined) args.push(`--mtu=${validMtu(options.mtu)}`);
  if (options.disableHostLoopback !== false) args.push('--disable-host-loopback');
  if (options.cidr !== undefined) args.push(`--cidr=${parseCidr(options.cidr).text}`);
  if (options.enableIPv6 === true) args.push('--enable-ipv6');
  if (options.disableDns === true) args.push('--disable-dns');
  if (options.enableSandbox === true) args.push('--enable-sandbox');
  if (options.enableSeccomp === true) args.push('--enable-seccomp');
  if (options.outboundAddress !== undefined)
    args.push(`--outbound-addr=${validOutbound(options.outboundAddress, isIPv4, 'IPv4')}`);
  if (options.outboundAddress6 !== undefined)
    args.push(`--outbound-addr6=${validOutbound(options.outboundAddress6, isIPv6, 'IPv6')}`);
  if (options.apiSocket !== undefined) args.push(`--api-socket=${validSocketPath(options.apiSocket)}`);
  if (options.macAddress !== undefined) args.push(`--macaddress=${validMac(options.macAddress)}`);
  if (options.readyFd !== undefined) args.push(`--ready-fd=${options.readyFd}`);
  if (options.exitFd !== undefined) args.push(`--exit-fd=${options.exitFd}`);
  args.push(...targetArgs(options));
  args.push(validInterfaceName(options.interfaceName ?? 'tap0'));
  return args;
}

function targetArgs({ target, enableSandbox }: Slirp4netnsOptions): string[] {
  if ('pid' in target) return [String(target.pid)];
  if (enableSandbox === true) throw usage('the sandbox needs a process as target, not a path');
  const args = ['--netns-type=path'];
  if (target.usernsPath !== undefined) args.push(`--userns-path=${target.usernsPath}`);
  return [...args, target.netnsPath];
}

function usage(reason: string): RrunError {
  return new RrunError('USAGE', `cannot set up slirp4netns: ${reason}`);
}

function validMtu(mtu: number): number {
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > SLIRP4NETNS_MAX_MTU) {
    throw usage(`mtu ${mtu} is not between ${MIN_MTU} and ${SLIRP4NETNS_MAX_MTU}`);
  }
  return mtu;
}

/** An address, or an interface: IFNAMSIZ leaves 15 characters. */
function validOutbound(text: string, isAddress: (text: string) => boolean, family: string): string {
  if (isAddress(text) || /^[A-Za-z][\w.-]{0,14}$/.test(text)) return text;
  throw usage(`"${text}" is neither an ${family} address nor the name of an interface`);
}

function validSocketPath(path: string): string {
  // sun_path holds 108 bytes with the final NUL (unix(7)); slirp4netns cuts what is longer.
  if (Buffer.byteLength(path) > 107) throw usage(`the API socket path "${path}" is longer than 107 bytes`);
  return path;
}

function validMac(text: string): string {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw usage(`"${text}" is not a MAC address`);
  return text;
}

function validInterfaceName(name: string): string {
  if (!/^[\w.-]{1,15}$/.test(name) || name === '.' || name === '..')
    throw usage(`"${name}" is not a name for an interface`);
  return name;
}

export interface Slirp4netnsNetwork {
  /** Network address and prefix, normalised. */
  text: string;
  /** Where the host is (and, unless forbidden, its loopback): network + 2. */
  gateway: string;
  /** Name server that asks the host's: network + 3. */
  nameserver: string;
  /** What --configure gives the interface: network + 100. */
  address: string;
  prefixLength: number;
}

export const DEFAULT_CIDR = '10.0.2.0/24';

/** The addresses that slirp4netns makes of a CIDR. */
export function parseCidr(text: string): Slirp4netnsNetwork {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const prefixLength = Number(prefix);
  if (!isIPv4(address) || !/^\d{1,2}$/.test(prefix) || rest.length > 0)
    throw usage(`"${text}" is not an IPv4 network such as ${DEFAULT_CIDR}`);
  if (prefixLength < 1 || prefixLength > 25) throw usage(`the prefix of "${text}" is not between 1 and 25`);
  const bits = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const network = bits - (bits % 2 ** (32 - prefixLength));
  const at = (offset: number): string =>
    [24, 16, 8, 0].map((shift) => Math.floor((network + offset) / 2 ** shift) % 256).join('.');
  return { text: `${at(0)}/${prefixLength}`, gateway: at(2), nameserver: at(3), address: at(100), prefixLength };
}

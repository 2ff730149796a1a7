// The text of the container's /etc/resolv.conf (resolv.conf(5)).

import { isIP, isIPv6 } from 'node:net';
import { RrunError } from '../errors.js';
import type { NetworkChoice } from './choose-network.js';

export interface DnsOptions {
  /** --dns, --dns-search, --dns-option as typed. */
  dns: readonly string[];
  dnsSearch: readonly string[];
  dnsOption: readonly string[];
}

export interface ResolvConf {
  nameservers: string[];
  search: string[];
  options: string[];
}

export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) conf.nameservers.push(words[0]);
    // "search" and "domain" replace each other, the last one wins; options add up.
    else if (keyword === 'search' || keyword === 'domain') conf.search = words;
    else if (keyword === 'options') conf.options.push(...words);
  }
  return conf;
}

/** Checks --dns, --dns-search and --dns-option. */
export function validateDnsOptions({ dns, dnsSearch, dnsOption }: DnsOptions): void {
  for (const address of dns) {
    if (address === 'none' && dns.length === 1) continue;
    if (isIP(address) === 0) throw new RrunError('USAGE', `cannot use --dns=${address}: it is not an IP address`);
  }
  for (const domain of dnsSearch) {
    if (domain !== '.' && !/^[\w-]+(\.[\w-]+)*\.?$/.test(domain)) {
      throw new RrunError('USAGE', `cannot use --dns-search=${domain}: it is not a domain`, {
        hint: 'use --dns-search=. for no search domain',
      });
    }
  }
  for (const option of dnsOption) {
    if (!/^[\w-]+(:\d+)?$/.test(option))
      throw new RrunError('USAGE', `cannot use --dns-option=${option}: it is not an option of resolv.conf(5)`);
  }
}

/** The file's text; undefined with `--dns none`: the image's own file stays. */
export function makeResolvConf(network: NetworkChoice, hostText: string, options: DnsOptions): string | undefined {
  validateDnsOptions(options);
  const { dns, dnsSearch, dnsOption } = options;
  if (dns[0] === 'none') return undefined;
  const untouched = dns.length === 0 && dnsSearch.length === 0 && dnsOption.length === 0;
  if (network.kind !== 'slirp4netns' && untouched && hostText !== '') return hostText;
  const host = parseResolvConf(hostText);
  return formatResolvConf({
    nameservers: dns.length > 0 ? [...dns] : inheritedServers(host.nameservers, network),
    // "." alone says: no search domain, not even the host's.
    search: dnsSearch.length > 0 ? dnsSearch.filter((domain) => domain !== '.') : host.search,
    options: dnsOption.length > 0 ? [...dnsOption] : host.options,
  });
}

/**
 * A name server on the host's loopback (systemd-resolved, dnsmasq) cannot be reached from another network namespace:
 * slirp4netns stands in for it. The same where the host has none now: it may have one when it is online again.
 */
function inheritedServers(servers: readonly string[], network: NetworkChoice): string[] {
  const standIn = network.nameserver;
  if (network.kind === 'host' || standIn === undefined) return [...servers];
  const reachable = servers.flatMap((server) => {
    if (isLoopback(server)) return [standIn];
    if (isIPv6(server.replace(/%.*$/, ''))) return network.ipv6 && !server.includes('%') ? [server] : [];
    return [server];
  });
  return reachable.length === 0 ? [standIn] : [...new Set(reachable)];
}

function isLoopback(server: string): boolean {
  return /^127\./.test(server) || server === '::1' || server === '0.0.0.0' || server === '::';
}

function formatResolvConf({ nameservers, search, options }: ResolvConf): string {
  const lines = search.length > 0 ? [`search ${search.join(' ')}`] : [];
  lines.push(...nameservers.map((server) => `nameserver ${server}`));
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

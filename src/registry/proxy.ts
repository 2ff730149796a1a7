// Which proxy a URL is reached through, by the rules of Go's httpproxy package, so that what works for Docker works here.

import { BlockList, isIP } from 'node:net';

type Env = Readonly<Record<string, string | undefined>>;

/** The proxy for `url`; undefined: directly. This machine itself is never reached through a proxy. */
export function proxyFor(url: URL, env: Env = process.env): URL | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const configured = env[name] ?? env[name.toUpperCase()] ?? env['all_proxy'] ?? env['ALL_PROXY'] ?? '';
  if (configured === '' || isLoopback(url.hostname)) return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (matchesNoProxy(bareHost(url.hostname), port, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
  const text = /^[a-z0-9+.-]+:\/\//i.test(configured) ? configured : `http://${configured}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** 127.0.0.0/8, ::1 and localhost; `host` may be in brackets and carry a port. */
export function isLoopback(host: string): boolean {
  const bare = bareHost(host.replace(/(?<=[^:]|\]):\d+$/, '')).toLowerCase();
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function matchesNoProxy(host: string, port: string, noProxy: string): boolean {
  return noProxy.split(/[,\s]+/).some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    if (entry.includes('/')) return isInNetwork(host, entry);
    const [, name = entry, wantedPort] = /^(.*[^:\]]|\[.*\]):(\d+)$/.exec(entry) ?? [];
    if (wantedPort !== undefined && wantedPort !== port) return false;
    const wanted = bareHost(name)
      .toLowerCase()
      .replace(/^\*(?=\.)/, '');
    const asked = host.toLowerCase();
    if (isIP(wanted) !== 0) return wanted === asked;
    return wanted.startsWith('.') ? asked.endsWith(wanted) : asked === wanted || asked.endsWith(`.${wanted}`);
  });
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(host);
  if (family === 0 || family !== isIP(address) || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, Number(bits), type);
  return list.check(host, type);
}

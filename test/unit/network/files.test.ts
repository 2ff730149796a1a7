import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NetworkChoice } from '../../../src/network/choose-network.js';
import { makeHosts, parseAddHost, validateHostname } from '../../../src/network/hosts-file.js';
import { makeResolvConf, parseResolvConf, type DnsOptions } from '../../../src/network/resolv-conf.js';

const slirp: NetworkChoice = {
  kind: 'slirp4netns',
  address: '10.0.2.100',
  prefixLength: 24,
  nameserver: '10.0.2.3',
  gatewayForHost: '192.0.2.9',
  ipv6: false,
  decisions: [],
};
const none: NetworkChoice = { kind: 'none', ipv6: false, decisions: [] };
const host: NetworkChoice = { kind: 'host', ipv6: true, gatewayForHost: '127.0.0.1', decisions: [] };
const plain: DnsOptions = { dns: [], dnsSearch: [], dnsOption: [] };

test('parseResolvConf() reads servers, the last search or domain, and all options', () => {
  const text =
    '# c\ndomain a.test\nsearch b.test c.test ; d\nnameserver 192.0.2.1 # x\nnameserver fe80::1%eth0\noptions edns0\noptions ndots:2\n';
  assert.deepEqual(parseResolvConf(text), {
    nameservers: ['192.0.2.1', 'fe80::1%eth0'],
    search: ['b.test', 'c.test'],
    options: ['edns0', 'ndots:2'],
  });
});

const RESOLV: [string, NetworkChoice, string, Partial<DnsOptions>, string | undefined][] = [
  [
    'keeps servers that can be reached',
    slirp,
    'nameserver 192.0.2.1\nsearch x.test\noptions edns0',
    {},
    'search x.test\nnameserver 192.0.2.1\noptions edns0\n',
  ],
  [
    'puts slirp4netns in the place of a stub',
    slirp,
    'nameserver 127.0.0.53\noptions trust-ad\n',
    {},
    'nameserver 10.0.2.3\noptions trust-ad\n',
  ],
  [
    'names the stand-in once',
    slirp,
    'nameserver 127.0.0.1\nnameserver ::1\nnameserver 192.0.2.1\n',
    {},
    'nameserver 10.0.2.3\nnameserver 192.0.2.1\n',
  ],
  ['has a server where the host has none', slirp, '', {}, 'nameserver 10.0.2.3\n'],
  ['drops IPv6 servers without IPv6', slirp, 'nameserver 2001:db8::1\n', {}, 'nameserver 10.0.2.3\n'],
  [
    'keeps IPv6 servers with IPv6, but not of one link',
    { ...slirp, ipv6: true },
    'nameserver 2001:db8::1\nnameserver fe80::1%eth0',
    {},
    'nameserver 2001:db8::1\n',
  ],
  [
    'takes --dns and keeps the search list',
    slirp,
    'search x.test\nnameserver 192.0.2.1',
    { dns: ['203.0.113.1', '2001:db8::53'] },
    'search x.test\nnameserver 203.0.113.1\nnameserver 2001:db8::53\n',
  ],
  [
    'replaces search and options',
    slirp,
    'search x.test\nnameserver 192.0.2.1\noptions a',
    { dnsSearch: ['y.test', 'z.test'], dnsOption: ['ndots:3'] },
    'search y.test z.test\nnameserver 192.0.2.1\noptions ndots:3\n',
  ],
  [
    'clears the search list with a dot',
    slirp,
    'search x.test\nnameserver 192.0.2.1',
    { dnsSearch: ['.'] },
    'nameserver 192.0.2.1\n',
  ],
  ['leaves the file of the image with --dns none', slirp, 'nameserver 192.0.2.1', { dns: ['none'] }, undefined],
  [
    "copies the host's with --network=host",
    host,
    '# mine\nnameserver 127.0.0.53\n',
    {},
    '# mine\nnameserver 127.0.0.53\n',
  ],
  ["copies the host's with --network=none", none, 'nameserver 127.0.0.53\n', {}, 'nameserver 127.0.0.53\n'],
  [
    'obeys --dns with --network=host',
    host,
    'search x.test\nnameserver 127.0.0.53\n',
    { dns: ['192.0.2.7'] },
    'search x.test\nnameserver 192.0.2.7\n',
  ],
];

for (const [criterion, network, text, options, want] of RESOLV) {
  test(`makeResolvConf() ${criterion}`, () => {
    assert.equal(makeResolvConf(network, text, { ...plain, ...options }), want);
  });
}

const BAD_DNS: Partial<DnsOptions>[] = [
  { dns: ['x'] },
  { dns: ['1.2.3'] },
  { dns: ['1.2.3.4\nnameserver 6.6.6.6'] },
  { dns: ['none', '1.2.3.4'] },
  { dnsSearch: ['a b'] },
  { dnsSearch: [''] },
  { dnsSearch: ['a\nb'] },
  { dnsOption: ['a b'] },
  { dnsOption: ['ndots:'] },
];

for (const options of BAD_DNS) {
  test(`makeResolvConf() rejects ${JSON.stringify(options)}`, () => {
    assert.throws(() => makeResolvConf(slirp, '', { ...plain, ...options }), { code: 'USAGE' });
  });
}

const LOCAL =
  '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n';
const HOST_NAMES = '192.0.2.9\thost.containers.internal host.docker.internal\n';

test('makeHosts() names the container by host name, short name and container name', () => {
  assert.equal(
    makeHosts(slirp, '', { hostname: 'web.x.test', containerName: 'nginx', addHost: [] }),
    `${LOCAL}10.0.2.100\tweb.x.test web nginx\n${HOST_NAMES}`,
  );
  assert.match(
    makeHosts(slirp, '', { hostname: 'web', domainname: 'x.test', addHost: [] }),
    /10\.0\.2\.100\tweb\.x\.test web\n/,
  );
});

test('makeHosts() lets the host name resolve without a network, too', () => {
  assert.equal(makeHosts(none, 'ignored', { hostname: 'web', addHost: [] }), `${LOCAL}127.0.0.1\tweb\n`);
});

test("makeHosts() starts from the host's file with --network=host", () => {
  const text = makeHosts(host, '127.0.0.1 localhost\n192.0.2.50 nas', { hostname: 'vm', addHost: ['db:192.0.2.5'] });
  assert.equal(
    text,
    '127.0.0.1 localhost\n192.0.2.50 nas\n192.0.2.5\tdb\n127.0.0.1\thost.containers.internal host.docker.internal\n',
  );
});

test('makeHosts() gives --add-host precedence over names of its own', () => {
  const text = makeHosts(slirp, '', { hostname: 'web', addHost: ['host.docker.internal:192.0.2.77'] });
  assert.match(text, /192\.0\.2\.77\thost\.docker\.internal\n/);
  assert.match(text, /192\.0\.2\.9\thost\.containers\.internal\n$/);
});

test('parseAddHost() reads every form', () => {
  const rows: [string, string, string[]][] = [
    ['db:192.0.2.5', '192.0.2.5', ['db']],
    ['db=192.0.2.5', '192.0.2.5', ['db']],
    ['a;b.c:192.0.2.5', '192.0.2.5', ['a', 'b.c']],
    ['v6:2001:db8::1', '2001:db8::1', ['v6']],
    ['v6:[2001:db8::1]', '2001:db8::1', ['v6']],
    ['h:host-gateway', '192.0.2.9', ['h']],
    ['my_db:192.0.2.5', '192.0.2.5', ['my_db']],
  ];
  for (const [text, address, names] of rows) assert.deepEqual(parseAddHost(text, slirp), [{ address, names }]);
});

for (const text of [
  'db',
  ':192.0.2.5',
  'db:',
  'db:x',
  'a b:192.0.2.5',
  'db:1.2.3',
  'db\n6.6.6.6 x:192.0.2.5',
  'a;:192.0.2.5',
  '-a:192.0.2.5',
  'db:[192.0.2.5',
  'db:192.0.2.5\n6.6.6.6 x',
]) {
  test(`parseAddHost() rejects ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseAddHost(text, slirp), { code: 'USAGE' });
  });
}

test('parseAddHost() rejects host-gateway where there is no way to the host', () => {
  assert.throws(() => parseAddHost('h:host-gateway', none), { code: 'USAGE', message: /--network=none/ });
});

test('validateHostname() takes what sethostname(2) and resolvers take', () => {
  for (const good of ['a', 'web-1.example', 'x'.repeat(63), 'my_host', 'Web.']) validateHostname(good);
  for (const bad of ['', '-a', 'a-', 'a b', 'a\n', 'x'.repeat(65), 'a..b', 'ü']) {
    assert.throws(
      () => {
        validateHostname(bad);
      },
      { code: 'USAGE' },
      bad,
    );
  }
});

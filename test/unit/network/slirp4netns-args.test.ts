import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseCidr, slirp4netnsArgs, type Slirp4netnsOptions } from '../../../src/network/slirp4netns-args.js';
import { parseSlirp4netnsFeatures, parseSlirp4netnsVersion } from '../../../src/network/slirp4netns-program.js';

const target = { pid: 42 };

const ARGS: [string, Slirp4netnsOptions, string][] = [
  ['has safe defaults', { target }, '--configure --disable-host-loopback 42 tap0'],
  [
    'writes every option',
    {
      target: { pid: '{pid}' },
      interfaceName: 'eth0',
      mtu: 65520,
      cidr: '10.9.8.7/24',
      enableIPv6: true,
      disableHostLoopback: false,
      disableDns: true,
      enableSandbox: true,
      enableSeccomp: true,
      outboundAddress: '192.0.2.1',
      outboundAddress6: 'eth1',
      apiSocket: '/run/a b',
      macAddress: '02:00:00:00:00:01',
      readyFd: '{ready}',
      exitFd: 4,
    },
    '--configure --mtu=65520 --cidr=10.9.8.0/24 --enable-ipv6 --disable-dns --enable-sandbox --enable-seccomp --outbound-addr=192.0.2.1 --outbound-addr6=eth1 --api-socket=/run/a b --macaddress=02:00:00:00:00:01 --ready-fd={ready} --exit-fd=4 {pid} eth0',
  ],
  [
    'takes a path',
    { target: { netnsPath: '/run/netns/x', usernsPath: '/proc/1/ns/user' }, configure: false },
    '--disable-host-loopback --netns-type=path --userns-path=/proc/1/ns/user /run/netns/x tap0',
  ],
];

for (const [criterion, options, want] of ARGS) {
  test(`slirp4netnsArgs() ${criterion}`, () => {
    assert.equal(slirp4netnsArgs(options).join(' '), want);
  });
}

const BAD: [string, Partial<Slirp4netnsOptions>][] = [
  ['mtu below 68', { mtu: 67 }],
  ['mtu above 65521', { mtu: 65522 }],
  ['a broken mtu', { mtu: 1500.5 }],
  ['a cidr without prefix', { cidr: '10.0.2.0' }],
  ['a cidr that is too small', { cidr: '10.0.2.0/26' }],
  ['an IPv6 cidr', { cidr: 'fd00::/64' }],
  ['a cidr with more behind it', { cidr: '10.0.2.0/24/1' }],
  ['an outbound address that is none', { outboundAddress: '1.2.3.4; rm' }],
  ['IPv4 where IPv6 belongs', { outboundAddress6: '1.2.3.4' }],
  ['a socket path of 108 bytes', { apiSocket: `/${'x'.repeat(107)}` }],
  ['an interface name of 16 characters', { interfaceName: 'abcdefghijklmnop' }],
  ['an interface name with a slash', { interfaceName: 'a/b' }],
  ['a MAC address that is none', { macAddress: '02:00' }],
  ['the sandbox with a path', { target: { netnsPath: '/x' }, enableSandbox: true }],
];

for (const [what, options] of BAD) {
  test(`slirp4netnsArgs() rejects ${what}`, () => {
    assert.throws(() => slirp4netnsArgs({ target, ...options }), { code: 'USAGE' });
  });
}

test('parseCidr() gives the addresses that slirp4netns makes of a network', () => {
  assert.deepEqual(parseCidr('10.0.2.0/24'), {
    text: '10.0.2.0/24',
    gateway: '10.0.2.2',
    nameserver: '10.0.2.3',
    address: '10.0.2.100',
    prefixLength: 24,
  });
  assert.equal(parseCidr('192.168.77.200/25').address, '192.168.77.228');
  assert.equal(parseCidr('255.255.254.1/23').text, '255.255.254.0/23');
  assert.equal(parseCidr('172.16.0.0/12').gateway, '172.16.0.2');
});

test('parseSlirp4netnsVersion() reads old and new forms', () => {
  assert.deepEqual(parseSlirp4netnsVersion('slirp4netns version 1.2.0\ncommit: 656\nlibslirp: 4.7.0\n'), {
    version: '1.2.0',
    libslirp: '4.7.0',
  });
  assert.deepEqual(parseSlirp4netnsVersion('slirp4netns version 0.4.3+dev\ncommit: x\n'), { version: '0.4.3+dev' });
  assert.equal(parseSlirp4netnsVersion('command not found'), undefined);
});

test('parseSlirp4netnsFeatures() finds whole options only', () => {
  const help = '--enable-sandbox  x\n--cidr=CIDR y\n--outbound-addr6=IPv6\n--disable-dnsmasq\n';
  assert.deepEqual([...parseSlirp4netnsFeatures(help)], ['enable-sandbox', 'cidr']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decideNetwork, type NetworkRequest } from '../../../src/network/choose-network.js';
import type { NetworkFacts } from '../../../src/network/facts.js';
import type { Slirp4netnsFeature } from '../../../src/network/slirp4netns-args.js';
import type { HostPath } from '../../../src/util/brand.js';
import { RrunError, type ErrorCode } from '../../../src/errors.js';

const program = '/usr/bin/slirp4netns' as HostPath;
const all: Slirp4netnsFeature[] = ['enable-sandbox', 'enable-seccomp', 'enable-ipv6', 'cidr', 'outbound-addr'];

function facts(overrides: Partial<NetworkFacts> = {}): NetworkFacts {
  return {
    slirp4netns: { path: program, features: new Set(all) },
    resolvConf: '',
    hosts: '',
    hostAddress: '192.0.2.9',
    ...overrides,
  };
}

function argsOf(request: NetworkRequest, given = facts()): string {
  return decideNetwork(request, given).slirp?.args.join(' ') ?? '';
}

test('decideNetwork() uses slirp4netns unless told otherwise, with placeholders for what is not known yet', () => {
  const choice = decideNetwork({}, facts());
  assert.equal(choice.kind, 'slirp4netns');
  assert.equal(choice.address, '10.0.2.100');
  assert.equal(
    choice.slirp?.args.join(' '),
    '--configure --mtu=65520 --disable-host-loopback --enable-sandbox --enable-seccomp --ready-fd={ready} --exit-fd={exit} {pid} tap0',
  );
});

test('decideNetwork() takes the words of Docker and podman for the default', () => {
  for (const network of ['', 'default', 'bridge', 'private'])
    assert.equal(decideNetwork({ network }, facts()).kind, 'slirp4netns');
});

test('decideNetwork() passes options on and moves the addresses with the network', () => {
  const network =
    'slirp4netns:mtu=1500,cidr=10.9.0.0/16,enable_ipv6=true,allow_host_loopback=true,outbound_addr=eth0,port_handler=slirp4netns';
  const choice = decideNetwork({ network }, facts());
  assert.match(
    choice.slirp?.args.join(' ') ?? '',
    /^--configure --mtu=1500 --cidr=10\.9\.0\.0\/16 --enable-ipv6 --enable-sandbox --enable-seccomp --outbound-addr=eth0 /,
  );
  assert.deepEqual([choice.address, choice.nameserver, choice.ipv6], ['10.9.0.100', '10.9.0.3', true]);
});

test('decideNetwork() names the host by its own address unless its loopback is open or it is offline', () => {
  const gateway = (network: string, given: NetworkFacts) => decideNetwork({ network }, given).gatewayForHost;
  assert.equal(gateway('slirp4netns', facts()), '192.0.2.9');
  assert.equal(gateway('slirp4netns:allow_host_loopback=true', facts()), '10.0.2.2');
  const { hostAddress: _, ...offline } = facts();
  assert.equal(gateway('slirp4netns', offline), '10.0.2.2');
  assert.equal(gateway('none', facts()), undefined);
  assert.equal(gateway('host', facts()), '127.0.0.1');
});

test('decideNetwork() leaves the sandbox out where it cannot work, and says so', () => {
  assert.doesNotMatch(argsOf({ rootIsMapped: false }), /sandbox/);
  const old = facts({ slirp4netns: { path: program, features: new Set<Slirp4netnsFeature>(['cidr']) } });
  assert.doesNotMatch(argsOf({}, old), /sandbox|seccomp/);
  assert.deepEqual(
    decideNetwork({ rootIsMapped: false }, facts()).decisions.map(({ topic }) => topic),
    ['network', 'network sandbox'],
  );
});

test('decideNetwork() needs neither program nor device for none and host', () => {
  const bare: NetworkFacts = { tunProblem: 'ENOENT', resolvConf: '', hosts: '' };
  for (const network of ['none', 'host']) {
    const choice = decideNetwork({ network }, bare);
    assert.deepEqual([choice.kind, choice.slirp, choice.address], [network, undefined, undefined]);
  }
});

const REFUSALS: [string, string | undefined, NetworkFacts, ErrorCode, RegExp][] = [
  ['a missing program', undefined, { resolvConf: '', hosts: '' }, 'PROGRAM_MISSING', /slirp4netns not found in PATH/],
  ['a missing device', undefined, facts({ tunProblem: 'ENOENT' }), 'DEVICE_MISSING', /open "\/dev\/net\/tun": ENOENT/],
  ['a device without driver', undefined, facts({ tunProblem: 'ENODEV' }), 'DEVICE_MISSING', /ENODEV/],
  ['a device of others', undefined, facts({ tunProblem: 'EACCES' }), 'DEVICE_MISSING', /EACCES/],
  [
    'an option that this version lacks',
    'slirp4netns:cidr=10.0.0.0/24',
    facts({ slirp4netns: { path: program, features: new Set() } }),
    'NETWORK_FAILED',
    /--cidr/,
  ],
  ['pasta', 'pasta', facts(), 'USAGE', /not supported yet/],
  ['another container', 'container:abc', facts(), 'USAGE', /not supported yet/],
  ['a name', 'backend', facts(), 'USAGE', /user-defined networks are not supported yet/],
  ['options of none', 'none:x', facts(), 'USAGE', /takes no options/],
  ['an unknown option', 'slirp4netns:foo=1', facts(), 'USAGE', /"foo=1"/],
  ['an mtu that is no number', 'slirp4netns:mtu=big', facts(), 'USAGE', /"mtu=big"/],
  ['a switch that is neither', 'slirp4netns:enable_ipv6=yes', facts(), 'USAGE', /true or false/],
  ['a broken cidr', 'slirp4netns:cidr=10.0.0', facts(), 'USAGE', /not an IPv4 network/],
];

for (const [what, network, given, code, message] of REFUSALS) {
  test(`decideNetwork() refuses ${what}`, () => {
    assert.throws(
      () => decideNetwork({ network }, given),
      (error) => {
        assert.ok(error instanceof RrunError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        if (code !== 'USAGE') assert.ok(error.hint);
        return true;
      },
    );
  });
}

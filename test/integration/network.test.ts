// Networks of containers as the container sees them, and the files that name things in it; all of it offline.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';

import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, type Home, type RunResult } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const NEEDS = ['userns', 'slirp4netns', 'tun', 'docker-registry'] as const;

async function shell(home: Home, script: string, options: readonly string[] = []): Promise<string> {
  return await home.ok(['run', '--rm', ...options, 'alpine', 'sh', '-c', script]);
}

/** A server on the host that says hello to everyone; its port. */
async function greet(context: TestContext, address: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('hello from the host\n');
  }).listen(0, address);
  context.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

kernelTest('the default network has its address, its gateway and names for both ends', NEEDS, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const lines = (await shell(home, 'ip -o -4 addr; ip route; cat /etc/hosts; cat /etc/resolv.conf')).split('\n');
  const text = lines.join('\n');
  assert.match(text, /tap0 +inet 10\.0\.2\.100\/24/);
  assert.match(text, /default via 10\.0\.2\.2/);
  assert.match(text, /^10\.0\.2\.100\t[0-9a-f]{12}$/m);
  assert.match(text, /\thost\.containers\.internal host\.docker\.internal$/m);
  assert.match(text, /^nameserver /m);
  assert.doesNotMatch(text, /^nameserver 127\./m);
});

kernelTest('options of slirp4netns move the network', NEEDS, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const network = ['--network', 'slirp4netns:cidr=10.77.0.0/24,mtu=1400'];
  const text = await shell(home, 'ip -o -4 addr; ip route; cat /sys/class/net/tap0/mtu; cat /etc/hosts', network);
  assert.match(text, /inet 10\.77\.0\.100\/24/);
  assert.match(text, /default via 10\.77\.0\.2/);
  assert.match(text, /^1400$/m);
  assert.match(text, /^10\.77\.0\.100\t/m);
});

kernelTest('the loopback of the host is closed, and open where that was asked for', NEEDS, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const port = await greet(t, '127.0.0.1');
  const script = `nc 10.0.2.2 ${String(port)} </dev/null || echo closed`;
  assert.equal(await shell(home, script), 'closed');
  const open = ['--network', 'slirp4netns:allow_host_loopback=true', '--add-host', 'gate:host-gateway'];
  assert.equal(await shell(home, script.replace('10.0.2.2', 'gate'), open), 'hello from the host');
});

kernelTest('host.containers.internal is the host, by its own address', NEEDS, async (t) => {
  const own = Object.values(networkInterfaces()).flat();
  if (!own.some((one) => one?.family === 'IPv4' && !one.internal)) {
    t.skip('the host has no address but loopback');
    return;
  }
  const home = await openServedHome(t, ['alpine']);
  const port = await greet(t, '0.0.0.0');
  assert.equal(await shell(home, `nc host.containers.internal ${String(port)} </dev/null`), 'hello from the host');
});

kernelTest('none has loopback only, host has what the host has', NEEDS, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const none = await shell(home, 'cat /proc/net/dev; hostname; cat /etc/hosts', ['--network', 'none', '-h', 'alone']);
  assert.doesNotMatch(none, /tap0|eth0/);
  assert.match(none, /^127\.0\.0\.1\talone$/m);
  assert.equal(await shell(home, 'hostname', ['--network', 'host']), hostname());
  const port = await greet(t, '127.0.0.1');
  const script = `nc 127.0.0.1 ${String(port)} </dev/null`;
  assert.equal(await shell(home, script, ['--network', 'host']), 'hello from the host');
});

kernelTest('names that were asked for stand in the files', NEEDS, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const options = ['-h', 'web.example.test', '--add-host', 'db:192.0.2.5', '--add-host', 'v6:[2001:db8::1]'];
  const dns = ['--dns', '192.0.2.53', '--dns-search', 'example.test', '--dns-option', 'ndots:2'];
  const text = await shell(home, 'cat /etc/hostname /etc/hosts /etc/resolv.conf', [...options, ...dns]);
  assert.match(text, /^web\.example\.test$/m);
  assert.match(text, /^10\.0\.2\.100\tweb\.example\.test web$/m);
  assert.match(text, /^192\.0\.2\.5\tdb$/m);
  assert.match(text, /^2001:db8::1\tv6$/m);
  assert.match(text, /search example\.test\nnameserver 192\.0\.2\.53\noptions ndots:2$/);
});

/** Runs rrun inside other namespaces of unshare(1), as in a container of others. */
async function runInside(home: Home, unshare: readonly string[], args: readonly string[]): Promise<RunResult> {
  const child = spawn('unshare', [...unshare, '--', rrunProgram, ...args], { env: home.env, cwd: home.dir });
  const result = await finish(child);
  assert.ok(result, 'not finished in time');
  return result;
}

const SHOW = ['run', '--rm', 'alpine', 'sh', '-c', 'ip -o -4 addr; cat /proc/self/uid_map'];

kernelTest(
  'a container starts with its network on a host that has no network at all',
  [...NEEDS, 'unprivileged'],
  async (t) => {
    const home = await openServedHome(t, ['alpine']);
    const args = ['--root', `${home.dir}/nested`, ...SHOW];
    await home.ok(['--root', `${home.dir}/nested`, 'run', '--rm', '--userns', 'single', 'alpine', 'true']);
    const result = await runInside(home, ['--map-root-user', '--net'], args);
    assert.equal(result.status, 0, describe(args, result));
    assert.match(result.stdout, /inet 10\.0\.2\.100/);
    assert.match(result.stderr, /the user namespace that rrun runs in has one id only/);
  },
);

kernelTest(
  'in a user namespace with ranges, its root hands them on',
  [...NEEDS, 'subid', 'unprivileged'],
  async (t) => {
    const home = await openServedHome(t, ['alpine']);
    const result = await runInside(home, ['--map-auto', '--map-root-user'], SHOW);
    assert.equal(result.status, 0, describe(SHOW, result));
    assert.match(result.stdout, /inet 10\.0\.2\.100/);
    assert.match(result.stdout, / 0 +0 +1\n +1 +1 +65535$/m);
  },
);

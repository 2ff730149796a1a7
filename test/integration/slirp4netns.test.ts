// The public wrapper against the real slirp4netns, in namespaces made by unshare(1).

import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

import { Slirp4netns, slirp4netnsArgs } from '../../src/network/slirp4netns.js';
import { kernelTest } from '../support/requires.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-slirp-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

const NEEDS = ['userns', 'tun', 'slirp4netns', 'unprivileged'] as const;

/** A process with user and network namespaces of its own, root mapped to us. Its output says when it is there. */
async function withNamespaces(
  body: (pid: number) => Promise<void>,
  command = 'echo ready; exec sleep 60',
): Promise<void> {
  const child = spawn('unshare', ['-Urn', 'sh', '-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await body(child.pid ?? 0);
  } finally {
    await end(child);
  }
}

async function end(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await closed;
}

function inside(pid: number, ...command: string[]): string {
  return execFileSync('nsenter', ['-t', String(pid), '-U', '-n', '--preserve-credentials', ...command], {
    encoding: 'utf8',
  });
}

kernelTest(
  'Slirp4netns.start() returns when the interface has its address, and stop() takes it away',
  NEEDS,
  async () => {
    await withNamespaces(async (pid) => {
      const slirp = await Slirp4netns.start({ target: { pid }, mtu: 65520, enableSandbox: true, enableSeccomp: true });
      assert.match(readFileSync(`/proc/${pid}/net/dev`, 'utf8'), /tap0:/);
      assert.match(readFileSync(`/proc/${pid}/net/fib_trie`, 'utf8'), /10\.0\.2\.100/);
      await slirp.stop();
      assert.doesNotMatch(readFileSync(`/proc/${pid}/net/dev`, 'utf8'), /tap0:/);
      const again = await Slirp4netns.start({ target: { pid }, cidr: '10.77.0.0/24', interfaceName: 'eth0' });
      assert.match(readFileSync(`/proc/${pid}/net/fib_trie`, 'utf8'), /10\.77\.0\.100/);
      await again.stop();
    });
  },
);

kernelTest('Slirp4netns.start() takes namespaces by path', NEEDS, async () => {
  await withNamespaces(async (pid) => {
    const target = { netnsPath: `/proc/${pid}/ns/net`, usernsPath: `/proc/${pid}/ns/user` };
    const slirp = await Slirp4netns.start({ target });
    assert.match(readFileSync(`/proc/${pid}/net/dev`, 'utf8'), /tap0:/);
    await slirp.stop();
  });
});

kernelTest('Slirp4netnsApi forwards a port of the host, lists it and takes it back', NEEDS, async () => {
  const server =
    "require('node:net').createServer((s) => s.end('from inside')).listen(9000, '10.0.2.100', () => console.log('up'))";
  await withNamespaces(async (pid) => {
    const apiSocket = path.join(dir, 'api');
    const slirp = await Slirp4netns.start({ target: { pid }, apiSocket });
    assert.ok(slirp.api);
    const listener = spawn(
      'nsenter',
      ['-t', String(pid), '-U', '-n', '--preserve-credentials', process.execPath, '-e', server],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await new Promise((resolve) => listener.stdout.once('data', resolve));
    const hostPort = await freePort();
    const forward = {
      proto: 'tcp',
      hostAddress: '127.0.0.1',
      hostPort,
      guestAddress: '10.0.2.100',
      guestPort: 9000,
    } as const;
    const id = await slirp.api.addHostForward(forward);
    assert.equal(await readFrom(hostPort), 'from inside');
    assert.deepEqual(await slirp.api.listHostForwards(), [{ id, ...forward }]);
    await assert.rejects(slirp.api.addHostForward(forward), {
      code: 'NETWORK_FAILED',
      message: /slirp_add_hostfwd failed/,
    });
    await slirp.api.removeHostForward(id);
    assert.deepEqual(await slirp.api.listHostForwards(), []);
    await end(listener);
    await slirp.stop();
  });
});

kernelTest('the loopback of the host is closed unless it is asked for', NEEDS, async () => {
  const server = createHttpServer((_, response) => response.end('host')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const client = `const s = require('node:net').connect(${port}, '10.0.2.2'); s.setTimeout(1500, () => s.destroy()); s.on('connect', () => { console.log('reached'); s.destroy(); }); s.on('error', () => {})`;
  for (const [disableHostLoopback, want] of [
    [true, ''],
    [false, 'reached\n'],
  ] as const) {
    await withNamespaces(async (pid) => {
      const slirp = await Slirp4netns.start({ target: { pid }, disableHostLoopback });
      // Not execFileSync: the server that is to be reached runs in this process.
      const child = spawn(
        'nsenter',
        ['-t', String(pid), '-U', '-n', '--preserve-credentials', process.execPath, '-e', client],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let seen = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (seen += chunk));
      await new Promise((resolve) => child.once('close', resolve));
      assert.equal(seen, want);
      await slirp.stop();
    });
  }
  server.close();
});

kernelTest('Slirp4netns.start() fails with the words of slirp4netns', NEEDS, async () => {
  await assert.rejects(Slirp4netns.start({ target: { pid: 2 ** 22 } }), {
    code: 'NETWORK_FAILED',
    message: /No such file|no such/i,
  });
  await withNamespaces(async (pid) => {
    const first = await Slirp4netns.start({ target: { pid } });
    await assert.rejects(Slirp4netns.start({ target: { pid } }), { code: 'NETWORK_FAILED', message: /TUNSETIFF/ });
    await first.stop();
  });
  await assert.rejects(Slirp4netns.start({ target: { pid: 1 }, program: path.join(dir, 'absent') }), {
    code: 'NETWORK_FAILED',
    message: /ENOENT/,
  });
});

kernelTest('slirp4netns ends with the process that started it', NEEDS, async () => {
  await withNamespaces(async (pid) => {
    const args = slirp4netnsArgs({ target: { pid }, readyFd: 3, exitFd: 4 });
    const starter = spawn(
      process.execPath,
      [
        '-e',
        `const c = require('node:child_process').spawn('slirp4netns', ${JSON.stringify(args)}, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] }); c.stdio[3].once('data', () => console.log(c.pid))`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const slirpPid = String(await new Promise((resolve) => starter.stdout.once('data', resolve))).trim();
    assert.ok(existsSync(`/proc/${slirpPid}`));
    await end(starter);
    for (let tries = 0; existsSync(`/proc/${slirpPid}`) && tries < 100; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(!existsSync(`/proc/${slirpPid}`));
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function readFrom(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('end', () => {
      resolve(text);
    });
  });
}

// The public wrapper against the real slirp4netns, in namespaces made by unshare(1).

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { after } from 'node:test';

import { Slirp4netns, slirp4netnsArgs, type Slirp4netnsStart } from '../../src/network/slirp4netns.js';
import { kernelTest } from '../support/requires.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-slirp-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

const NEEDS = ['userns', 'tun', 'slirp4netns', 'unprivileged'] as const;

/** A process with user and network namespaces of its own, root mapped to us. Its output says when it is there. */
async function withNamespaces(body: (pid: number) => Promise<void>): Promise<void> {
  const child = spawn('unshare', ['-Urn', 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    await body(child.pid ?? 0);
  } finally {
    await end(child);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Runs Node with a script inside, as long as the body takes. */
async function withScript(pid: number, script: string, body: (output: Readable) => Promise<void>): Promise<void> {
  const args = ['-t', String(pid), '-U', '-n', '--preserve-credentials', process.execPath, '-e', script];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await body(child.stdout.setEncoding('utf8'));
  } finally {
    await end(child);
  }
}

async function withSlirp(options: Slirp4netnsStart, body: (slirp: Slirp4netns) => Promise<void> | void): Promise<void> {
  const slirp = await Slirp4netns.start(options);
  try {
    await body(slirp);
  } finally {
    await slirp.stop();
  }
}

function interfaces(pid: number): string {
  return readFileSync(`/proc/${String(pid)}/net/dev`, 'utf8');
}

function addresses(pid: number): string {
  return readFileSync(`/proc/${String(pid)}/net/fib_trie`, 'utf8');
}

kernelTest('Slirp4netns.start() returns when the interface is configured, stop() takes it away', NEEDS, async () => {
  await withNamespaces(async (pid) => {
    await withSlirp({ target: { pid }, mtu: 65520, enableSandbox: true, enableSeccomp: true }, () => {
      assert.match(interfaces(pid), /tap0:/);
      assert.match(addresses(pid), /10\.0\.2\.100/);
    });
    assert.doesNotMatch(interfaces(pid), /tap0:/);
    await withSlirp({ target: { pid }, cidr: '10.77.0.0/24', interfaceName: 'eth0' }, () => {
      assert.match(addresses(pid), /10\.77\.0\.100/);
    });
  });
});

kernelTest('Slirp4netns.start() takes namespaces by path', NEEDS, async () => {
  await withNamespaces(async (pid) => {
    const target = { netnsPath: `/proc/${String(pid)}/ns/net`, usernsPath: `/proc/${String(pid)}/ns/user` };
    await withSlirp({ target }, () => {
      assert.match(interfaces(pid), /tap0:/);
    });
  });
});

const SERVER = `require('node:net').createServer((socket) => socket.end('from inside'))
  .listen(9000, '10.0.2.100', () => console.log('up'));`;

kernelTest('Slirp4netnsApi forwards a port of the host, lists it and takes it back', NEEDS, async () => {
  await withNamespaces(async (pid) => {
    await withSlirp({ target: { pid }, apiSocket: path.join(dir, 'api') }, async ({ api }) => {
      assert.ok(api);
      await withScript(pid, SERVER, async (output) => {
        await once(output, 'data');
        const host = { hostAddress: '127.0.0.1', hostPort: await freePort() };
        const forward = { proto: 'tcp', ...host, guestAddress: '10.0.2.100', guestPort: 9000 } as const;
        const id = await api.addHostForward(forward);
        assert.equal(await readFrom(host.hostPort), 'from inside');
        assert.deepEqual(await api.listHostForwards(), [{ id, ...forward }]);
        const twice = api.addHostForward(forward);
        await assert.rejects(twice, { code: 'NETWORK_FAILED', message: /slirp_add_hostfwd failed/ });
        await api.removeHostForward(id);
        assert.deepEqual(await api.listHostForwards(), []);
      });
    });
  });
});

const LOOPBACK: [boolean, string][] = [
  [true, 'closed\n'],
  [false, 'reached\n'],
];

for (const [disableHostLoopback, want] of LOOPBACK) {
  const title = disableHostLoopback ? 'is closed' : 'is open where that was asked for';
  kernelTest(`the loopback of the host ${title}`, NEEDS, async (context) => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    context.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = `const socket = require('node:net').connect(${String(port)}, '10.0.2.2');
      const say = (word) => { console.log(word); process.exit(); };
      socket.setTimeout(1500, () => say('closed'));
      socket.on('connect', () => say('reached')).on('error', () => say('closed'));`;
    await withNamespaces(async (pid) => {
      await withSlirp({ target: { pid }, disableHostLoopback }, async () => {
        await withScript(pid, client, async (output) => {
          assert.deepEqual(await once(output, 'data'), [want]);
        });
      });
    });
  });
}

kernelTest('Slirp4netns.start() fails with the words of slirp4netns', NEEDS, async () => {
  const nobody = Slirp4netns.start({ target: { pid: 2 ** 22 } });
  await assert.rejects(nobody, { code: 'NETWORK_FAILED', message: /No such file/ });
  await withNamespaces(async (pid) => {
    await withSlirp({ target: { pid } }, async () => {
      const second = Slirp4netns.start({ target: { pid } });
      await assert.rejects(second, { code: 'NETWORK_FAILED', message: /TUNSETIFF/ });
    });
  });
  const absent = Slirp4netns.start({ target: { pid: 1 }, program: path.join(dir, 'absent') });
  await assert.rejects(absent, { code: 'NETWORK_FAILED', message: /ENOENT/ });
});

kernelTest('slirp4netns ends with the process that started it', NEEDS, async () => {
  await withNamespaces(async (pid) => {
    const args = JSON.stringify(slirp4netnsArgs({ target: { pid }, readyFd: 3, exitFd: 4 }));
    const script = `const options = { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] };
      const child = require('node:child_process').spawn('slirp4netns', ${args}, options);
      child.stdio[3].once('data', () => console.log(child.pid));`;
    const starter = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const slirpPid = String(await once(starter.stdout, 'data')).trim();
    assert.ok(isRunning(slirpPid));
    await end(starter);
    for (let tries = 0; isRunning(slirpPid) && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(!isRunning(slirpPid));
  });
});

/** A zombie that nobody reaps has ended, too. */
function isRunning(pid: string): boolean {
  return existsSync(`/proc/${pid}/exe`) && !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function readFrom(port: number): Promise<string> {
  let text = '';
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  for await (const chunk of socket) text += String(chunk);
  return text;
}

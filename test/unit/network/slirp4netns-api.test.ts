import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { Slirp4netnsApi } from '../../../src/network/slirp4netns-api.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-slirp-api-'));
after(() => {
  rmSync(dir, { recursive: true });
});

/** A server that answers as slirp4netns does: it reads until the client's end, answers, closes. The real one is in integration/. */
async function withServer(
  name: string,
  answer: (request: string, socket: Socket) => void,
  body: (api: Slirp4netnsApi) => Promise<void>,
): Promise<void> {
  const socketPath = path.join(dir, name);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    let request = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      request += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('end', () => {
      answer(request, socket);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(socketPath, resolve);
  });
  try {
    await body(new Slirp4netnsApi(socketPath, { timeoutMs: 300 }));
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

test('addHostForward() sends the documented request and returns the id', async () => {
  let seen = '';
  const answer = (request: string, socket: Socket): void => {
    seen = request;
    socket.end('{"return":{"id":7}}');
  };
  await withServer('add', answer, async (api) => {
    assert.equal(
      await api.addHostForward({ proto: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, guestPort: 80 }),
      7,
    );
  });
  assert.deepEqual(JSON.parse(seen), {
    execute: 'add_hostfwd',
    arguments: { proto: 'tcp', host_addr: '127.0.0.1', host_port: 8080, guest_port: 80 },
  });
});

const FAILURES: [string, (request: string, socket: Socket) => void, RegExp][] = [
  ['an error', (_, socket) => socket.end('{"error":{"desc":"bad request: x"}}'), /bad request: x/],
  ['no JSON', (_, socket) => socket.end('<html>'), /not JSON/],
  ['nothing', (_, socket) => socket.end(), /not JSON/],
  ['no id', (_, socket) => socket.end('{"return":{}}'), /no id/],
  ['silence', () => undefined, /no answer within 300 ms/],
  ['too much', (_, socket) => socket.end('x'.repeat(2 * 1024 * 1024)), /too long/],
];

for (const [index, [what, answer, message]] of FAILURES.entries()) {
  test(`addHostForward() fails where the answer is ${what}`, async () => {
    await withServer(`fail${index}`, answer, async (api) => {
      await assert.rejects(api.addHostForward({ proto: 'udp', hostPort: 1, guestPort: 1 }), {
        code: 'NETWORK_FAILED',
        message,
      });
    });
  });
}

test('listHostForwards() checks every entry', async () => {
  const entry = {
    id: 1,
    proto: 'tcp',
    host_addr: '0.0.0.0',
    host_port: 8080,
    guest_addr: '10.0.2.100',
    guest_port: 80,
  };
  await withServer(
    'list',
    (_, socket) => socket.end(JSON.stringify({ return: { entries: [entry] } })),
    async (api) => {
      assert.deepEqual(await api.listHostForwards(), [
        { id: 1, proto: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, guestAddress: '10.0.2.100', guestPort: 80 },
      ]);
    },
  );
  await withServer(
    'list2',
    (_, socket) => socket.end(JSON.stringify({ return: { entries: [{ ...entry, proto: 'sctp' }] } })),
    async (api) => {
      await assert.rejects(api.listHostForwards(), { code: 'NETWORK_FAILED' });
    },
  );
});

test('Slirp4netnsApi says that nobody listens', async () => {
  await assert.rejects(new Slirp4netnsApi(path.join(dir, 'absent')).listHostForwards(), {
    code: 'NETWORK_FAILED',
    message: /ENOENT/,
  });
});

// Registries, and what stands before them, that answer wrongly: each case ends with one sentence and leaves nothing behind.

import assert from 'node:assert/strict';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import type { TestContext } from 'node:test';

import {
  buildImage,
  descriptorOf,
  listen,
  makeBlob,
  pushManifest,
  startFaultProxy,
  startRegistry,
  type BuiltImage,
  type Fault,
  type FaultProxy,
  type ImageSpec,
} from '../support/registry.js';
import { kernelTest } from '../support/requires.js';
import { describe, openHome, type Home, type RunResult } from '../support/run-rrun.js';

const NEEDS = ['userns', 'docker-registry'] as const;
const NAME = 'test/image';

interface Scene {
  home: Home;
  image: BuiltImage;
  proxy: FaultProxy;
  /** Pulls through the proxy. */
  pull(): Promise<RunResult>;
}

async function openScene(
  context: TestContext,
  fault: (image: BuiltImage) => Fault,
  spec: ImageSpec = {},
): Promise<Scene> {
  const home = openHome(context);
  const registry = await startRegistry(context);
  const image = await buildImage(registry.address, { repository: NAME, ...spec });
  const proxy = await startFaultProxy(context, registry.address, fault(image));
  return { home, image, proxy, pull: () => home.run(['pull', `${proxy.address}/${NAME}`]) };
}

function refused(result: RunResult, message: RegExp, hint?: RegExp): void {
  assert.equal(result.status, 125, describe(['pull'], result));
  assert.match(result.stderr, message);
  assert.match(
    result.stderr,
    /^rrun: error: cannot [^\n]+\n(?:rrun: hint: [^\n]+\n)?$/,
    'one sentence and perhaps a hint',
  );
  if (hint !== undefined) assert.match(result.stderr, hint);
}

/** Nothing has a name, nothing is unpacked, nothing is half made. */
function leftNothing(home: Home): void {
  for (const dir of ['refs', 'layers', 'tmp']) assert.deepEqual(readdirSync(path.join(home.store, dir)), [], dir);
}

/** Answers requests whose path ends in `end` with the registry's bytes, changed. */
function altered(end: string, change: (body: Buffer) => Buffer): Fault {
  return async (request, response, upstream) => {
    if (request.method !== 'GET' || !request.path.endsWith(end)) return 'pass';
    const { status, headers, body } = await upstream();
    const changed = change(body);
    response.writeHead(status, { ...headers, 'content-length': String(changed.length) });
    response.end(changed);
    return undefined;
  };
}

const flipped = (body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
};

kernelTest('a manifest that is not what its digest says is refused', NEEDS, async (t) => {
  const { home, pull } = await openScene(t, () =>
    altered('/manifests/latest', (body) => Buffer.from(body.toString().replace('{', '{ '))),
  );
  refused(await pull(), /the manifest has digest sha256:[0-9a-f]{64}, want sha256:/);
  leftNothing(home);
});

kernelTest('a config that is not what its digest says is refused', NEEDS, async (t) => {
  const { home, image, pull } = await openScene(t, ({ config }) => altered(config.digest, flipped));
  refused(await pull(), new RegExp(`cannot store blob ${image.id}: got digest sha256:`), /altered/);
  leftNothing(home);
});

kernelTest('a layer that is altered on the way is told apart from one that is made badly', NEEDS, async (t) => {
  const { home, image, pull } = await openScene(t, ({ layers }) =>
    altered(layers[0]?.digest ?? '', (body) => Buffer.concat([Buffer.from('xx'), body.subarray(2)])),
  );
  refused(await pull(), new RegExp(`cannot store blob ${image.layers[0]?.digest}: got digest sha256:`));
  leftNothing(home);
});

kernelTest('a layer whose tar is not what the config says is refused', NEEDS, async (t) => {
  const wrong = `sha256:${'0'.repeat(64)}`;
  const change: ImageSpec['change'] = ({ config }) => {
    (config['rootfs'] as { diff_ids: string[] }).diff_ids = [wrong];
  };
  const { home, pull } = await openScene(t, () => () => 'pass', { change });
  refused(await pull(), new RegExp(`its tar has digest sha256:[0-9a-f]{64}, want ${wrong}`));
  leftNothing(home);
});

/** Ends blobs after `bytes`, `times` times; the Content-Length stays what it was. */
function cut(digest: string, bytes: number, times = Infinity): Fault {
  let left = times;
  return async (request, response, upstream) => {
    if (request.method !== 'GET' || !request.path.endsWith(digest) || left-- <= 0) return 'pass';
    const { status, headers, body } = await upstream();
    response.writeHead(status, headers);
    response.write(body.subarray(0, bytes), () => response.destroy());
    return undefined;
  };
}

const BIG: ImageSpec = {
  layers: [[{ name: 'data', content: Buffer.from(Array.from({ length: 20_000 }, (_, n) => (n * n * 7919) >> 3)) }]],
  compression: 'none',
};

kernelTest('a layer that is cut is continued where it broke off', NEEDS, async (t) => {
  const { home, image, proxy, pull } = await openScene(t, ({ layers }) => cut(layers[0]?.digest ?? '', 9000, 1), BIG);
  const result = await pull();
  assert.equal(result.status, 0, describe(['pull'], result));
  const ranges = proxy.requests
    .filter(({ path: asked }) => asked.endsWith(image.layers[0]?.digest ?? ''))
    .map(({ headers }) => headers.range);
  assert.equal(ranges.length, 2);
  assert.match(ranges[1] ?? '', /^bytes=[1-9]\d*-\d+$/);
  assert.ok(existsSync(path.join(home.store, 'layers', `${image.diffIds[0]?.slice(7)}.ranges/fs/data`)));
});

kernelTest('a layer is continued also where the server knows no ranges', NEEDS, async (t) => {
  const { pull } = await openScene(
    t,
    ({ layers }) => {
      const first = cut(layers[0]?.digest ?? '', 9000, 1);
      return async (request, response, upstream) => {
        if ((await first(request, response, upstream)) !== 'pass') return undefined;
        delete request.headers.range;
        return 'pass';
      };
    },
    BIG,
  );
  const result = await pull();
  assert.equal(result.status, 0, describe(['pull'], result));
});

kernelTest('a layer that is cut every time is given up', NEEDS, async (t) => {
  const { home, image, proxy, pull } = await openScene(t, ({ layers }) => cut(layers[0]?.digest ?? '', 18), BIG);
  refused(
    await pull(),
    new RegExp(`cannot store blob ${image.layers[0]?.digest}: got \\d+ bytes, want ${image.layers[0]?.size}`),
    /run the pull again/,
  );
  const tries = proxy.requests.filter(({ path: asked }) => asked.endsWith(image.layers[0]?.digest ?? ''));
  assert.ok(tries.length >= 2 && tries.length < 20, String(tries.length));
  leftNothing(home);
});

kernelTest('another part of a layer than was asked for is refused', NEEDS, async (t) => {
  const { pull } = await openScene(
    t,
    ({ layers }) => {
      const first = cut(layers[0]?.digest ?? '', 9000, 1);
      return async (request, response, upstream) => {
        if ((await first(request, response, upstream)) !== 'pass') return undefined;
        if (request.headers.range !== undefined) request.headers.range = 'bytes=5-99';
        return 'pass';
      };
    },
    BIG,
  );
  refused(await pull(), /it sent another part of blob sha256:/);
});

kernelTest('a layer that does not end is stopped at its size', NEEDS, async (t) => {
  const { home, pull } = await openScene(t, ({ layers }) => (request, response) => {
    if (!request.path.endsWith(layers[0]?.digest ?? '')) return 'pass';
    response.writeHead(200);
    const more = (): void => void response.write(Buffer.alloc(65_536), (error) => error ?? setImmediate(more));
    more();
    return undefined;
  });
  refused(await pull(), /got more than the \d+ bytes it should have/);
  leftNothing(home);
});

kernelTest('a manifest that does not end is stopped', NEEDS, async (t) => {
  const { home, pull } = await openScene(t, () => (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    const more = (): void => void response.write(Buffer.alloc(65_536, ' '), (error) => error ?? setImmediate(more));
    more();
  });
  refused(await pull(), /the manifest is larger than 4194304 bytes/);
  leftNothing(home);
});

kernelTest('redirects in a circle, without an end and out of HTTP are refused', NEEDS, async (t) => {
  let target = (n: number): string => `/v2/${NAME}/manifests/latest?${n % 2}`;
  const { pull } = await openScene(t, () => (request, response) => {
    response.writeHead(307, { location: target(Number(/\d+$/.exec(request.path)?.[0] ?? 0) + 1) });
    response.end();
  });
  refused(await pull(), /redirects in a circle/);
  target = (n) => `/v2/${NAME}/manifests/latest?${n}`;
  refused(await pull(), /redirects more than 10 times/);
  target = () => 'file:///etc/passwd';
  refused(await pull(), /redirects to "file:"/);
  target = () => 'http://[';
  refused(await pull(), /redirects to something that is no URL/);
});

/** A login for every registry that a test starts. */
function logIn(home: Home, ...addresses: string[]): void {
  const auth = Buffer.from('ana:geheim').toString('base64');
  mkdirSync(path.join(home.env['XDG_CONFIG_HOME'] ?? '', 'containers'), { recursive: true });
  writeFileSync(
    path.join(home.env['XDG_CONFIG_HOME'] ?? '', 'containers/auth.json'),
    JSON.stringify({ auths: Object.fromEntries(addresses.map((address) => [address, { auth }])) }),
  );
}

kernelTest('a login is not sent on to another origin', NEEDS, async (t) => {
  const seen: (string | undefined)[] = [];
  const { home, proxy, pull } = await openScene(t, ({ layers }) => async (request, response, upstream) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return undefined;
    }
    if (!request.path.endsWith(layers[0]?.digest ?? '')) return 'pass';
    const { body } = await upstream();
    const elsewhere = createServer((incoming, answer) => {
      seen.push(incoming.headers.authorization);
      answer.end(body);
    });
    response.writeHead(307, { location: `http://${await listen(t, elsewhere)}/blob` }).end();
    return undefined;
  });
  logIn(home, proxy.address);
  const result = await pull();
  assert.equal(result.status, 0, describe(['pull'], result));
  assert.deepEqual(seen, [undefined]);
});

kernelTest('a 401 of another origin does not get a login', NEEDS, async (t) => {
  const seen: (string | undefined)[] = [];
  const { home, proxy, pull } = await openScene(t, ({ layers }) => async (request, response) => {
    if (!request.path.endsWith(layers[0]?.digest ?? '')) return 'pass';
    const thief = createServer((incoming, answer) => {
      seen.push(incoming.headers.authorization);
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="please"' }).end();
    });
    response.writeHead(307, { location: `http://${await listen(t, thief)}/blob` }).end();
    return undefined;
  });
  logIn(home, proxy.address);
  refused(await pull(), /answers 401/);
  assert.deepEqual(seen, [undefined]);
});

kernelTest('a registry that never takes a token is given up', NEEDS, async (t) => {
  const { home, proxy, pull } = await openScene(t, () => (request, response) => {
    if (request.path.startsWith('/token')) {
      response.end('{"token":"t"}');
      return;
    }
    response
      .writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token",service="s"` })
      .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
  });
  refused(await pull(), /answers 401 "authentication required"/, /log in/);
  assert.equal(proxy.requests.length, 3);
  assert.match(proxy.requests[1]?.path ?? '', /scope=repository%3Atest%2Fimage%3Apull/);
  leftNothing(home);
});

kernelTest('places for tokens that make no sense are refused', NEEDS, async (t) => {
  let realm = '';
  let token = '{}';
  const { pull } = await openScene(t, () => (request, response) => {
    if (request.path.startsWith('/token')) response.end(token);
    else
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${realm || `http://${request.headers.host}/token`}"` })
        .end();
  });
  for (token of ['{}', '[]', 'x', '{"token":5}', '{"token":"a\\r\\nb: c"}'])
    refused(await pull(), /answers without a token/);
  for (realm of ['file:///etc/passwd', 'x', 'javascript:1']) refused(await pull(), /names no place to get one/);
});

kernelTest('a busy registry is asked again after the time it says, if that is short', NEEDS, async (t) => {
  let retryAfter = '1';
  let busy = 1;
  const { proxy, pull } = await openScene(t, () => (_request, response) => {
    if (busy-- <= 0) return 'pass';
    response
      .writeHead(429, { 'retry-after': retryAfter })
      .end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
    return undefined;
  });
  const started = Date.now();
  assert.equal((await pull()).status, 0);
  assert.ok(Date.now() - started >= 1000);
  [busy, retryAfter] = [Infinity, '3600'];
  const before = proxy.requests.length;
  refused(await pull(), /answers 429 "slow down"/, /wait 3600 seconds/);
  assert.equal(proxy.requests.length - before, 1);
});

kernelTest(
  'a registry with a passing problem is asked again, one with a lasting problem three times',
  NEEDS,
  async (t) => {
    let broken = 2;
    const { proxy, pull } = await openScene(t, () => (_request, response) => {
      if (broken-- <= 0) return 'pass';
      if (broken % 2 === 0) response.writeHead(503).end();
      else response.destroy();
      return undefined;
    });
    assert.equal((await pull()).status, 0);
    broken = Infinity;
    const before = proxy.requests.length;
    refused(await pull(), /it closed the connection|answers 503/);
    assert.ok(proxy.requests.length - before <= 6);
  },
);

kernelTest('words of a registry cannot move the cursor', NEEDS, async (t) => {
  const { pull } = await openScene(t, () => (_request, response) => {
    response
      .writeHead(403)
      .end(
        JSON.stringify({ errors: [{ code: 'DENIED', message: `\u001b[2J\u0007no\nrrun: hint: ${'x'.repeat(9999)}` }] }),
      );
  });
  const result = await pull();
  refused(result, /answers 403 "\[2J no rrun: hint: x+"/);
  assert.ok(result.stderr.length < 700);
});

kernelTest('what is no container image is refused', NEEDS, async (t) => {
  const home = openHome(t);
  const { address } = await startRegistry(t);
  const cases: [message: RegExp, change: NonNullable<ImageSpec['change']>][] = [
    [
      /its manifest has 1 layers, its config 0/,
      ({ config }) => void (config['rootfs'] = { type: 'layers', diff_ids: [] }),
    ],
    [/no rootfs.diff_ids/, ({ config }) => void delete config['rootfs']],
    [/config.Env is not a list/, ({ config }) => void (config['config'] = { Env: 'x' })],
  ];
  for (const [message, change] of cases) {
    await buildImage(address, { repository: NAME, change });
    refused(await home.run(['pull', `${address}/${NAME}`]), message);
  }
  const image = await buildImage(address, { repository: NAME });
  const push = async (document: object, mediaType = image.manifest.mediaType): Promise<void> =>
    pushManifest(
      address,
      NAME,
      'latest',
      makeBlob(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document })), mediaType),
    );
  const layer = image.layers[0];
  assert.ok(layer !== undefined);
  await push({
    config: descriptorOf(image.config),
    layers: [{ ...descriptorOf(layer), mediaType: 'application/x-chart' }],
  });
  refused(await home.run(['pull', `${address}/${NAME}`]), /of type "application\/x-chart", which is no layer of files/);
  await push({
    config: { ...descriptorOf(image.config), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
    layers: [descriptorOf(layer)],
  });
  refused(
    await home.run(['pull', `${address}/${NAME}`]),
    /not a container image but of type "application\/vnd.cncf.helm/,
  );
  await push({ config: descriptorOf(image.config), layers: [{ ...descriptorOf(layer), size: 1 }] });
  refused(await home.run(['pull', `${address}/${NAME}`]), /got more than the 1 bytes/);
  leftNothing(home);
});

kernelTest('an index that leads nowhere is refused', NEEDS, async (t) => {
  const { home, pull } = await openScene(t, () => (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in to the wireless network</html>');
  });
  refused(await pull(), /cannot use the manifest of ".*": it is not JSON/);
  leftNothing(home);
});

kernelTest('what does not speak HTTP is named as such', NEEDS, async (t) => {
  const home = openHome(t);
  for (const [said, message] of [
    ['SSH-2.0-OpenSSH_9.2\r\n', /its answer is not HTTP/],
    ['', /it closed the connection/],
  ] as const) {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(said);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => void server.close());
    const { port } = server.address() as AddressInfo;
    refused(await home.run(['pull', `127.0.0.1:${port}/x`]), message);
  }
});

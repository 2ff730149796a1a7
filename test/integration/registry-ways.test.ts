// Ways to a registry: certificates, proxies, and when to go there at all.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { networkInterfaces } from 'node:os';
import path from 'node:path';

import { baseMapping } from '../../src/idmap/choose.js';
import { ensureImage, type PullPolicy } from '../../src/image/pull.js';
import { openStore } from '../../src/store/store.js';
import type { HostPath } from '../../src/util/brand.js';
import { buildImage, listen, startFaultProxy, startRegistry } from '../support/registry.js';
import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { openHome, pullForId, type Home } from '../support/run-rrun.js';

const NEEDS = ['userns', 'docker-registry'] as const;

function configDir(home: Home, ...parts: string[]): string {
  const dir = path.join(home.env['XDG_CONFIG_HOME'] ?? '', 'containers', ...parts);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** An address of this machine that is not loopback: there TLS is not optional. */
function ownAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === 'IPv4' && !found.internal)?.address;
}

kernelTest('certificates are checked against the system, certs.d and SSL_CERT_FILE', ['userns'], async (t) => {
  const host = ownAddress();
  if (host === undefined || spawnSync('openssl', ['version']).status !== 0) {
    t.skip('no address beside loopback, or no openssl');
    return;
  }
  const home = openHome(t);
  const [key, cert] = [path.join(home.dir, 'key.pem'), path.join(home.dir, 'cert.pem')];
  const names = `subjectAltName=IP:${host}`;
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test',
    '-addext',
    names,
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  assert.equal(made.status, 0, made.stderr.toString());
  const server = createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
    response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
  });
  await listen(t, server, host);
  const address = `${host}:${(server.address() as { port: number }).port}`;
  const ask = async (flags: string[] = [], env: Record<string, string> = {}): Promise<string> =>
    (await home.run(['pull', ...flags, `${address}/x`], { env })).stderr;

  assert.match(
    await ask(),
    /its certificate is self-signed \(DEPTH_ZERO_SELF_SIGNED_CERT\)\nrrun: hint: put the authority's certificate into ~\/.config/,
  );
  assert.match(await ask(['--tls-verify=false']), /404 "manifest unknown"/);
  assert.match(await ask([], { SSL_CERT_FILE: cert }), /404 "manifest unknown"/);
  assert.match(await ask([], { SSL_CERT_FILE: '/nowhere' }), /cannot read "\/nowhere" of SSL_CERT_FILE: ENOENT/);
  writeFileSync(path.join(configDir(home, 'certs.d', address), 'ca.crt'), readFileSync(cert));
  assert.match(await ask(), /404 "manifest unknown"/);
  writeFileSync(
    path.join(configDir(home), 'registries.conf'),
    `[[registry]]\nlocation = "${address}"\ninsecure = true\n`,
  );
  assert.match(await ask(), /404 "manifest unknown"/);
});

kernelTest('plain HTTP beyond this machine needs to be allowed', NEEDS, async (t) => {
  const host = ownAddress();
  if (host === undefined) {
    t.skip('no address beside loopback');
    return;
  }
  const home = openHome(t);
  const registry = await startRegistry(t);
  const image = await buildImage(registry.address, { repository: 'ana/tool' });
  const proxy = await startFaultProxy(t, registry.address, () => 'pass', host);
  const refused = await home.run(['pull', `${proxy.address}/ana/tool`]);
  assert.match(refused.stderr, /TLS.*\nrrun: hint: if it speaks plain HTTP, use --tls-verify=false/);
  assert.equal(await pullForId(home, ['--tls-verify=false', `${proxy.address}/ana/tool`]), image.id);
});

kernelTest('proxies of the environment are used, and NO_PROXY is respected', NEEDS, async (t) => {
  const home = openHome(t);
  const registry = await startRegistry(t);
  const image = await buildImage(registry.address, { repository: 'ana/tool' });
  const proxy = await startFaultProxy(t, registry.address, (request) => {
    const url = new URL(request.path);
    assert.equal(url.host, 'registry.invalid');
    request.path = url.pathname + url.search;
    return 'pass';
  });
  const env = { HTTP_PROXY: `http://${proxy.address}`, HTTPS_PROXY: 'http://127.0.0.1:1' };
  const args = ['--tls-verify=false', 'registry.invalid/ana/tool'];
  assert.equal(await pullForId(home, args, { env }), image.id);
  assert.ok(proxy.requests.length > 0);
  const direct = await home.run(['pull', ...args], { env: { ...env, NO_PROXY: '.invalid' } });
  assert.match(
    direct.stderr,
    /"registry.invalid" cannot be reached: (?:no such host name|the name server does not answer)/,
  );
  const broken = await home.run(['pull', 'registry.invalid/ana/tool'], { env });
  assert.match(
    broken.stderr,
    /"registry.invalid" cannot be reached through the proxy "127.0.0.1:1": connection refused/,
  );
  assert.equal(
    await pullForId(home, [`${registry.address}/ana/tool`], { env: { HTTP_PROXY: 'http://127.0.0.1:1' } }),
    image.id,
  );
});

kernelTest('a registry is asked as the pull policy says', NEEDS, async (t) => {
  const home = openHome(t);
  const registry = await startRegistry(t);
  const proxy = await startFaultProxy(t, registry.address, () => 'pass');
  const reference = `${proxy.address}/ana/tool`;
  const first = await buildImage(registry.address, { repository: 'ana/tool' });
  process.env['RRUN_EXE'] = rrunProgram;
  const store = await openStore(home.store as HostPath);
  const userns = await baseMapping();
  const ask = async (policy: PullPolicy): Promise<[id: string, requests: number]> => {
    proxy.requests.length = 0;
    const { id, layerDirs } = await ensureImage(store, userns, { reference, policy });
    for (const dir of layerDirs) assert.equal(readFileSync(path.join(dir, 'hello'), 'utf8'), 'hello\n');
    return [id, proxy.requests.length];
  };

  await assert.rejects(ask('never'), { code: 'IMAGE_NOT_LOCAL', message: /not in the store and --pull=never/ });
  assert.deepEqual(await ask('missing'), [first.id, 3]);
  for (const policy of ['missing', 'never'] as const) assert.deepEqual(await ask(policy), [first.id, 0]);
  assert.deepEqual(await ask('newer'), [first.id, 1]);
  assert.deepEqual(await ask('always'), [first.id, 1]);
  const second = await buildImage(registry.address, { repository: 'ana/tool', config: { User: '5' } });
  assert.deepEqual(await ask('missing'), [first.id, 0]);
  assert.deepEqual((await ask('newer'))[0], second.id);
  await registry.stop();
  assert.deepEqual((await ask('newer'))[0], second.id);
  await assert.rejects(ask('always'), { code: 'REGISTRY_UNREACHABLE' });
});

kernelTest('tokens are fetched once for all layers, and again when they have run out', NEEDS, async (t) => {
  const home = openHome(t);
  const registry = await startRegistry(t);
  const layers = Array.from({ length: 6 }, (_, n) => [{ name: `f${n}`, content: String(n) }]);
  const image = await buildImage(registry.address, { repository: 'ana/tool', layers });
  const tokens: { authorization: string | undefined; method: string; query: URLSearchParams }[] = [];
  let uses = 0;
  const proxy = await startFaultProxy(t, registry.address, (request, response) => {
    const url = new URL(request.path, 'http://x');
    if (url.pathname === '/token') {
      tokens.push({ authorization: request.headers.authorization, method: request.method, query: url.searchParams });
      uses = 4;
      response.end(JSON.stringify({ access_token: `good-${tokens.length}` }));
      return undefined;
    }
    if (request.headers.authorization === `Bearer good-${tokens.length}` && uses-- > 0) {
      delete request.headers.authorization;
      return 'pass';
    }
    const realm = `http://${request.headers.host}/token`;
    const challenge = `Bearer realm="${realm}",service="the registry",scope="repository:ana/tool:pull"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return undefined;
  });
  const name = `${proxy.address}/ana/tool`;
  assert.equal(await pullForId(home, [name]), image.id);
  assert.deepEqual(
    tokens.map(({ authorization, method, query }) => [authorization, method, query.get('service'), query.get('scope')]),
    tokens.map(() => [undefined, 'GET', 'the registry', 'repository:ana/tool:pull']),
  );
  assert.ok(tokens.length === 2 || tokens.length === 3, String(tokens.length));

  const logIn = (entry: object): void => {
    writeFileSync(path.join(configDir(home), 'auth.json'), JSON.stringify({ auths: { [proxy.address]: entry } }));
  };
  tokens.length = 0;
  logIn({ auth: Buffer.from('ana:geheim').toString('base64') });
  assert.equal(await pullForId(home, [name]), image.id);
  assert.equal(tokens[0]?.authorization, `Basic ${Buffer.from('ana:geheim').toString('base64')}`);
  assert.equal(tokens[0]?.query.get('account'), 'ana');
  tokens.length = 0;
  logIn({ identitytoken: 'refresh' });
  assert.equal(await pullForId(home, [name]), image.id);
  assert.deepEqual([tokens[0]?.method, tokens[0]?.authorization], ['POST', undefined]);
});

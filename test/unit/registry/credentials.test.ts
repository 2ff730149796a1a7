import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';

import { tryLoadCredentials } from '../../../src/registry/credentials.js';

const encode = (text: string): string => Buffer.from(text).toString('base64');

function makeHome(t: TestContext): string {
  const home = mkdtempSync(path.join(tmpdir(), 'auth-'));
  t.after(() => {
    rmSync(home, { recursive: true });
  });
  return home;
}

function write(file: string, content: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}

const password = (username: string, word = 'p'): unknown => ({ kind: 'password', username, password: word });

test('tryLoadCredentials() looks into the files in their order', async (t) => {
  const home = makeHome(t);
  const env = { HOME: home, XDG_RUNTIME_DIR: path.join(home, 'run') };
  assert.equal(await tryLoadCredentials('a.lan', 'x', env), undefined);
  write(path.join(home, '.docker/config.json'), {
    auths: { 'a.lan': { auth: encode('docker:p') }, 'b.lan': { auth: encode('b:p') } },
  });
  assert.deepEqual(await tryLoadCredentials('a.lan', 'x', env), password('docker'));
  write(path.join(home, '.config/containers/auth.json'), { auths: { 'a.lan': { auth: encode('config:p') } } });
  assert.deepEqual(await tryLoadCredentials('a.lan', 'x', env), password('config'));
  write(path.join(home, 'run/containers/auth.json'), { auths: { 'a.lan': { auth: encode('run:p') } } });
  assert.deepEqual(await tryLoadCredentials('a.lan', 'x', env), password('run'));
  assert.deepEqual(await tryLoadCredentials('b.lan', 'x', env), password('b'));
  write(path.join(home, 'only.json'), { auths: {} });
  assert.equal(
    await tryLoadCredentials('a.lan', 'x', { ...env, REGISTRY_AUTH_FILE: path.join(home, 'only.json') }),
    undefined,
  );
});

test('tryLoadCredentials() takes the most special entry, and all spellings of Docker', async (t) => {
  const home = makeHome(t);
  const env = { HOME: home };
  write(path.join(home, '.docker/config.json'), {
    auths: {
      'a.lan': { auth: encode('host:p') },
      'a.lan/org': { auth: encode('org:p') },
      'a.lan/org/x': { auth: encode('x:with:colon') },
      'https://index.docker.io/v1/': { auth: encode('hub:p') },
      'https://url.lan/v2/': { username: 'u', password: 'p' },
      'token.lan': { identitytoken: 't', auth: encode('x:') },
      'empty.lan': {},
    },
  });
  const cases: [host: string, repository: string, want: unknown][] = [
    ['a.lan', 'org/x', password('x', 'with:colon')],
    ['a.lan', 'org/y', password('org')],
    ['a.lan', 'organ/y', password('host')],
    ['docker.io', 'library/alpine', password('hub')],
    ['url.lan', 'x', password('u')],
    ['token.lan', 'x', { kind: 'identityToken', token: 't' }],
    ['empty.lan', 'x', undefined],
    ['a.lan:5000', 'x', undefined],
  ];
  for (const [host, repository, want] of cases)
    assert.deepEqual(await tryLoadCredentials(host, repository, env), want, host);
});

test('tryLoadCredentials() asks credential helpers', async (t) => {
  const home = makeHome(t);
  const bin = path.join(home, 'bin');
  write(
    path.join(bin, 'docker-credential-test'),
    `#!/bin/sh\nread server\ncase "$server" in\n  helped.lan) echo '{"Username":"h","Secret":"s"}';;\n  token.lan) echo '{"Username":"<token>","Secret":"t"}';;\n  broken.lan) echo 'the vault is closed'; exit 1;;\n  odd.lan) echo '[]';;\n  *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n`,
  );
  chmodSync(path.join(bin, 'docker-credential-test'), 0o755);
  const env = { HOME: home, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  const helpers = Object.fromEntries(
    ['helped.lan', 'token.lan', 'broken.lan', 'odd.lan', 'unknown.lan'].map((host) => [host, 'test']),
  );
  write(path.join(home, '.docker/config.json'), {
    credHelpers: { ...helpers, 'gone.lan': 'gone', 'evil.lan': '../x' },
  });

  assert.deepEqual(await tryLoadCredentials('helped.lan', 'x', env), password('h', 's'));
  assert.deepEqual(await tryLoadCredentials('token.lan', 'x', env), { kind: 'identityToken', token: 't' });
  assert.equal(await tryLoadCredentials('unknown.lan', 'x', env), undefined);
  await assert.rejects(tryLoadCredentials('broken.lan', 'x', env), {
    code: 'REGISTRY_REFUSED',
    message: /the vault is closed/,
  });
  await assert.rejects(tryLoadCredentials('odd.lan', 'x', env), { code: 'CONFIG_INVALID' });
  await assert.rejects(tryLoadCredentials('gone.lan', 'x', env), {
    code: 'PROGRAM_MISSING',
    message: /docker-credential-gone.*not found in PATH/,
  });
  await assert.rejects(tryLoadCredentials('evil.lan', 'x', env), {
    code: 'CONFIG_INVALID',
    message: /it is not a name/,
  });

  write(path.join(home, '.docker/config.json'), {
    credsStore: 'test',
    auths: { 'plain.lan': { auth: encode('plain:p') } },
  });
  assert.deepEqual(await tryLoadCredentials('helped.lan', 'x', env), password('h', 's'));
  assert.deepEqual(await tryLoadCredentials('plain.lan', 'x', env), password('plain'));
});

test('tryLoadCredentials() says which file is damaged, without its secrets', async (t) => {
  const home = makeHome(t);
  const env = { HOME: home };
  write(path.join(home, '.docker/config.json'), '{"auths": {"a.lan": {"auth": "geheim"');
  await assert.rejects(tryLoadCredentials('a.lan', 'x', env), (error: Error) => {
    assert.match(error.message, /config.json": it is not a JSON object/);
    assert.doesNotMatch(error.message, /geheim/);
    return true;
  });
  write(path.join(home, '.docker/config.json'), { auths: { 'a.lan': { auth: encode('nocolon') } } });
  await assert.rejects(tryLoadCredentials('a.lan', 'x', env), { code: 'CONFIG_INVALID', message: /auth of "a.lan"/ });
  write(path.join(home, '.docker/config.json'), '');
  assert.equal(await tryLoadCredentials('a.lan', 'x', env), undefined);
});

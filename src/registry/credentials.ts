// Who we are for a registry: containers-auth.json(5) and Docker's config.json, with credential helpers.
// Only reads; `rrun login` is the one that writes. Secrets never go into errors.

import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { RrunError } from '../errors.js';
import { spawn } from '../util/spawn.js';
import { configHome, homeDir } from './registries-conf.js';

/** Password login, or an identity token that is exchanged for access tokens. */
export type Credentials =
  { kind: 'password'; username: string; password: string } | { kind: 'identityToken'; token: string };

type Env = Readonly<Record<string, string | undefined>>;

interface AuthFile {
  file: string;
  auths: Record<string, unknown>;
  credHelpers: Record<string, unknown>;
  credsStore: string | undefined;
}

/** The name under which Docker keeps the login of docker.io. */
const DOCKER_HUB_KEYS = ['docker.io', 'https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io'];
const HELPER_TIMEOUT_MS = 30_000;
const MAX_FILE_BYTES = 1 << 20;

/** Credentials for a repository, the most special entry first ("host/org/repo", "host/org", "host"); undefined: anonymous. */
export async function tryLoadCredentials(
  host: string,
  repository: string,
  env: Env = process.env,
): Promise<Credentials | undefined> {
  for (const file of authFiles(env)) {
    const auth = await tryLoadAuthFile(file);
    if (auth === undefined) continue;
    const found = await lookUp(auth, host, repository, env);
    if (found !== undefined) return found;
  }
  return undefined;
}

function authFiles(env: Env): string[] {
  const only = env['REGISTRY_AUTH_FILE'];
  if (only !== undefined && only !== '') return [only];
  const runtimeDir = env['XDG_RUNTIME_DIR'];
  const dockerDir = env['DOCKER_CONFIG'];
  return [
    ...(runtimeDir !== undefined && path.isAbsolute(runtimeDir) ? [path.join(runtimeDir, 'containers/auth.json')] : []),
    path.join(configHome(env), 'containers/auth.json'),
    path.join(
      dockerDir !== undefined && dockerDir !== '' ? dockerDir : path.join(homeDir(env), '.docker'),
      'config.json',
    ),
  ];
}

async function tryLoadAuthFile(file: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    // EACCES: XDG_RUNTIME_DIR of somebody else; there is nothing of ours in it.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined;
    throw new RrunError('CONFIG_INVALID', `cannot read "${file}": ${code}`, { cause: error });
  }
  const table = text.length > MAX_FILE_BYTES ? undefined : text.trim() === '' ? {} : tryParseObject(text);
  if (table === undefined) throw new RrunError('CONFIG_INVALID', `cannot read "${file}": it is not a JSON object`);
  return {
    file,
    auths: asObject(table['auths']),
    credHelpers: asObject(table['credHelpers']),
    credsStore: typeof table['credsStore'] === 'string' ? table['credsStore'] : undefined,
  };
}

async function lookUp(auth: AuthFile, host: string, repository: string, env: Env): Promise<Credentials | undefined> {
  const hosts = host === 'docker.io' ? DOCKER_HUB_KEYS : [host];
  for (const key of hosts) {
    const helper = auth.credHelpers[key];
    if (typeof helper === 'string' && helper !== '') return askHelper(helper, key, env);
  }
  for (const key of [...namespaceKeys(host, repository), ...hosts.flatMap(hostSpellings)]) {
    const entry = asObject(auth.auths[key]);
    const found = parseEntry(entry, auth.file, key);
    if (found !== undefined) return found;
  }
  if (auth.credsStore === undefined || auth.credsStore === '') return undefined;
  for (const key of hosts) {
    const found = await askHelper(auth.credsStore, host === 'docker.io' ? 'https://index.docker.io/v1/' : key, env);
    if (found !== undefined) return found;
    if (host === 'docker.io') break;
  }
  return undefined;
}

function namespaceKeys(host: string, repository: string): string[] {
  const parts = repository.split('/');
  return parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join('/'));
}

/* Docker wrote keys as URLs for a long time. */
function hostSpellings(host: string): string[] {
  if (host.includes('://')) return [host];
  return [
    host,
    ...['https://', 'http://'].flatMap((scheme) => ['', '/', '/v1/', '/v2/'].map((end) => scheme + host + end)),
  ];
}

function parseEntry(entry: Record<string, unknown>, file: string, key: string): Credentials | undefined {
  const identityToken = entry['identitytoken'];
  if (typeof identityToken === 'string' && identityToken !== '') return { kind: 'identityToken', token: identityToken };
  if (typeof entry['username'] === 'string' && typeof entry['password'] === 'string' && entry['username'] !== '') {
    return { kind: 'password', username: entry['username'], password: entry['password'] };
  }
  const encoded = entry['auth'];
  if (typeof encoded !== 'string' || encoded === '') return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (colon === -1) {
    throw new RrunError('CONFIG_INVALID', `cannot use "${file}": auth of "${key}" is not "user:password" in base64`);
  }
  return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Asks docker-credential-NAME on PATH; "credentials not found" is a normal answer. */
async function askHelper(name: string, server: string, env: Env): Promise<Credentials | undefined> {
  // The name becomes part of a program's name: nothing that climbs out of it.
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw new RrunError('CONFIG_INVALID', `cannot use "${name}" as a credential helper: it is not a name`);
  const program = `docker-credential-${name}`;
  const { code, stdout } = await runHelper(program, server, env);
  if (code !== 0) {
    const reason = stdout.trim();
    if (/not found|missing/i.test(reason) || reason === '') return undefined;
    throw new RrunError(
      'REGISTRY_REFUSED',
      `cannot ask "${program}" for the login of "${server}": ${reason.slice(0, 200)}`,
    );
  }
  const answer = tryParseObject(stdout) ?? {};
  const username = answer['Username'];
  const secret = answer['Secret'];
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot ask "${program}" for the login of "${server}": its answer has no Username and Secret`,
    );
  }
  if (secret === '') return undefined;
  return username === '<token>'
    ? { kind: 'identityToken', token: secret }
    : { kind: 'password', username, password: secret };
}

function runHelper(program: string, server: string, env: Env): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: env as NodeJS.ProcessEnv,
      timeout: HELPER_TIMEOUT_MS,
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (stdout.length > MAX_FILE_BYTES) child.kill('SIGKILL');
    });
    child.stdin.on('error', () => undefined); // it may answer without reading
    child.stdin.end(server);
    child.once('close', (code) => {
      resolve({ code: code ?? 1, stdout });
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new RrunError(
          'PROGRAM_MISSING',
          `cannot ask "${program}" for the login of "${server}": ${error.code === 'ENOENT' ? 'not found in PATH' : (error.code ?? error.message)}`,
          {
            hint: 'install it, or remove it from credHelpers and credsStore',
            cause: error,
          },
        ),
      );
    });
  });
}

function tryParseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

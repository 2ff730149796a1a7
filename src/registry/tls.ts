// Whom we trust: the system's certificates (Node brings its own list, which knows no company's authority), SSL_CERT_FILE, SSL_CERT_DIR and
// containers-certs.d(5), whose directories also hold client certificates.

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';

import { RrunError } from '../errors.js';
import { configHome } from './registries-conf.js';

export interface TlsSettings {
  rejectUnauthorized: boolean;
  secureContext: tls.SecureContext;
}

type Env = Readonly<Record<string, string | undefined>>;

const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Arch, Gentoo
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem', // Alpine
];

/** Settings for connections to `host` ("host[:port]"). */
export async function loadTlsSettings(host: string, insecure: boolean, env: Env = process.env): Promise<TlsSettings> {
  const own = await loadCertsDir(host, env);
  const trusted = insecure && own.authorities.length === 0 ? [] : [...(await loadAuthorities(env)), ...own.authorities];
  try {
    return {
      rejectUnauthorized: !insecure,
      secureContext: tls.createSecureContext({
        // Empty where nothing is checked: without it Node would load its own list, for 20 ms.
        ca: trusted,
        ...(own.clients.length > 0
          ? { cert: own.clients.map(({ cert }) => cert), key: own.clients.map(({ key }) => key) }
          : {}),
      }),
    };
  } catch (error) {
    throw new RrunError('CONFIG_INVALID', `cannot use the certificates for "${host}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function loadAuthorities(env: Env): Promise<(string | Buffer)[]> {
  const file = env['SSL_CERT_FILE'];
  const dir = env['SSL_CERT_DIR'];
  const chosen: (string | Buffer)[] = [];
  if (file !== undefined && file !== '') chosen.push(await readConfigured(file, 'SSL_CERT_FILE'));
  if (dir !== undefined && dir !== '') {
    for (const part of dir.split(':')) chosen.push(...(await readAll(part, () => true)));
  }
  if (chosen.length > 0) return chosen;

  const bundle = await firstReadable(SYSTEM_BUNDLES);
  const extra = env['NODE_EXTRA_CA_CERTS'];
  return [
    ...(bundle === undefined ? tls.rootCertificates : [bundle]),
    ...(extra !== undefined && extra !== '' ? [await readFile(extra).catch(() => '')] : []),
  ].filter((pem) => pem.length > 0);
}

async function loadCertsDir(
  host: string,
  env: Env,
): Promise<{ authorities: Buffer[]; clients: { cert: Buffer; key: Buffer }[] }> {
  const roots = [path.join(configHome(env), 'containers/certs.d'), '/etc/containers/certs.d', '/etc/docker/certs.d'];
  const authorities: Buffer[] = [];
  const clients: { cert: Buffer; key: Buffer }[] = [];
  // The name comes from a reference or a redirect: it must stay one directory.
  if (!/^[A-Za-z0-9.:[\]_-]+$/.test(host) || host.startsWith('.')) return { authorities, clients };
  for (const root of roots) {
    const dir = path.join(root, host);
    authorities.push(...(await readAll(dir, (name) => name.endsWith('.crt'))));
    for (const name of (await list(dir)).filter((entry) => entry.endsWith('.cert'))) {
      const keyFile = path.join(dir, name.replace(/\.cert$/, '.key'));
      clients.push({
        cert: await readConfigured(path.join(dir, name), 'certs.d'),
        key: await readConfigured(keyFile, 'certs.d'),
      });
    }
  }
  return { authorities, clients };
}

async function readAll(dir: string, wanted: (name: string) => boolean): Promise<Buffer[]> {
  const files = (await list(dir)).filter(wanted);
  const contents = await Promise.all(files.map((name) => readFile(path.join(dir, name)).catch(() => Buffer.alloc(0))));
  return contents.filter((content) => content.includes('-----BEGIN'));
}

async function list(dir: string): Promise<string[]> {
  return (await readdir(dir).catch(() => [])).sort();
}

async function firstReadable(files: readonly string[]): Promise<Buffer | undefined> {
  for (const file of files) {
    const content = await readFile(file).catch(() => undefined);
    if (content !== undefined && content.length > 0) return content;
  }
  return undefined;
}

async function readConfigured(file: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new RrunError('CONFIG_INVALID', `cannot read "${file}" of ${setting}: ${code}`, { cause: error });
  }
}

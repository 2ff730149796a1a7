// What can go wrong between us and a server, as sentences. The codes are Node's, OpenSSL's and undici's.

import { RrunError } from '../errors.js';

/** The innermost code of an error chain: "ECONNREFUSED", "CERT_HAS_EXPIRED", "UND_ERR_SOCKET". */
export function errorCode(error: unknown): string {
  let found = '';
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth++) {
    const { code, name, cause, errors } = current as {
      code?: unknown;
      name?: unknown;
      cause?: unknown;
      errors?: unknown;
    };
    if (typeof code === 'string') found = code;
    else if (name === 'HTTPParserError') found = 'HPE_INVALID';
    current = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return found;
}

const CONNECTION_LOST = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'EAI_AGAIN',
  'ENETRESET',
  'ECONNABORTED',
]);

/** True where the same request may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  return CONNECTION_LOST.has(errorCode(error));
}

/** True where the other side did not speak TLS as we did: it may speak plain HTTP. */
export function isNotTls(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code === 'EPROTO' ||
    code.startsWith('ERR_SSL_') ||
    code === 'ECONNRESET' ||
    code === 'ECONNREFUSED' ||
    code === 'UND_ERR_SOCKET'
  );
}

const CERTIFICATE_REASONS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an authority that is not known here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check the clock',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};

/** `action` completes "cannot …" ("pull \"x\""); `host` is the one that was asked. */
export function unreachable(action: string, host: string, error: unknown, proxy?: string): RrunError {
  if (error instanceof RrunError) return error;
  const { why, hint } = explain(error, host);
  const through = proxy === undefined ? '' : ` through the proxy "${proxy}"`;
  return new RrunError(
    'REGISTRY_UNREACHABLE',
    `cannot ${action}: registry "${host}" cannot be reached${through}: ${why}`,
    { hint, cause: error },
  );
}

function explain(error: unknown, host: string): { why: string; hint?: string } {
  const code = errorCode(error);
  const certificate = CERTIFICATE_REASONS[code];
  if (certificate !== undefined) {
    return {
      why: `${certificate} (${code})`,
      hint: `put the authority's certificate into ~/.config/containers/certs.d/${host}/ca.crt, or use --tls-verify=false`,
    };
  }
  switch (code) {
    case 'ECONNREFUSED':
      return {
        why: 'connection refused (ECONNREFUSED)',
        hint: 'check the host name and the port, and that the registry runs',
      };
    case 'ENOTFOUND':
      return { why: 'no such host name (ENOTFOUND)', hint: 'check the spelling, the network and /etc/resolv.conf' };
    case 'EAI_AGAIN':
      return { why: 'the name server does not answer (EAI_AGAIN)', hint: 'check the network and /etc/resolv.conf' };
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return { why: 'no connection in time (ETIMEDOUT)', hint: 'check the network, a firewall, and HTTPS_PROXY' };
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return { why: 'it stopped answering' };
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return { why: `no route to it (${code})`, hint: 'check the network' };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return { why: 'it closed the connection (ECONNRESET)' };
    case 'EPROTO':
      return { why: 'it does not speak TLS (EPROTO)', hint: 'if it speaks plain HTTP, use --tls-verify=false' };
    default:
      if (code.startsWith('ERR_SSL_')) {
        return { why: `TLS fails (${code})`, hint: 'if it speaks plain HTTP, use --tls-verify=false' };
      }
      if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') return { why: 'its answer is not HTTP' };
      return { why: code === '' ? ((error as Error).message ?? String(error)) : code };
  }
}

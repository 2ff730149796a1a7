// Answers a registry's 401: Basic, or a token from the place that it names (distribution-spec, "token authentication").

import { RrunError } from '../errors.js';
import { readBounded } from './bounded.js';
import { parseChallenges, type Challenge } from './challenge.js';
import type { Credentials } from './credentials.js';
import type { HttpClient } from './http.js';

const MAX_TOKEN_BYTES = 1 << 20;
const CLIENT_ID = 'rrun';

export interface AuthContext {
  http: HttpClient;
  /** Registry as typed, for errors. */
  host: string;
  repository: string;
  /** Whether the registry itself was reached without TLS or with an unchecked certificate. */
  insecure: boolean;
  credentials: () => Promise<Credentials | undefined>;
  action: string;
  signal?: AbortSignal | undefined;
}

/** The Authorization header that satisfies one of the challenges; undefined where none can be. */
export async function answerChallenge(context: AuthContext, header: string): Promise<string | undefined> {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) return `Bearer ${await fetchToken(context, bearer)}`;
  if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
  const credentials = await context.credentials();
  return credentials?.kind === 'password' ? basic(credentials) : undefined;
}

async function fetchToken(context: AuthContext, challenge: Challenge): Promise<string> {
  const realm = parseRealm(context, challenge);
  const service = challenge.parameters['service'];
  const scope = challenge.parameters['scope'] ?? `repository:${context.repository}:pull`;
  const credentials = await context.credentials();
  const request = { url: realm, action: context.action, signal: context.signal };

  const fields = new URLSearchParams({ ...(service === undefined ? {} : { service }), scope });
  if (credentials?.kind === 'identityToken') {
    fields.set('grant_type', 'refresh_token');
    fields.set('refresh_token', credentials.token);
    fields.set('client_id', CLIENT_ID);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return readToken(
      context,
      realm,
      await context.http.send({ ...request, method: 'POST', headers, body: fields.toString() }),
    );
  }
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.append(name, value);
  if (credentials !== undefined) url.searchParams.set('account', credentials.username);
  const authorization = credentials === undefined ? undefined : basic(credentials);
  return readToken(context, realm, await context.http.send({ ...request, url, method: 'GET', authorization }));
}

function parseRealm({ host, insecure, action }: AuthContext, challenge: Challenge): URL {
  const realm = challenge.parameters['realm'] ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new RrunError(
      'REGISTRY_INVALID',
      `cannot ${action}: registry "${host}" asks for a token but names no place to get one`,
    );
  }
  // Credentials must not travel in the clear because a registry says so.
  if (url.protocol === 'http:' && !insecure) {
    throw new RrunError(
      'REGISTRY_INVALID',
      `cannot ${action}: registry "${host}" wants a token to be fetched over plain HTTP from "${url.host}"`,
    );
  }
  return url;
}

async function readToken(
  context: AuthContext,
  realm: URL,
  response: Awaited<ReturnType<HttpClient['send']>>,
): Promise<string> {
  const { action, host } = context;
  if (response.status === 401 || response.status === 403) {
    response.discard();
    const known = (await context.credentials()) !== undefined;
    throw new RrunError(
      'REGISTRY_REFUSED',
      `cannot ${action}: "${realm.host}" refuses ${known ? 'the login' : 'anonymous access'} for registry "${host}" (${response.status})`,
      {
        hint: known ? 'log in again' : 'log in to the registry, and check the name',
      },
    );
  }
  if (response.status !== 200) {
    response.discard();
    throw new RrunError(
      'REGISTRY_INVALID',
      `cannot ${action}: "${realm.host}" gives no token for registry "${host}": status ${response.status}`,
    );
  }
  const text = (await readBounded(response.body, MAX_TOKEN_BYTES, `the token of "${realm.host}"`, action)).toString(
    'utf8',
  );
  const token = tokenOf(text);
  // What follows "Bearer" must not be able to start another header.
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
    throw new RrunError('REGISTRY_INVALID', `cannot ${action}: "${realm.host}" answers without a token`);
  }
  return token;
}

function tokenOf(text: string): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(text) as { token?: unknown; access_token?: unknown };
    return [token, accessToken].find((value): value is string => typeof value === 'string' && value !== '');
  } catch {
    return undefined;
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

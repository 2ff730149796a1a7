// HTTP as registries need it: proxies, certificates, plain HTTP where that is allowed, redirects that leak nothing, a few short
// retries. Knows no registry protocol.

import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';

import { RrunError } from '../errors.js';
import { VERSION } from '../util/version.js';
import { isNotTls, isTransient, unreachable } from './http-errors.js';
import { isLoopback, proxyFor } from './proxy.js';
import { loadTlsSettings } from './tls.js';

const CONNECT_TIMEOUT_MS = 15_000;
/** Registries that fetch from elsewhere on demand take their time before the first byte. */
const HEADERS_TIMEOUT_MS = 60_000;
/** Between two chunks. */
const BODY_TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 10;
const MAX_DISCARDED_BYTES = 64 << 10;
const RETRY_DELAYS_MS = [200, 1000];
const MAX_RETRY_AFTER_MS = 10_000;
const RETRIED_STATUS = new Set([408, 429, 500, 502, 503, 504]);
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST';
  url: URL;
  headers?: Record<string, string>;
  /** Sent to the origin of `url` only, never after a redirect to another one. */
  authorization?: string | undefined;
  body?: string;
  signal?: AbortSignal | undefined;
  /** Completes "cannot …" in errors. */
  action: string;
}

export interface HttpResponse {
  status: number;
  /** One value each, the first. */
  header(name: string): string | undefined;
  body: Readable;
  /** For who does not want the body: a short one is read, so that the connection can be used again. */
  discard(): void;
  /** After redirects. */
  url: URL;
}

export interface HttpOptions {
  /** Certificates are not checked, and plain HTTP is tried where TLS fails. */
  insecure: boolean;
  env?: Readonly<Record<string, string | undefined>>;
}

export class HttpClient {
  readonly #options: HttpOptions;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();
  /** Hosts that were found to speak plain HTTP. */
  readonly #plainHosts = new Set<string>();
  /** Hosts that were found to speak TLS: a connection that they cut is no reason to try without. */
  readonly #tlsHosts = new Set<string>();

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** Sends a request, following redirects and trying again where that helps. Any status other than a redirect is an answer. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const visited = new Set<string>();
    let current = request;
    for (;;) {
      const response = await this.#sendWithRetries(current);
      const location = response.header('location');
      if (!REDIRECT_STATUS.has(response.status) || location === undefined) return response;
      response.discard();
      visited.add(response.url.href);
      current = this.#redirected(current, response.url, location, visited);
    }
  }

  /** Ends all connections; without it they keep the process alive for a while. */
  async close(): Promise<void> {
    const dispatchers = await Promise.allSettled([...this.#dispatchers.values()]);
    await Promise.all(dispatchers.flatMap((made) => (made.status === 'fulfilled' ? [made.value.destroy()] : [])));
  }

  #redirected(request: HttpRequest, from: URL, location: string, visited: Set<string>): HttpRequest {
    const fail = (why: string): RrunError =>
      new RrunError('REGISTRY_INVALID', `cannot ${request.action}: registry "${from.host}" ${why}`);
    if (!URL.canParse(location, from.href)) throw fail('redirects to something that is no URL');
    const url = new URL(location, from.href);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail(`redirects to "${url.protocol}"`);
    if (from.protocol === 'https:' && url.protocol === 'http:' && !this.#isInsecure(url)) {
      throw fail(`redirects from HTTPS to plain HTTP at "${url.host}"`);
    }
    if (visited.has(url.href)) throw fail('redirects in a circle');
    if (visited.size >= MAX_REDIRECTS) throw fail(`redirects more than ${MAX_REDIRECTS} times`);
    const next: HttpRequest = { ...request, url };
    if (url.origin !== from.origin) delete next.authorization;
    if (next.method === 'POST') {
      next.method = 'GET';
      delete next.body;
    }
    return next;
  }

  async #sendWithRetries(request: HttpRequest): Promise<HttpResponse> {
    for (let attempt = 0; ; attempt++) {
      const delay = RETRY_DELAYS_MS[attempt];
      let response: HttpResponse;
      try {
        response = await this.#sendOnce(request);
      } catch (error) {
        if (request.signal?.aborted === true) throw error;
        if (delay === undefined || !isTransient(error)) {
          throw unreachable(request.action, request.url.host, error, proxyFor(request.url, this.#options.env)?.host);
        }
        await sleep(delay, undefined, { signal: request.signal });
        continue;
      }
      if (delay === undefined || !RETRIED_STATUS.has(response.status)) return response;
      const wait = retryAfter(response.header('retry-after')) ?? delay;
      if (wait > MAX_RETRY_AFTER_MS) return response;
      response.discard();
      await sleep(wait, undefined, { signal: request.signal });
    }
  }

  async #sendOnce(request: HttpRequest): Promise<HttpResponse> {
    const { url } = request;
    if (url.protocol === 'https:' && this.#plainHosts.has(url.host))
      return this.#exchange({ ...request, url: asPlain(url) });
    try {
      const response = await this.#exchange(request);
      if (url.protocol === 'https:') this.#tlsHosts.add(url.host);
      return response;
    } catch (error) {
      const mayBePlain = url.protocol === 'https:' && this.#isInsecure(url) && !this.#tlsHosts.has(url.host);
      if (!mayBePlain || !isNotTls(error)) throw error;
      const response = await this.#exchange({ ...request, url: asPlain(url) });
      this.#plainHosts.add(url.host);
      return response;
    }
  }

  async #exchange({ method, url, headers, authorization, body, signal }: HttpRequest): Promise<HttpResponse> {
    const dispatcher = await this.#dispatcherFor(url);
    const response = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: {
        'user-agent': `rrun/${VERSION}`,
        // Blobs and manifests are stored as they are: no transfer compression.
        'accept-encoding': 'identity',
        ...headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
    const { body: received } = response;
    // undici reports a body that is given up as an error of its stream; those who read it get it all the same.
    received.on('error', () => undefined);
    return {
      status: response.statusCode,
      header: (name) => {
        const value = response.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      body: received,
      discard: () => void received.dump({ limit: MAX_DISCARDED_BYTES }).catch(() => undefined),
      url,
    };
  }

  #isInsecure(url: URL): boolean {
    return this.#options.insecure || isLoopback(url.hostname);
  }

  #dispatcherFor(url: URL): Promise<Dispatcher> {
    let dispatcher = this.#dispatchers.get(url.origin);
    if (dispatcher === undefined) {
      dispatcher = this.#createDispatcher(url);
      this.#dispatchers.set(url.origin, dispatcher);
    }
    return dispatcher;
  }

  async #createDispatcher(url: URL): Promise<Dispatcher> {
    const { Agent, ProxyAgent } = await import('./undici.js');
    const env = this.#options.env ?? process.env;
    const tls = url.protocol === 'https:' ? await loadTlsSettings(url.host, this.#isInsecure(url), env) : {};
    const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS };
    // The default of 250 ms per address gives up too early on slow lines.
    const common = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      bodyTimeout: BODY_TIMEOUT_MS,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 2_000,
    };
    const proxy = proxyFor(url, env);
    if (proxy === undefined) return new Agent({ ...common, connect });
    return new ProxyAgent({ ...common, uri: proxy.href, requestTls: connect, proxyTunnel: url.protocol === 'https:' });
  }
}

function asPlain(url: URL): URL {
  const plain = new URL(url.href);
  plain.protocol = 'http:';
  return plain;
}

/** Milliseconds from "120" or a date; undefined when it cannot be read. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

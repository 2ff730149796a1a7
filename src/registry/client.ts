// One repository of one registry, read-only: manifests and blobs of the OCI distribution-spec. Checks digests of manifests; those of
// blobs are checked by who stores them.

import { createHash } from 'node:crypto';

import { RrunError } from '../errors.js';
import type { Digest } from '../util/brand.js';
import { isDigest } from '../util/digest.js';
import { answerChallenge } from './auth.js';
import { readBounded } from './bounded.js';
import { tryLoadCredentials, type Credentials } from './credentials.js';
import { HttpClient, type HttpRequest, type HttpResponse } from './http.js';
import { unreachable } from './http-errors.js';
import { isLoopback } from './proxy.js';
import type { Endpoint } from './registries-conf.js';

export const MAX_MANIFEST_BYTES = 4 << 20;
const MAX_ERROR_BYTES = 64 << 10;
/** How often a blob that was cut is continued, each time only if the last attempt brought something. */
const MAX_RESUMES = 5;

export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

export interface FetchedManifest {
  bytes: Buffer;
  /** As the registry says; the manifest's own mediaType is checked later. */
  mediaType: string;
  digest: Digest;
}

export interface ClientOptions {
  endpoint: Endpoint;
  /** undefined: as configured; false: neither certificates nor TLS are asked for; true: even where the configuration says insecure. */
  tlsVerify?: boolean | undefined;
  /** The image as typed, for errors. */
  subject: string;
  env?: Readonly<Record<string, string | undefined>> | undefined;
  signal?: AbortSignal | undefined;
}

export class RegistryClient {
  readonly #endpoint: Endpoint;
  readonly #action: string;
  readonly #base: URL;
  readonly #http: HttpClient;
  readonly #insecure: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #loadCredentials: () => Promise<Credentials | undefined>;
  /** Shared by everything that is fetched at the same time; replaced once it is refused. */
  #authorization: Promise<string | undefined> | undefined;

  constructor({ endpoint, tlsVerify, subject, env = process.env, signal }: ClientOptions) {
    this.#endpoint = endpoint;
    this.#action = `pull "${subject}"`;
    // Docker Hub's registry has another name than its images.
    const host = endpoint.host === 'docker.io' ? 'registry-1.docker.io' : endpoint.host;
    this.#base = new URL(`https://${host}/v2/${endpoint.path}/`);
    const insecure = tlsVerify === undefined ? endpoint.insecure : !tlsVerify;
    this.#insecure = insecure || isLoopback(host);
    this.#http = new HttpClient({ insecure, env });
    this.#signal = signal;
    let credentials: Promise<Credentials | undefined> | undefined;
    this.#loadCredentials = () => (credentials ??= tryLoadCredentials(endpoint.host, endpoint.path, env));
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  /** `reference` is a tag or a digest. */
  async fetchManifest(reference: string): Promise<FetchedManifest> {
    const response = await this.#request('GET', `manifests/${reference}`, { accept: MANIFEST_TYPES.join(', ') });
    if (response.status !== 200) throw await this.#refused(response, 'manifest');
    const bytes = await this.#readBody(response, MAX_MANIFEST_BYTES, 'the manifest');
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
    const announced = response.header('docker-content-digest');
    const want = isDigest(reference) ? reference : isDigest(announced) ? announced : digest;
    if (digest !== want) {
      throw new RrunError(
        'DIGEST_MISMATCH',
        `cannot ${this.#action}: the manifest has digest ${digest}, want ${want}`,
        {
          hint: 'the registry or something between here and there alters what it sends',
        },
      );
    }
    return {
      bytes,
      mediaType: (response.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
      digest,
    };
  }

  /** What a tag points to now; undefined where the registry does not say. */
  async fetchManifestDigest(tag: string): Promise<Digest | undefined> {
    const response = await this.#request('HEAD', `manifests/${tag}`, { accept: MANIFEST_TYPES.join(', ') });
    if (response.status !== 200) throw await this.#refused(response, 'manifest');
    response.discard();
    const digest = response.header('docker-content-digest');
    return isDigest(digest) ? digest : undefined;
  }

  /** The bytes of a blob as they come; a transfer that is cut is continued where it broke off. Never gives more than `size` bytes. */
  async *fetchBlob({ digest, size }: { digest: Digest; size: number }): AsyncGenerator<Buffer> {
    let done = 0;
    for (let resumes = 0; ; resumes++) {
      const before = done;
      try {
        for await (const chunk of this.#blobFrom(digest, done, size)) {
          done += chunk.length;
          yield chunk;
        }
        if (done >= size) return;
      } catch (error) {
        if (error instanceof RrunError || this.#signal?.aborted === true) throw error;
        if (resumes >= MAX_RESUMES || done === before) throw this.#cut(digest, done, size, error);
        continue;
      }
      if (resumes >= MAX_RESUMES || (resumes > 0 && done === before)) throw this.#cut(digest, done, size);
    }
  }

  async *#blobFrom(digest: Digest, from: number, size: number): AsyncGenerator<Buffer> {
    const response = await this.#request(
      'GET',
      `blobs/${digest}`,
      from === 0 ? {} : { range: `bytes=${from}-${size - 1}` },
    );
    if (response.status !== 200 && response.status !== 206) throw await this.#refused(response, `blob ${digest}`);
    // A server that knows no ranges starts anew: what we have is passed over.
    let skip = from;
    if (response.status === 206) {
      const start = /^bytes (\d+)-/.exec(response.header('content-range') ?? '')?.[1];
      if (Number(start ?? 0) !== from) {
        response.discard();
        throw this.#invalid(`it sent another part of blob ${digest} than was asked for`);
      }
      skip = 0;
    }
    let left = size - from;
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        const useful = skip > 0 ? chunk.subarray(Math.min(skip, chunk.length)) : chunk;
        skip -= chunk.length - useful.length;
        if (useful.length > left)
          throw new RrunError(
            'DIGEST_MISMATCH',
            `cannot store blob ${digest}: got more than the ${size} bytes it should have`,
          );
        left -= useful.length;
        if (useful.length > 0) yield useful;
      }
    } finally {
      response.discard();
    }
  }

  #cut(digest: Digest, got: number, size: number, cause?: unknown): RrunError {
    return new RrunError('DIGEST_MISMATCH', `cannot store blob ${digest}: got ${got} bytes, want ${size}`, {
      hint: 'the connection was cut: run the pull again',
      cause,
    });
  }

  async #request(method: 'GET' | 'HEAD', path: string, headers: Record<string, string>): Promise<HttpResponse> {
    const request: HttpRequest = {
      method,
      url: new URL(path, this.#base),
      headers,
      signal: this.#signal,
      action: this.#action,
    };
    const used = this.#authorization;
    const response = await this.#http.send({ ...request, authorization: await used });
    // After a redirect the 401 is somebody else's: our login is none of its business.
    if (response.status !== 401 || response.url.host !== this.#base.host) return response;

    const challenge = response.header('www-authenticate');
    if (challenge === undefined) return response;
    // Several requests may come back with 401 at once: the first of them gets the new token, the others share it.
    if (this.#authorization === used) {
      const context = {
        http: this.#http,
        host: this.#endpoint.host,
        repository: this.#endpoint.path,
        insecure: this.#insecure,
        credentials: this.#loadCredentials,
        action: this.#action,
        signal: this.#signal,
      };
      this.#authorization = answerChallenge(context, challenge);
      this.#authorization.catch(() => undefined); // awaited below, and by others
    }
    const authorization = await this.#authorization;
    if (authorization === undefined) return response;
    response.discard();
    return this.#http.send({ ...request, authorization });
  }

  async #readBody(response: HttpResponse, maxBytes: number, what: string): Promise<Buffer> {
    try {
      return await readBounded(response.body, maxBytes, what, this.#action);
    } catch (error) {
      throw unreachable(this.#action, this.#endpoint.host, error);
    }
  }

  #invalid(why: string): RrunError {
    return new RrunError('REGISTRY_INVALID', `cannot ${this.#action}: registry "${this.#endpoint.host}": ${why}`);
  }

  /** The error for a status that is no success; `what` was asked for. */
  async #refused(response: HttpResponse, what: string): Promise<RrunError> {
    const { code, message } = await readErrorBody(response);
    const { host } = this.#endpoint;
    const answer = `registry "${host}" answers ${response.status}${message === '' ? '' : ` "${message}"`}`;
    const fail = (errorCode: 'MANIFEST_UNKNOWN' | 'REGISTRY_REFUSED' | 'REGISTRY_INVALID', hint?: string): RrunError =>
      new RrunError(errorCode, `cannot ${this.#action}: ${answer}${what === 'manifest' ? '' : ` for ${what}`}`, {
        hint,
      });
    switch (response.status) {
      case 404:
        return what === 'manifest'
          ? fail('MANIFEST_UNKNOWN', code === 'NAME_UNKNOWN' ? 'check the name' : 'check the name and the tag')
          : fail('REGISTRY_INVALID');
      case 401:
      case 403: {
        const known = (await this.#loadCredentials()) !== undefined;
        return fail(
          'REGISTRY_REFUSED',
          known
            ? 'check the name, or log in again: the login stored for this registry may not read it'
            : 'check the name, or log in to the registry: it may be private',
        );
      }
      case 429:
        return fail('REGISTRY_REFUSED', retryHint(response.header('retry-after')));
      default:
        return fail(
          'REGISTRY_INVALID',
          response.status >= 500 ? 'the registry has a problem of its own: try again later' : undefined,
        );
    }
  }
}

function retryHint(retryAfter: string | undefined): string {
  const seconds = /^\d{1,6}$/.exec(retryAfter ?? '')?.[0];
  return seconds === undefined
    ? 'too many pulls: wait, log in to the registry, or use a mirror (registries.conf)'
    : `wait ${seconds} seconds, log in to the registry, or use a mirror (registries.conf)`;
}

/** The first error of the distribution-spec's error body, made safe to print. */
async function readErrorBody(response: HttpResponse): Promise<{ code: string; message: string }> {
  const bytes = await readBounded(response.body, MAX_ERROR_BYTES, 'the error', 'read').catch(() => Buffer.alloc(0));
  try {
    const { errors } = JSON.parse(bytes.toString('utf8')) as { errors?: { code?: unknown; message?: unknown }[] };
    const first = errors?.[0];
    return { code: printable(first?.code), message: printable(first?.message) || printable(first?.code) };
  } catch {
    return { code: '', message: '' };
  }
}

function printable(value: unknown): string {
  return typeof value === 'string'
    ? value
        .replace(/[^\x20-\x7e]+/g, ' ')
        .slice(0, 200)
        .trim()
    : '';
}

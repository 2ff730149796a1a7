// A real registry (Debian's docker-registry) on loopback, images made in code and pushed to it by plain HTTP, and a proxy in front
// of it that misbehaves as told.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface Closing {
  after(close: () => void | Promise<void>): void;
}

export interface Registry {
  /** "127.0.0.1:PORT". */
  address: string;
  stop(): Promise<void>;
}

/** Starts a registry that the end of the test stops. `http` is put into its configuration ("tls: {…}"), `extra` beside it. */
export async function startRegistry(
  context: Closing,
  options: { http?: string; extra?: string; ready?: (address: string) => Promise<boolean> } = {},
): Promise<Registry> {
  const dir = mkdtempSync(path.join(tmpdir(), 'registry-'));
  const address = `127.0.0.1:${await freePort()}`;
  const config = path.join(dir, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: ${dir}/data}\n  delete: {enabled: true}\nhttp:\n  addr: "${address}"\n${options.http ?? ''}\n${options.extra ?? ''}\n`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      resolve();
    }),
  );
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  context.after(stop);
  const ready = options.ready ?? answers;
  for (let tries = 0; !(await ready(address)); tries++) {
    if (tries > 400 || child.exitCode !== null) throw new Error(`docker-registry does not answer: ${said}`);
    await sleep(25);
  }
  return { address, stop };
}

async function answers(address: string): Promise<boolean> {
  return fetch(`http://${address}/v2/`).then(
    (response) => response.status === 200 || response.status === 401,
    () => false,
  );
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// ---- images

export interface FileSpec {
  name: string;
  content?: string | Buffer;
  mode?: number;
  uid?: number;
  gid?: number;
  type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo';
  linkname?: string;
}

export interface ImageSpec {
  repository?: string;
  tag?: string;
  /** Bottom first; each a list of members, or the bytes of a tar. */
  layers?: readonly (readonly FileSpec[] | Buffer)[];
  /** Merged into the image's config: Env, Cmd, User, … */
  config?: Record<string, unknown>;
  os?: string;
  architecture?: string;
  variant?: string;
  created?: string;
  /** Whose media types; default OCI. */
  format?: 'oci' | 'docker';
  compression?: 'gzip' | 'none';
  /** Changes the documents before they are pushed; for images that are wrong. */
  change?: (documents: { config: Record<string, unknown>; manifest: Record<string, unknown> }) => void;
}

export interface Blob {
  mediaType: string;
  digest: string;
  size: number;
  bytes: Buffer;
}

export interface BuiltImage {
  /** "127.0.0.1:PORT/repository:tag". */
  reference: string;
  repository: string;
  /** Digest of the config. */
  id: string;
  manifest: Blob;
  config: Blob;
  layers: Blob[];
  diffIds: string[];
  platform: { os: string; architecture: string; variant?: string };
}

export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function hostArchitecture(): string {
  return ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[process.arch] ?? process.arch;
}

/** A tar of these members. */
export async function makeTar(files: readonly FileSpec[]): Promise<Buffer> {
  const archive = pack();
  for (const {
    name,
    content = '',
    type = name.endsWith('/') ? 'directory' : 'file',
    linkname,
    mode,
    uid = 0,
    gid = 0,
  } of files) {
    const header = {
      name,
      type,
      uid,
      gid,
      mode: mode ?? (type === 'directory' ? 0o755 : 0o644),
      mtime: new Date(0),
      ...(linkname === undefined ? {} : { linkname }),
    };
    if (type === 'file') archive.entry({ ...header, size: Buffer.byteLength(content) }, content as string);
    else archive.entry(header);
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Makes an image, pushes it and returns what is known about it. */
export async function buildImage(address: string, spec: ImageSpec = {}): Promise<BuiltImage> {
  const { repository = 'test/image', tag = 'latest', format = 'oci' } = spec;
  const tars = await Promise.all(
    (spec.layers ?? [[{ name: 'hello', content: 'hello\n' }]]).map(async (layer) =>
      Buffer.isBuffer(layer) ? layer : makeTar(layer),
    ),
  );
  const layers = tars.map((tar) => makeLayer(tar, format, spec.compression ?? 'gzip'));
  const platform = {
    os: spec.os ?? 'linux',
    architecture: spec.architecture ?? hostArchitecture(),
    ...(spec.variant === undefined ? {} : { variant: spec.variant }),
  };
  const config: Record<string, unknown> = {
    ...platform,
    created: spec.created ?? '2024-05-06T07:08:09Z',
    config: { Cmd: ['/bin/sh'], ...spec.config },
    rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
    history: tars.map((_, index) => ({ created_by: `layer ${index}` })),
  };
  const manifest: Record<string, unknown> = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES[format].manifest,
    layers: layers.map(descriptorOf),
  };
  spec.change?.({ config, manifest });
  const configBlob = makeBlob(Buffer.from(JSON.stringify(config)), MEDIA_TYPES[format].config);
  const manifestBlob = makeBlob(
    Buffer.from(JSON.stringify({ config: descriptorOf(configBlob), ...manifest })),
    MEDIA_TYPES[format].manifest,
  );

  for (const blob of [...layers, configBlob]) await pushBlob(address, repository, blob.bytes);
  await pushManifest(address, repository, tag, manifestBlob);
  return {
    reference: `${address}/${repository}:${tag}`,
    repository,
    id: configBlob.digest,
    manifest: manifestBlob,
    config: configBlob,
    layers,
    diffIds: tars.map(sha256),
    platform,
  };
}

/** Pushes an index of images that are there already, as REPOSITORY:TAG. */
export async function pushIndex(
  address: string,
  name: { repository: string; tag: string; format?: 'oci' | 'docker' },
  images: readonly BuiltImage[],
): Promise<Blob> {
  const { repository, tag, format = 'oci' } = name;
  const mediaType = MEDIA_TYPES[format].index;
  const manifests = images.map(({ manifest, platform }) => ({ ...descriptorOf(manifest), platform }));
  const index = makeBlob(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })), mediaType);
  await pushManifest(address, repository, tag, index);
  return index;
}

const MEDIA_TYPES = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: { gzip: 'application/vnd.oci.image.layer.v1.tar+gzip', none: 'application/vnd.oci.image.layer.v1.tar' },
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: {
      gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
      none: 'application/vnd.docker.image.rootfs.diff.tar',
    },
  },
} as const;

function makeLayer(tar: Buffer, format: 'oci' | 'docker', compression: 'gzip' | 'none'): Blob {
  return makeBlob(compression === 'gzip' ? gzipSync(tar) : tar, MEDIA_TYPES[format].layer[compression]);
}

export function makeBlob(bytes: Buffer, mediaType: string): Blob {
  return { mediaType, digest: sha256(bytes), size: bytes.length, bytes };
}

export function descriptorOf({ mediaType, digest, size }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size };
}

export async function pushBlob(address: string, repository: string, bytes: Buffer): Promise<void> {
  const started = await fetch(`http://${address}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(started.headers.get('location') ?? '', `http://${address}`);
  location.searchParams.set('digest', sha256(bytes));
  const done = await fetch(location, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { 'content-type': 'application/octet-stream' },
  });
  if (done.status !== 201) throw new Error(`push of a blob: ${done.status} ${await done.text()}`);
}

export async function pushManifest(
  address: string,
  repository: string,
  reference: string,
  { bytes, mediaType }: Blob,
): Promise<void> {
  const done = await fetch(`http://${address}/v2/${repository}/manifests/${reference}`, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { 'content-type': mediaType },
  });
  if (done.status !== 201) throw new Error(`push of a manifest: ${done.status} ${await done.text()}`);
}

// ---- faults

export interface FaultRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingMessage['headers'];
}

/** What the proxy does with a request: answers itself, or changes what the registry answered. Undefined: passes it through. */
export type Fault = (
  request: FaultRequest,
  response: ServerResponse,
  upstream: () => Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>,
) => Promise<void | 'pass'> | void | 'pass';

export interface FaultProxy {
  address: string;
  /** Every request that came, in order. */
  requests: FaultRequest[];
}

/** Starts a proxy before the registry at `upstream`; `fault` returns 'pass' for what is to go through unchanged. */
export async function startFaultProxy(
  context: Closing,
  upstream: string,
  fault: Fault,
  host?: string,
): Promise<FaultProxy> {
  const requests: FaultRequest[] = [];
  const server = createServer((incoming, response) => {
    const request = { method: incoming.method ?? 'GET', path: incoming.url ?? '/', headers: incoming.headers };
    requests.push(request);
    void (async () => {
      const ask = (): ReturnType<typeof askUpstream> => askUpstream(upstream, request);
      if ((await fault(request, response, ask)) !== 'pass') return;
      const answer = await ask();
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    })().catch(() => response.destroy());
  });
  return { address: await listen(context, server, host), requests };
}

/** Starts a server of one's own, stopped with the test; returns "HOST:PORT". */
export async function listen(context: Closing, server: Server, host = '127.0.0.1'): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  context.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `${host}:${(server.address() as AddressInfo).port}`;
}

function askUpstream(
  upstream: string,
  { method, path: target, headers }: FaultRequest,
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      `http://${upstream}${target}`,
      { method, headers: { ...headers, host: upstream } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: Buffer.concat(chunks) });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end();
  });
}

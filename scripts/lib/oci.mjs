// Writes an image as an OCI image layout, and pushes such a layout to a registry. For stand-ins and tests; no part of rrun.
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};
const goArch = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  ia32: '386',
};

/** The machine's architecture in the image-spec's spelling. */
export const architecture = goArch[process.arch] ?? process.arch;

/** An OCI layout below `dir` that is filled by `addImage` and closed by `finish`. */
export class Layout {
  #dir;

  constructor(dir) {
    this.#dir = dir;
    mkdirSync(path.join(dir, 'blobs/sha256'), { recursive: true });
    writeFileSync(path.join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  /** Adds a manifest of `layers` (streams of tar) for one architecture; returns its descriptor. */
  async addImage({ layers, config, arch = architecture }) {
    const written = [];
    for (const layer of layers) written.push(await this.#writeLayer(layer));
    const configBlob = this.#writeJson({
      architecture: arch,
      os: 'linux',
      created: '2025-01-01T00:00:00Z',
      config,
      rootfs: { type: 'layers', diff_ids: written.map(({ diffId }) => diffId) },
      history: written.map(() => ({ created: '2025-01-01T00:00:00Z', created_by: 'rrun test image' })),
    });
    const manifest = this.#writeJson({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, ...configBlob },
      layers: written.map(({ descriptor }) => descriptor),
    });
    return { mediaType: types.manifest, ...manifest, platform: { architecture: arch, os: 'linux' } };
  }

  /** Names what was added: one manifest stands alone, more than one become a multi-architecture index. */
  finish(manifests) {
    const [first] = manifests;
    const top = manifests.length === 1 ? first : this.#writeIndex(manifests);
    writeFileSync(
      path.join(this.#dir, 'index.json'),
      JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [top] }),
    );
  }

  #writeIndex(manifests) {
    return { mediaType: types.index, ...this.#writeJson({ schemaVersion: 2, mediaType: types.index, manifests }) };
  }

  #writeJson(value) {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    writeFileSync(this.#blobPath(digest), bytes);
    return { digest, size: bytes.length };
  }

  async #writeLayer(tar) {
    const temp = path.join(this.#dir, 'layer.tmp');
    const diff = createHash('sha256');
    const compressed = createHash('sha256');
    const gzip = createGzip({ level: 6 });
    gzip.on('data', (chunk) => compressed.update(chunk));
    tar.on('data', (chunk) => diff.update(chunk));
    await pipeline(tar, gzip, createWriteStream(temp));
    const digest = `sha256:${compressed.digest('hex')}`;
    renameSync(temp, this.#blobPath(digest));
    const descriptor = { mediaType: types.layer, digest, size: statSync(this.#blobPath(digest)).size };
    return { descriptor, diffId: `sha256:${diff.digest('hex')}` };
  }

  #blobPath(digest) {
    return blobPath(this.#dir, digest);
  }
}

/** Pushes the image of the layout in `dir` to `registry` ("127.0.0.1:5000") as `name`:`tag`. */
export async function pushLayout(dir, registry, name, tag) {
  const { manifests } = JSON.parse(readFileSync(path.join(dir, 'index.json'), 'utf8'));
  await pushManifest({ dir, base: `http://${registry}/v2/${name}`, descriptor: manifests[0], reference: tag });
}

async function pushManifest({ dir, base, descriptor, reference }) {
  const bytes = readFileSync(blobPath(dir, descriptor.digest));
  const value = JSON.parse(bytes.toString('utf8'));
  for (const child of value.manifests ?? [])
    await pushManifest({ dir, base, descriptor: child, reference: child.digest });
  for (const blob of value.layers === undefined ? [] : [value.config, ...value.layers]) await pushBlob(dir, base, blob);
  await request(`${base}/manifests/${reference}`, {
    method: 'PUT',
    headers: { 'content-type': descriptor.mediaType },
    body: bytes,
  });
}

async function pushBlob(dir, base, { digest, size }) {
  if ((await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const started = await request(`${base}/blobs/uploads/`, { method: 'POST' });
  const target = new URL(started.headers.get('location'), base);
  target.searchParams.set('digest', digest);
  const body = createReadStream(blobPath(dir, digest));
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) };
  await request(target, { method: 'PUT', headers, body, duplex: 'half' });
}

async function request(url, init) {
  const response = await fetch(url, init);
  if (!response.ok)
    throw new Error(`cannot push to ${url}: ${init.method} answers ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  return response;
}

export function isLayout(dir) {
  return existsSync(path.join(dir, 'index.json'));
}

function blobPath(dir, digest) {
  return path.join(dir, 'blobs', ...digest.split(':'));
}

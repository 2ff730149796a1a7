import assert from 'node:assert/strict';
import test from 'node:test';

import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  parseManifest,
} from '../../../src/image/manifest.wire.js';

const DIGEST = `sha256:${'b'.repeat(64)}`;
const descriptor = { mediaType: 'application/x', digest: DIGEST, size: 5 };
const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor, descriptor] };
const index = {
  schemaVersion: 2,
  manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }, descriptor],
};

const parse = (document: unknown, mediaType = ''): ReturnType<typeof parseManifest> =>
  parseManifest(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)), mediaType, 'x:y');

test('parseManifest() tells manifests from indexes', () => {
  const cases: [document: unknown, mediaType: string, kind: string][] = [
    [manifest, OCI_MANIFEST, 'manifest'],
    [manifest, DOCKER_MANIFEST, 'manifest'],
    [manifest, 'text/plain', 'manifest'],
    [{ ...manifest, mediaType: OCI_MANIFEST }, OCI_INDEX, 'manifest'],
    [index, OCI_INDEX, 'index'],
    [index, DOCKER_LIST, 'index'],
    [index, 'application/json', 'index'],
  ];
  for (const [document, mediaType, kind] of cases) assert.equal(parse(document, mediaType).kind, kind, mediaType);
});

test('parseManifest() keeps what is needed and no more', () => {
  const found = parse({ ...manifest, annotations: { a: 'b' } }, DOCKER_MANIFEST);
  assert.deepEqual(found, {
    kind: 'manifest',
    mediaType: DOCKER_MANIFEST,
    config: descriptor,
    layers: [descriptor, descriptor],
  });
  const list = parse(index, OCI_INDEX);
  assert.deepEqual(list, {
    kind: 'index',
    manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }, descriptor],
  });
});

test('parseManifest() refuses what is no manifest', () => {
  const cases: [document: unknown, mediaType: string, message: RegExp][] = [
    ['<html>', OCI_MANIFEST, /it is not JSON/],
    ['[]', OCI_MANIFEST, /not a JSON object/],
    [{ schemaVersion: 1, fsLayers: [] }, OCI_MANIFEST, /schema version 1/],
    [{}, OCI_MANIFEST, /no schemaVersion 2/],
    [{ ...manifest, manifests: [] }, OCI_MANIFEST, /both an index and a manifest/],
    [{ schemaVersion: 2 }, 'application/x', /media type is "application\/x"/],
    [{ ...manifest, config: undefined }, OCI_MANIFEST, /config is not a descriptor/],
    [{ ...manifest, layers: undefined }, OCI_MANIFEST, /layers are not a list/],
    [
      { ...manifest, layers: [{ ...descriptor, digest: 'sha256:../../etc/passwd' }] },
      OCI_MANIFEST,
      /layers\[0\] has no digest/,
    ],
    [{ ...manifest, layers: [{ ...descriptor, size: -1 }] }, OCI_MANIFEST, /layers\[0\] has no size/],
    [{ ...manifest, layers: [{ ...descriptor, size: '5' }] }, OCI_MANIFEST, /layers\[0\] has no size/],
    [{ ...manifest, layers: [{ ...descriptor, size: 1e300 }] }, OCI_MANIFEST, /layers\[0\] has no size/],
    [{ ...manifest, layers: Array(501).fill(descriptor) }, OCI_MANIFEST, /more than 500 layers/],
    [{ ...manifest, config: { ...descriptor, size: 5_000_000 } }, OCI_MANIFEST, /config is larger/],
    [{ schemaVersion: 2, manifests: {} }, OCI_INDEX, /manifests are not a list/],
    [{ schemaVersion: 2, manifests: Array(2001).fill(descriptor) }, OCI_INDEX, /more than 2000/],
  ];
  for (const [document, mediaType, message] of cases) {
    assert.throws(() => parse(document, mediaType), { code: 'IMAGE_INVALID', message });
  }
});

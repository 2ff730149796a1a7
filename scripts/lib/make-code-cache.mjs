// Runs a few commands and keeps what V8 has compiled for them. They may fail here (no user namespaces where it is built): then the
// cache has less in it, and a start compiles more.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from './root.mjs';

const script = path.join(root, 'scripts/lib/code-cache.cjs');

/** What most starts are, in order of their weight: V8 forgets what the last runs have not used. */
const commands = [
  ['images'],
  ['create', '--network', 'none', '--name', 'made', 'image', '/true'],
  ['ps', '-a'],
  ['rm', 'made'],
  ['run', '-d', '--name', 'one', '-e', 'A=B', '-v', '/tmp:/mnt', '-w', '/mnt', 'image', '/true'],
  ['run', '--rm', '--network', 'none', 'image', '/true'],
  ['run', '--rm', '--network', 'none', 'image', '/true'],
];

export function makeCodeCache(dist, name) {
  const home = mkdtempSync(path.join(tmpdir(), 'rrun-cache-'));
  const env = { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home, RRUN_EXE: path.join(dist, 'rrun') };
  // Root may have no ids to give; in a user namespace it is as anybody else.
  const prefix = process.getuid() === 0 ? ['unshare', '--user', '--map-root-user'] : [];
  makeStore(path.join(home, '.local/share/rrun'));
  for (const args of commands) {
    const [program, ...argv] = [...prefix, process.execPath, script, path.join(dist, name), ...args];
    // The pipe takes the plan, which nobody carries out.
    spawnSync(program, argv, { env: { ...env, RRUN_PLAN_FD: '3' }, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  }
  rmSync(home, { recursive: true, force: true });
}

/** A store with an image of one layer, as a pull leaves it. */
function makeStore(store) {
  const diffId = digest('layer');
  const config = { os: 'linux', architecture: { x64: 'amd64' }[process.arch] ?? process.arch, config: { Cmd: ['sh'] } };
  const put = (value) => {
    const text = JSON.stringify(value);
    write(path.join(store, 'blobs/sha256', digest(text).slice(7)), text);
    return { mediaType: value.mediaType, digest: digest(text), size: text.length };
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const configDescriptor = put({ ...config, rootfs: { type: 'layers', diff_ids: [diffId] } });
  const descriptor = put({
    schemaVersion: 2,
    mediaType,
    config: { ...configDescriptor, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digest('blob'), size: 4 }],
  });
  const reference = 'docker.io/library/image:latest';
  write(
    path.join(store, 'refs', encodeURIComponent(reference)),
    JSON.stringify({ version: 1, reference, descriptor, updated: '' }),
  );
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const facts = { entries: 1, sizeBytes: 1, skippedDevices: 0, skippedXattrs: 0, rootListed: true, impliedDirs: [] };
  for (const kind of ['ranges', 'single']) {
    const layer = path.join(store, 'layers', `${diffId.slice(7)}.${kind}`);
    write(path.join(layer, 'fs/etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    const record = { version: 1, diffId, kind, bootId, ...facts, whiteouts: 'native', hasOpaque: false };
    write(path.join(layer, 'layer.json'), JSON.stringify(record));
  }
  for (const name of ['tmp', 'containers', 'names', 'volumes', 'cache']) mkdirSync(path.join(store, name));
  write(path.join(store, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
}

function write(file, text) {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text);
}

function digest(text) {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

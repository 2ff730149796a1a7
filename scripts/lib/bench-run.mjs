// The measurements, run as the unprivileged user by scripts/bench.mjs: bench-run.mjs BUILT-TREE IMAGES RESULT [MEASUREMENT…].
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { toTable } from './bench-table.mjs';
import { pushLayout } from './oci.mjs';

const [tree, images, resultFile, ...wanted] = process.argv.slice(2);
const work = mkdtempSync(path.join(os.tmpdir(), 'b-'));
const rrun = path.join(tree, 'dist/rrun');
const rounds = 6;
const runsPerRound = 8;

const registry = await startRegistry();
try {
  const tools = await prepareTools(registry.address);
  const measurements = { 'start-none': startNone, 'start-slirp': startSlirp, pull, unpack, memory };
  const names = wanted.length > 0 ? wanted : Object.keys(measurements);
  const results = {};
  for (const name of names) results[name] = await measurements[name](tools);
  const report = { machine: describeMachine(), measurements: results };
  writeFileSync(resultFile, JSON.stringify(report));
  console.log(toTable(report));
} finally {
  registry.stop();
  removeTree(work);
}

/** Start of `true` to the end of the command, no network. */
function startNone({ rrun: ours, podman, bwrap }) {
  return times('start of true, network none', {
    rrun: [...ours, 'run', '--rm', '--network', 'none', 'alpine', 'true'],
    podman: [...podman, 'run', '--rm', '--network', 'none', 'alpine', 'true'],
    bwrap: [...bwrap, '--unshare-all', 'true'],
  });
}

/** bwrap has no network of its own to set up, so it is no measure here. */
function startSlirp({ rrun: ours, podman }) {
  return times('start of true, network slirp4netns', {
    rrun: [...ours, 'run', '--rm', '--network', 'slirp4netns', 'alpine', 'true'],
    podman: [...podman, 'run', '--rm', '--network', 'slirp4netns', 'alpine', 'true'],
  });
}

/** Every pull goes into a new, empty store. */
function pull({ address }) {
  const samples = { rrun: [], podman: [] };
  for (let round = 0; round < 5; round++) {
    for (const name of Object.keys(samples)) samples[name].push(timePull(name, 'debian', address));
  }
  return { title: 'cold pull and unpack of a Debian (one layer)', unit: 's', samples };
}

/** The whole pull of a layer of ten thousand files, against gzip and tar on the same bytes. */
function unpack({ address }) {
  const { manifests } = JSON.parse(readFileSync(path.join(images, 'many/index.json'), 'utf8'));
  const blob = (digest) => path.join(images, 'many/blobs', ...digest.split(':'));
  const layer = blob(JSON.parse(readFileSync(blob(manifests[0].digest), 'utf8')).layers[0].digest);
  const samples = { rrun: [], 'gzip and tar': [] };
  for (let round = 0; round < 7; round++) {
    samples.rrun.push(timePull('rrun', 'many', address));
    const target = path.join(work, 'tar');
    mkdirSync(target);
    samples['gzip and tar'].push(timeOf(['sh', '-c', 'gzip -dc "$0" | tar -x -C "$1"', layer, target]));
    removeTree(target);
  }
  return { title: 'pull of a layer of 10,000 files', unit: 's', samples };
}

/** Proportional set size of what stays beside a container's own command, in KiB a container; three containers each. */
async function memory({ rrun: ours, podman }) {
  const samples = { rrun: [], podman: [], 'rrun, slirp4netns itself': [] };
  for (const [name, tool] of Object.entries({ rrun: ours, podman })) {
    const before = new Set(ownPids());
    const started = [0, 1, 2].map(() =>
      output([...tool, 'run', '-d', '--network', 'slirp4netns', 'alpine', 'sleep', '600']).trim(),
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const stays = ownPids()
      .filter((pid) => !before.has(pid))
      .map(describeProcess)
      .filter(({ command }) => !command.startsWith('sleep 600'));
    const isNetwork = ({ command }) => command.includes('slirp4netns');
    const sum = (list) => list.reduce((total, { pssKib }) => total + pssKib, 0) / started.length;
    samples[name].push(sum(stays.filter((entry) => !isNetwork(entry))));
    if (name === 'rrun') samples['rrun, slirp4netns itself'].push(sum(stays.filter(isNetwork)));
    for (const id of started) spawnSync(tool[0], [...tool.slice(1), 'rm', '-f', id]);
  }
  return { title: 'memory per running container, without the network helper', unit: 'KiB', samples };
}

function timePull(name, image, address) {
  const store = path.join(work, `store-${name}`);
  const argv =
    name === 'rrun'
      ? [rrun, '--root', store, 'pull', '--quiet', `${address}/library/${image}`]
      : [...podmanIn(store), 'pull', '--quiet', '--tls-verify=false', `${address}/library/${image}`];
  const seconds = timeOf(argv);
  removeTree(store);
  return seconds;
}

/** What an earlier sample left to be written to disk is written first, so that it is not this one's to wait for. */
function timeOf([program, ...args]) {
  spawnSync('sync');
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', env: toolEnv() });
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}

/** In turns, so that what else the machine does falls on all alike. */
function times(title, commands) {
  const samples = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, argv] of Object.entries(commands)) samples[name].push(...hyperfine(argv));
  }
  return { title, unit: 's', samples };
}

function hyperfine(argv) {
  const file = path.join(work, 'hyperfine.json');
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const args = ['-N', '--style=none', '--warmup=1', `--runs=${runsPerRound}`, '--export-json', file, quoted];
  const { status, stderr } = spawnSync('hyperfine', args, { encoding: 'utf8', env: toolEnv() });
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return JSON.parse(readFileSync(file, 'utf8')).results[0].times;
}

async function prepareTools(address) {
  for (const image of ['alpine', 'many', 'debian'])
    await pushLayout(path.join(images, image), address, `library/${image}`, 'latest');
  writeFileSync(
    path.join(work, 'registries.conf'),
    `unqualified-search-registries = ["docker.io"]\n[[registry]]\nprefix = "docker.io"\nlocation = "${address}"\ninsecure = true\n`,
  );
  const ours = [rrun, '--root', path.join(work, 'rrun')];
  const podman = podmanIn(path.join(work, 'podman'));
  for (const tool of [ours, podman]) output([...tool, 'pull', '--quiet', 'docker.io/library/alpine']);
  const rootfs = path.join(work, 'rootfs');
  mkdirSync(rootfs);
  const id = output([...podman, 'create', 'docker.io/library/alpine']).trim();
  const [program, ...args] = podman;
  spawnSync('sh', ['-c', 'out=$1; shift; "$@" | tar -x -C "$out"', 'sh', rootfs, program, ...args, 'export', id], {
    env: toolEnv(),
  });
  const bwrap = ['bwrap', '--uid', '0', '--gid', '0', '--bind', rootfs, '/', '--proc', '/proc', '--dev', '/dev'];
  return { rrun: ours, podman, bwrap, address };
}

/** runc and no systemd: what Debian's podman can do on a machine with a hybrid control group layout. */
function podmanIn(store) {
  const places = ['--root', store, '--runroot', `${store}.run`, '--storage-driver', 'overlay'];
  return [
    'podman',
    '--log-level=error',
    ...places,
    '--runtime',
    'runc',
    '--cgroup-manager',
    'cgroupfs',
    '--events-backend',
    'none',
  ];
}

function toolEnv() {
  return { ...process.env, CONTAINERS_REGISTRIES_CONF: path.join(work, 'registries.conf') };
}

function output([program, ...args]) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: toolEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

function ownPids() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && readOf(name, 'smaps_rollup') !== '');
}

function describeProcess(pid) {
  const pss = /^Pss:\s+(\d+)/m.exec(readOf(pid, 'smaps_rollup'));
  return { command: readOf(pid, 'cmdline').replaceAll('\0', ' '), exe: linkOf(pid), pssKib: Number(pss?.[1] ?? 0) };
}

function readOf(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

async function startRegistry() {
  const port = await freePort();
  const config = path.join(work, 'registry.yml');
  const data = path.join(work, 'registry');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${data}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const address = `127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await fetch(`http://${address}/v2/`).catch(() => undefined))?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { address, stop: () => child.kill() };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Unpacked layers belong to subordinate ids. */
function removeTree(dir) {
  spawnSync('unshare', ['--map-auto', '--map-root-user', 'rm', '-rf', '--', dir, `${dir}.run`]);
  spawnSync('rm', ['-rf', '--', dir, `${dir}.run`]);
}

function describeMachine() {
  const version = (argv) =>
    spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' }).stdout?.split('\n')[0]?.trim() ?? '';
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${os.cpus().length} × ${os.cpus()[0]?.model ?? '?'}`,
    memoryGib: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    node: process.version,
    podman: version(['podman', '--version']),
    runc: version(['/usr/sbin/runc', '--version']),
    bwrap: version(['bwrap', '--version']),
    rrun: version([rrun, '--version']).replace(/^rrun version /, ''),
  };
}

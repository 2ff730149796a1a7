// Where and as whom the tests run: as root a copy of the built checkout that belongs to an unprivileged user, else the checkout.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from './root.mjs';

const testUser = 'rrun-test';
const copied = [
  'build',
  'dist',
  'docs',
  'helpers',
  'node_modules',
  'package.json',
  'scripts',
  'src',
  'test',
  'tsconfig.json',
];

/** `dir` is the built tree, `run(argv)` runs a program there as the test's user, `close()` removes what was made. */
export async function openPlace() {
  return process.getuid() === 0 ? openAsRoot() : openAsUser();
}

function openAsUser() {
  const { uid, gid, username, homedir } = os.userInfo();
  const temp = mkdtempSync('/var/tmp/rrun-');
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir, '.cache'), 'rrun-test');
  mkdirSync(cache, { recursive: true });
  return new Place({
    dir: root,
    temp,
    cache,
    user: { uid, gid, name: username, home: homedir },
    node: process.execPath,
  });
}

function openAsRoot() {
  openDevices();
  const user = ensureUser();
  const temp = mkdtempSync('/var/tmp/rrun-');
  chmodSync(temp, 0o711);
  const dir = path.join(temp, 'rrun');
  const cache = '/var/cache/rrun-test';
  mkdirSync(dir);
  mkdirSync(cache, { recursive: true });
  for (const name of copied)
    cpSync(path.join(root, name), path.join(dir, name), { recursive: true, verbatimSymlinks: true });
  const node = readableNode(temp);
  writeFileSync(path.join(dir, 'dist/node-path'), `${node}\n`);
  check('chown', ['-R', `${user.uid}:${user.gid}`, temp]);
  return new Place({ dir, temp, cache, user, node });
}

/** A machine made for tests may keep them from users; a user's own machine has a group or an ACL for it. */
function openDevices() {
  const devices = { '/dev/fuse': ['10', '229'], '/dev/net/tun': ['10', '200'] };
  for (const [file, numbers] of Object.entries(devices)) {
    mkdirSync(path.dirname(file), { recursive: true });
    if (!existsSync(file)) spawnSync('mknod', [file, 'c', ...numbers]);
    if (existsSync(file)) chmodSync(file, 0o666);
  }
}

/** useradd gives the user subordinate ids; -m a home. */
function ensureUser() {
  if (spawnSync('id', [testUser]).status !== 0) check('useradd', ['-m', '-s', '/bin/sh', testUser]);
  const [name, , uid, gid, , home] = check('getent', ['passwd', testUser]).trim().split(':');
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/** Node may be installed where only its owner can go. */
function readableNode(temp) {
  const told = spawnSync('setpriv', [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    process.execPath,
    '--version',
  ]);
  if (told.status === 0) return process.execPath;
  const copy = path.join(temp, 'node');
  copyFileSync(process.execPath, copy);
  chmodSync(copy, 0o755);
  return copy;
}

function check(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`cannot prepare the tests: ${[program, ...args].join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

class Place {
  constructor({ dir, temp, cache, user, node }) {
    Object.assign(this, { dir, temp, cache, user, node });
    // Ids that are not the user's must be able to pass through "t" to layers in it.
    for (const [name, mode] of Object.entries({ run: 0o700, t: 0o711 })) {
      mkdirSync(path.join(temp, name), { mode });
      if (process.getuid() === 0) chownSync(path.join(temp, name), user.uid, user.gid);
    }
  }

  /** The environment of a test: nothing of the caller's but what is named here. */
  environment(more = {}) {
    return {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: this.user.home,
      USER: this.user.name,
      LOGNAME: this.user.name,
      LANG: 'C.UTF-8',
      TMPDIR: path.join(this.temp, 't'),
      XDG_RUNTIME_DIR: path.join(this.temp, 'run'),
      RRUN_TEST_CACHE: this.cache,
      RRUN_TEST_USER: `${this.user.name}:${this.user.uid}:${this.user.gid}`,
      RRUN_TEST_ROUNDS: process.env.RRUN_TEST_ROUNDS ?? '200',
      ...(process.env.CI === undefined ? {} : { CI: process.env.CI, RRUN_TEST_MUST: '1' }),
      ...(process.env.RRUN_TEST_MUST === undefined ? {} : { RRUN_TEST_MUST: process.env.RRUN_TEST_MUST }),
      ...(process.env.UPDATE_GOLDEN === undefined ? {} : { UPDATE_GOLDEN: process.env.UPDATE_GOLDEN }),
      ...more,
    };
  }

  /** Runs a program, as root only when asked; its output is shown and returned. */
  run(argv, { env = {}, asRoot = false } = {}) {
    const become = process.getuid() === 0 && !asRoot;
    const { uid, gid } = this.user;
    const ids = become ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--'] : [];
    const [program, ...args] = [...ids, ...argv];
    const home = asRoot ? { HOME: os.homedir(), USER: 'root', LOGNAME: 'root' } : {};
    const child = spawn(program, args, {
      cwd: this.dir,
      env: this.environment({ ...home, ...env }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return collect(child);
  }

  close() {
    if (process.env.RRUN_TEST_KEEP !== undefined) {
      console.log(`kept: ${this.temp}`);
      return;
    }
    // Layers belong to subordinate ids: as an ordinary user only their own user namespace can remove them.
    spawnSync('chmod', ['-R', 'u+rwX', this.temp], { stdio: 'ignore' });
    rmSync(this.temp, { recursive: true, force: true, maxRetries: 2 });
  }
}

/** stdout goes on to ours, but for lines that start with "@", which are for us. */
function collect(child) {
  return new Promise((resolve, reject) => {
    let rest = '';
    const messages = [];
    const take = (line) => (line.startsWith('@') ? messages.push(line) : process.stdout.write(`${line}\n`));
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(take);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (rest !== '') take(rest);
      resolve({ ok: code === 0, status: code ?? signal, messages });
    });
  });
}

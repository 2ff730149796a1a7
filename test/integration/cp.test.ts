// cp both ways, with containers that run and that do not, on every storage driver and kind of id mapping.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const NO_NETWORK = ['--network', 'none'];

/** A tree on the host: d/sub/file, d/link, d/hard = d/sub/file, and a file f. */
function makeTree(home: Home): void {
  mkdirSync(path.join(home.dir, 'h/d/sub'), { recursive: true });
  writeFileSync(path.join(home.dir, 'h/d/sub/file'), 'in the tree', { mode: 0o640 });
  symlinkSync('sub/file', path.join(home.dir, 'h/d/link'));
  writeFileSync(path.join(home.dir, 'h/f'), 'a file');
}

async function contentOf(home: Home, place: string): Promise<string> {
  const tar = await home.ok(['cp', place, '-']);
  return execFileSync('tar', ['-xOf', '-'], { input: tar, encoding: 'utf8' });
}

async function refuses(home: Home, args: string[], status: number, message: RegExp): Promise<void> {
  const result = await home.run(['cp', ...args], { cwd: path.join(home.dir, 'h') });
  assert.equal(result.status, status, describe(args, result));
  assert.match(result.stderr, message);
}

/** The same with a container that runs and with one that does not; `name` is its name. */
async function bothWays(home: Home, name: string): Promise<void> {
  const cwd = path.join(home.dir, 'h');
  const cp = async (...args: string[]): Promise<string> => await home.ok(['cp', ...args], { cwd });
  await cp('f', `${name}:/root/new`);
  await cp('f', `${name}:/root/`);
  await cp('d', `${name}:/root/tree`);
  await cp('d', `${name}:/root/tree`);
  await cp('d/.', `${name}:/root/tree`);
  assert.equal(await contentOf(home, `${name}:/root/new`), 'a file');
  const listing = execFileSync('tar', ['-tvf', '-'], {
    input: await home.ok(['cp', `${name}:/root`, '-']),
    encoding: 'utf8',
  });
  const names = listing
    .trim()
    .split('\n')
    .map((line) => line.replace(/.*?:\d\d /, ''))
    .filter((line) => !/\.ash_history/.test(line));
  assert.deepEqual(names, [
    'root/',
    'root/f',
    'root/new',
    'root/tree/',
    'root/tree/d/',
    'root/tree/d/link -> sub/file',
    'root/tree/d/sub/',
    'root/tree/d/sub/file',
    'root/tree/link -> sub/file',
    'root/tree/sub/',
    'root/tree/sub/file',
  ]);
  assert.match(listing, /^-rw-r----- 0\/0 +11 .*root\/tree\/sub\/file$/m);

  await cp(`${name}:/root/tree`, `out-${name}`);
  assert.equal(readFileSync(path.join(cwd, `out-${name}/d/sub/file`), 'utf8'), 'in the tree');
  assert.equal(readlinkSync(path.join(cwd, `out-${name}/link`)), 'sub/file');
  assert.equal(lstatSync(path.join(cwd, `out-${name}/sub/file`)).uid, process.getuid?.());
  await cp('-L', `${name}:/root/tree/link`, `followed-${name}`);
  assert.equal(readFileSync(path.join(cwd, `followed-${name}`), 'utf8'), 'in the tree');

  const tar = execFileSync('tar', ['-cf', '-', '--owner=7', '--group=8', 'f'], { cwd });
  await home.ok(['cp', '-', `${name}:/root`], { input: tar });
  const owner = execFileSync('tar', ['-tvf', '-'], {
    input: await home.ok(['cp', `${name}:/root/f`, '-']),
    encoding: 'utf8',
  });
  assert.match(owner, /(7\/8|0\/0) /);
}

const cases: Record<string, Case> = {
  'a container that was never started': async (home) => {
    await home.ok(['create', ...NO_NETWORK, '--name', 'never', 'alpine']);
    await bothWays(home, 'never');
    assert.equal(await home.ok(['ps', '-a', '--filter', 'name=never', '--format', '{{.Status}}']), 'Created');
  },
  'a container that runs, and sees it at once': async (home) => {
    await home.ok(['run', '-d', ...NO_NETWORK, '--name', 'runs', 'alpine', 'sleep', '600']);
    await bothWays(home, 'runs');
    await home.ok(['rm', '-f', 'runs']);
  },
  'what was copied in is there at the next start': async (home) => {
    const script = 'cat /root/f; id -u';
    await home.ok(['create', ...NO_NETWORK, '--name', 'later', 'alpine', 'sh', '-c', script]);
    await home.ok(['cp', 'f', 'later:/root/f'], { cwd: path.join(home.dir, 'h') });
    assert.equal(await home.ok(['start', '-a', 'later']), 'a file0');
  },
  'volumes, also of a container that does not run': async (home) => {
    const options = ['--name', 'vol', '-v', 'data:/data', '-v', '/anon'];
    await home.ok(['run', ...NO_NETWORK, ...options, 'alpine', 'sh', '-c', 'echo one > /data/x; echo two > /anon/y']);
    assert.equal(await contentOf(home, 'vol:/data/x'), 'one\n');
    assert.equal(await contentOf(home, 'vol:/anon/y'), 'two\n');
    await home.ok(['cp', 'f', 'vol:/data/new'], { cwd: path.join(home.dir, 'h') });
    assert.equal(readFileSync(path.join(home.store, 'volumes/data/_data/new'), 'utf8'), 'a file');
    await home.ok(['rm', '-v', 'vol']);
  },
  'a file that is mounted is written in place': async (home) => {
    await home.ok(['run', '-d', ...NO_NETWORK, '--name', 'hosts', 'alpine', 'sleep', '600']);
    await home.ok(['cp', 'f', 'hosts:/etc/hosts'], { cwd: path.join(home.dir, 'h') });
    assert.equal(await contentOf(home, 'hosts:/etc/hosts'), 'a file');
    await home.ok(['rm', '-f', 'hosts']);
  },
  'a file system that is read-only': async (home) => {
    await home.ok([
      'run',
      '-d',
      ...NO_NETWORK,
      '--read-only',
      '--tmpfs',
      '/tmp',
      '--name',
      'ro',
      'alpine',
      'sleep',
      '600',
    ]);
    await refuses(home, ['f', 'ro:/root/f'], 125, /cannot copy to "ro:\/root\/f": the file system is read-only/);
    await home.ok(['cp', 'f', 'ro:/tmp/f'], { cwd: path.join(home.dir, 'h') });
    await home.ok(['rm', '-f', 'ro']);
    await home.ok(['create', ...NO_NETWORK, '--read-only', '--name', 'ro', 'alpine']);
    await refuses(home, ['f', 'ro:/root/f'], 125, /its root file system is read-only/);
  },
  'the whole of a running container, without what its kernel makes up': async (home) => {
    await home.ok(['run', '-d', ...NO_NETWORK, '--name', 'whole', 'alpine', 'sleep', '600']);
    await home.ok(['cp', 'whole:/', 'h/whole']);
    assert.ok(existsSync(path.join(home.dir, 'h/whole/etc/passwd')));
    assert.deepEqual(readdirSync(path.join(home.dir, 'h/whole/proc')), []);
    assert.match(await home.ok(['cp', 'whole:/proc/1/status', '-']), /status/); // asked for by name
    await home.ok(['rm', '-f', 'whole']);
  },
  'files of the host that the caller may not read or write': async (home) => {
    if (process.getuid?.() === 0) return;
    await home.ok(['create', ...NO_NETWORK, '--name', 'box', 'alpine']);
    const file = path.join(home.dir, 'h/closed');
    writeFileSync(file, '', { mode: 0o000 });
    await refuses(home, ['closed', 'box:/'], 125, /cannot copy "closed": open: EACCES\n$/);
    await refuses(home, ['box:/etc/passwd', '/etc/passwd'], 125, /cannot copy to "\/etc\/passwd": \w+: EACCES\n$/);
    rmSync(file);
    await home.ok(['rm', 'box']);
  },
  'what cannot be copied is said, with Docker’s reasons': async (home) => {
    await home.ok(['create', ...NO_NETWORK, '--name', 'box', 'alpine']);
    const rows: [string[], number, RegExp][] = [
      [['nope:/x', '.'], 1, /container "nope": no such container/],
      [['box:/nope', '.'], 1, /cannot copy "box:\/nope": no such file or directory/],
      [['nope', 'box:/'], 1, /cannot copy "nope": no such file or directory/],
      [['f', 'box:/no/such/x'], 1, /cannot copy to "box:\/no\/such\/x": no such file or directory/],
      [['f', 'box:/nodir/'], 125, /the destination directory must exist/],
      [['d', 'box:/etc/passwd'], 125, /cannot copy a directory to a file/],
      [['box:/etc', 'f'], 125, /cannot copy a directory to a file/],
      [['box:/etc/passwd', 'no/such'], 1, /cannot copy to "no\/such": no such file or directory/],
      [['box:/etc/passwd', 'nodir/'], 125, /the destination directory must exist/],
      [['f', 'd'], 125, /neither is CONTAINER:PATH/],
      [['box:/a', 'box:/b'], 125, /cannot copy between containers/],
      [['-', 'box:/etc/passwd'], 125, /an archive goes into a directory that exists/],
      [['box:', '.'], 125, /a path is empty/],
    ];
    for (const [args, status, message] of rows) await refuses(home, args, status, message);
    const broken = await home.run(['cp', '-', 'box:/root'], { input: 'this is no archive'.repeat(100) });
    assert.equal(broken.status, 125);
    assert.match(broken.stderr, /cannot copy to "box:\/root": the archive cannot be used: a tar header/);
    assert.deepEqual(home.temporaries(), []);
  },
};

kernelTest('cp', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  makeTree(home);
  await home.ok(['pull', 'alpine']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
});

/** Storage and mapping → what must be here for it. */
const WAYS: [options: string[], needs: Parameters<typeof kernelTest>[1]][] = [
  [['--storage-driver', 'vfs'], ['subid']],
  [
    ['--storage-driver', 'fuse-overlayfs'],
    ['subid', 'fuse-overlayfs'],
  ],
  [
    ['--userns', 'keep-id'],
    ['subid', 'unprivileged'],
  ],
  [
    ['--userns', 'nomap'],
    ['subid', 'unprivileged'],
  ],
  [['--userns', 'single'], ['unprivileged']],
  [['--userns', 'single', '-u', '5'], ['unprivileged']],
];

for (const [options, needs] of WAYS) {
  kernelTest(`cp with ${options.join(' ')}`, ['userns', 'docker-registry', ...needs], async (t) => {
    const home = await openServedHome(t, ['alpine']);
    makeTree(home);
    await home.ok(['create', ...NO_NETWORK, ...options, '--name', 'stopped', 'alpine']);
    await bothWays(home, 'stopped');
    await home.ok(['run', '-d', ...NO_NETWORK, ...options, '--name', 'runs', 'alpine', 'sleep', '600']);
    await bothWays(home, 'runs');
    await home.ok(['rm', '-f', 'runs', 'stopped']);
  });
}

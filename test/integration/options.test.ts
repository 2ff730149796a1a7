// Options of run that change what the container sees: environment, mounts, files, limits, names of things.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { factsOf, mountsOf, parseFacts } from '../support/facts.js';
import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const offline = ['--network', 'none'];

const cases: Record<string, Case> = {
  '-e, --env-file and -e NAME are merged, the later wins': async (home) => {
    const file = path.join(home.dir, 'env');
    writeFileSync(file, '# comment\nA=file\nB=file\nFROM_CALLER\n');
    const facts = await factsOf(
      home,
      [...offline, '--env-file', file, '-e', 'A=flag', '-e', 'ALSO', '-e', 'PATH=/bin'],
      {
        env: { FROM_CALLER: 'yes', ALSO: 'too' },
      },
    );
    for (const entry of ['A=flag', 'B=file', 'FROM_CALLER=yes', 'ALSO=too', 'PATH=/bin']) {
      assert.ok(facts.env.includes(entry), `${entry} not in ${facts.env.join()}`);
    }
  },
  '-v mounts a folder, read-only on request': async (home) => {
    const dir = path.join(home.dir, 'vol');
    mkdirSync(dir, { recursive: true });
    await home.ok(['run', '--rm', ...offline, '-v', `${dir}:/v`, 'payload', '--write', '/v/f', 'written']);
    assert.equal(readFileSync(path.join(dir, 'f'), 'utf8'), 'written');
    const refused = await home.run([
      'run',
      '--rm',
      ...offline,
      '-v',
      `${dir}:/v:ro`,
      'payload',
      '--write',
      '/v/f',
      'again',
    ]);
    assert.match(refused.stderr, /Read-only file system/);
  },
  'a named volume lives on': async (home) => {
    await home.ok(['run', '--rm', ...offline, '-v', 'data:/opaque', 'payload', '--write', '/opaque/new', 'x']);
    const seen = await home.ok(['run', '--rm', ...offline, '-v', 'data:/v', '--entrypoint', 'ls', 'payload', '/v']);
    assert.match(seen, /^new$/m);
  },
  '--mount bind, tmpfs and --tmpfs': async (home) => {
    const dir = path.join(home.dir, 'bound');
    mkdirSync(dir, { recursive: true });
    const options = [
      '--mount',
      `type=bind,source=${dir},target=/b,readonly`,
      '--mount',
      'type=tmpfs,target=/t,tmpfs-size=1m',
      '--tmpfs',
      '/u:size=2m',
    ];
    const mounts = mountsOf(await factsOf(home, [...offline, ...options]));
    assert.ok(mounts.get('/b')?.options.includes('ro'));
    assert.equal(mounts.get('/t')?.type, 'tmpfs');
    assert.ok(mounts.get('/t')?.superOptions.includes('size=1024k'));
    assert.ok(mounts.get('/u')?.superOptions.includes('size=2048k'));
  },
  '--shm-size': async (home) => {
    const mounts = mountsOf(await factsOf(home, [...offline, '--shm-size', '1m']));
    assert.ok(mounts.get('/dev/shm')?.superOptions.includes('size=1024k'));
  },
  '--add-host, --dns and --hostname are in the files of /etc': async (home) => {
    const script = 'cat /etc/hosts /etc/resolv.conf /etc/hostname';
    const options = ['--add-host', 'peer:10.1.2.3', '--dns', '10.9.9.9', '-h', 'named'];
    const text = await home.ok(['run', '--rm', ...options, '--entrypoint', 'sh', 'payload', '-c', script]);
    assert.match(text, /^10\.1\.2\.3\s+peer$/m);
    assert.match(text, /^nameserver 10\.9\.9\.9$/m);
    assert.match(text, /^named$/m);
    assert.match(text, /^127\.0\.0\.1\s+localhost/m);
  },
  '-w makes the folder, -u chooses the user, --group-add adds groups': async (home) => {
    const facts = await factsOf(home, [...offline, '-w', '/new/dir', '-u', '1000:100', '--group-add', 'audio']);
    assert.equal(facts.cwd, '/new/dir');
    assert.deepEqual([facts.uids[0], facts.gids[0]], [1000, 100]);
    assert.ok(facts.groups.includes(18), facts.groups.join());
  },
  '--entrypoint replaces both, an empty one clears': async (home) => {
    assert.equal(await home.ok(['run', '--rm', ...offline, '--entrypoint', 'echo', 'payload', 'x']), 'x');
    assert.equal(await home.ok(['run', '--rm', ...offline, '--entrypoint', '', 'payload', 'echo', 'y']), 'y');
    const facts = parseFacts(await home.ok(['run', '--rm', ...offline, 'payload', '--facts']));
    assert.deepEqual(facts.argv.slice(0, 1), ['--facts']);
  },
  '--init: the command is a child of an init that reaps': async (home) => {
    const facts = await factsOf(home, [...offline, '--init']);
    assert.notEqual(facts.pid, 1);
    assert.equal(facts.ppid, 1);
  },
  '--sysctl sets what belongs to the namespaces': async (home) => {
    const args = [
      'run',
      '--rm',
      ...offline,
      '--sysctl',
      'net.ipv4.ip_unprivileged_port_start=80',
      '--entrypoint',
      'cat',
      'payload',
    ];
    assert.equal(await home.ok([...args, '/proc/sys/net/ipv4/ip_unprivileged_port_start']), '80');
  },
  '--oom-score-adj': async (home) => {
    assert.equal((await factsOf(home, [...offline, '--oom-score-adj', '500'])).oomScoreAdj.trim(), '500');
  },
  'labels and annotations are kept and found': async (home) => {
    const id = await home.ok(['create', ...offline, '-l', 'a=b', '--label', 'only', 'payload']);
    assert.equal(await home.ok(['inspect', '--format', '{{index .Config.Labels "a"}}', id]), 'b');
    assert.equal(await home.ok(['inspect', '--format', '{{index .Config.Labels "org.example.kind"}}', id]), 'payload');
    assert.equal(await home.ok(['ps', '-a', '-q', '--no-trunc', '--filter', 'label=a=b']), id);
    assert.equal(await home.ok(['ps', '-a', '-q', '--filter', 'label=a=c']), '');
    await home.ok(['rm', id]);
  },
  'cp copies in and out of a container that is not running': async (home) => {
    const id = await home.ok(['create', ...offline, 'payload']);
    const file = path.join(home.dir, 'in');
    writeFileSync(file, 'carried\n');
    await home.ok(['cp', file, `${id}:/root/in`]);
    await home.ok(['cp', `${id}:/root/in`, path.join(home.dir, 'out')]);
    assert.equal(readFileSync(path.join(home.dir, 'out'), 'utf8'), 'carried\n');
    await home.ok(['rm', id]);
  },
  'explain prints the plan and the reasons, and makes nothing': async (home) => {
    const text = await home.ok(['explain', '--userns', 'keep-id', '--read-only', 'payload']);
    assert.match(text, /keep-id/);
    // The storage that it says is the one that the plan mounts.
    assert.match(text, /storage +(fuse-overlayfs \(it shifts the owners|vfs \(the image is copied)/);
    const nomap = await home.run(['explain', '--userns', 'nomap', 'payload']);
    assert.match(nomap.stdout, /storage +vfs \(the image is copied for this container: the owner/);
    const plan: unknown = JSON.parse(await home.ok(['explain', '--json', 'payload']));
    assert.equal(typeof plan, 'object');
    assert.deepEqual(await home.containers(), []);
  },
  '--rootfs runs a folder': async (home) => {
    const dir = path.join(home.dir, 'rootfs');
    mkdirSync(path.join(dir, 'bin'), { recursive: true });
    const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((each) => readOrNone(each) !== undefined) ?? '';
    writeFileSync(path.join(dir, 'bin/sh'), readFileSync(busybox), { mode: 0o755 });
    const args = ['run', '--rm', ...offline, '--rootfs', dir, '/bin/sh', '-c', 'echo from a folder; echo x > /x'];
    const result = await home.run(args);
    assert.equal(result.stdout, 'from a folder\n', describe(args, result));
    assert.equal(readFileSync(path.join(dir, 'x'), 'utf8'), 'x\n');
  },
};

kernelTest('options of run', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  await home.ok(['pull', 'payload']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
});

function readOrNone(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

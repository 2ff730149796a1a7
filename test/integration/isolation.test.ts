// What is true inside a container, told by a program that asks the kernel: ids, namespaces, capabilities, mounts, descriptors.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';

import { capMask, DEFAULT_CAPABILITIES, factsOf, mapRows, mountsOf, parseFacts } from '../support/facts.js';
import { kernelTest } from '../support/requires.js';
import type { Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const offline = ['--network', 'none'];

const cases: Record<string, Case> = {
  'root inside is the caller outside, and all its ranges are mapped': async (home) => {
    const facts = await factsOf(home, offline);
    assert.deepEqual(facts.uids, [0, 0, 0]);
    assert.deepEqual(facts.gids, [0, 0, 0]);
    assert.deepEqual(mapRows(facts.uidMap)[0], [0, userInfo().uid, 1]);
    assert.deepEqual(mapRows(facts.gidMap)[0], [0, userInfo().gid, 1]);
    const mapped = mapRows(facts.uidMap).reduce((sum, [, , count]) => sum + count, 0);
    assert.ok(mapped > 65_535, facts.uidMap);
  },
  'every namespace is its own': async (home) => {
    const { namespaces } = await factsOf(home, offline);
    for (const name of ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']) {
      assert.notEqual(namespaces[name], readlinkSync(`/proc/self/ns/${name}`), name);
    }
  },
  'the command is PID 1 and the leader of its session': async (home) => {
    const facts = await factsOf(home, offline);
    assert.equal(facts.pid, 1);
    assert.equal(facts.ppid, 0);
    assert.deepEqual([facts.sid, facts.pgid], [1, 1]);
  },
  'capabilities are Docker’s, and nothing is ambient or inheritable': async (home) => {
    const { status } = await factsOf(home, offline);
    const want = capMask(DEFAULT_CAPABILITIES);
    assert.deepEqual([status['CapEff'], status['CapPrm'], status['CapBnd']], [want, want, want]);
    assert.equal(status['CapAmb'], '0000000000000000');
    assert.equal(status['CapInh'], '0000000000000000');
  },
  'an ordinary user inside has no capabilities': async (home) => {
    const { status, uids } = await factsOf(home, [...offline, '-u', '1000']);
    assert.deepEqual(uids, [1000, 1000, 1000]);
    assert.equal(status['CapEff'], '0000000000000000');
    assert.equal(status['CapPrm'], '0000000000000000');
    assert.equal(status['CapBnd'], capMask(DEFAULT_CAPABILITIES));
  },
  'a seccomp filter is on, and no_new_privs is off as with Docker': async (home) => {
    const { status } = await factsOf(home, offline);
    assert.equal(status['Seccomp'], '2');
    assert.equal(status['NoNewPrivs'], '0');
    const strict = await factsOf(home, [...offline, '--security-opt', 'no-new-privileges']);
    assert.equal(strict.status['NoNewPrivs'], '1');
    const open = await factsOf(home, [...offline, '--security-opt', 'seccomp=unconfined']);
    assert.equal(open.status['Seccomp'], '0');
  },
  'only three descriptors are open, and they are pipes': async (home) => {
    const { fds } = await factsOf(home, [...offline, '-i']);
    assert.deepEqual(Object.keys(fds).sort(), ['0', '1', '2']);
    for (const target of Object.values(fds)) assert.match(target, /^pipe:/);
  },
  'without -i standard input is empty': async (home) => {
    const { fds } = await factsOf(home, offline, { input: 'not for the container' });
    assert.match(fds['0'] ?? '', /\/null$/); // of the host's /dev, so without that part
  },
  'nothing of the caller’s environment is inside': async (home) => {
    const { env } = await factsOf(home, offline, { env: { SECRET_OF_THE_CALLER: 'x', http_proxy: undefined } });
    const names = env.map((entry) => entry.split('=')[0]).sort();
    assert.deepEqual(names, ['FROM_IMAGE', 'HOME', 'HOSTNAME', 'PATH', 'container']);
  },
  'the host name is the id, and --hostname changes it': async (home) => {
    assert.match((await factsOf(home, offline)).hostname, /^[0-9a-f]{12}$/);
    assert.equal((await factsOf(home, [...offline, '-h', 'box'])).hostname, 'box');
  },
  'the mounts are Docker’s': async (home) => {
    const mounts = mountsOf(await factsOf(home, offline));
    const want: Record<string, string> = {
      '/proc': 'proc',
      '/dev': 'tmpfs',
      '/dev/pts': 'devpts',
      '/dev/shm': 'tmpfs',
      '/dev/mqueue': 'mqueue',
      '/sys': 'sysfs',
    };
    for (const [target, type] of Object.entries(want)) assert.equal(mounts.get(target)?.type, type, target);
    assert.ok(mounts.get('/sys')?.options.includes('ro'));
    assert.ok(mounts.get('/proc/sys')?.options.includes('ro'));
    for (const masked of ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware']) {
      if (existsSync(masked)) assert.ok(mounts.has(masked), `${masked} is not masked`);
    }
  },
  'no path of the host is visible in the mounts but the files made for it': async (home) => {
    const facts = await factsOf(home, offline);
    const roots = facts.mountinfo.split('\n').map((line) => line.split(' ')[3] ?? '');
    const foreign = roots.filter((root) => root.includes(home.dir)).map((root) => path.basename(root));
    for (const name of foreign) assert.ok(['hosts', 'resolv.conf', 'hostname'].includes(name), name);
  },
  'the working directory, umask and rlimits are as documented': async (home) => {
    const facts = await factsOf(home, [
      ...offline,
      '-w',
      '/made/here',
      '--umask',
      '0027',
      '--ulimit',
      'nofile=100:200',
    ]);
    assert.equal(facts.cwd, '/made/here');
    assert.equal(facts.umask, 0o027);
    assert.deepEqual(facts.rlimits['nofile'], [100, 200]);
  },
  'no signal is ignored or blocked': async (home) => {
    const { ignoredSignals, status } = await factsOf(home, offline);
    assert.deepEqual(ignoredSignals, []);
    assert.equal(status['SigBlk'], '0000000000000000');
    assert.equal(status['SigIgn'], '0000000000000000');
  },
  'with -t there is a terminal that controls it': async (home) => {
    const facts = await factsOf(home, [...offline, '-t']).catch(() => undefined);
    if (facts === undefined) return; // stdout of a terminal has \r\n, which JSON allows
    assert.deepEqual(facts.isatty, [1, 1, 1]);
    assert.equal(facts.ttyname, '/dev/pts/0');
    assert.equal(facts.controllingTerminal, true);
  },
  'a read-only root refuses writes outside of tmpfs': async (home) => {
    const args = [
      'run',
      '--rm',
      ...offline,
      '--read-only',
      '--tmpfs',
      '/scratch',
      'payload',
      '--write',
      '/scratch/x',
      'x',
      '--write',
      '/x',
      'x',
    ];
    const result = await home.run(args);
    assert.equal(result.status, 90);
    assert.match(result.stderr, /^\/x: Read-only file system/m);
  },
  'layers hide, replace and link what the layers below have': async (home) => {
    const script =
      'ls /hidden /gone 2>&1; ls /opaque; stat -c %a /tmp; cat /link; stat -c %h /hard; stat -c %u:%g /owned';
    const result = await home.run(['run', '--rm', ...offline, '--entrypoint', 'sh', 'payload', '-c', script]);
    const lines = result.stdout.trim().split('\n');
    assert.deepEqual(lines.slice(2), ['above', '1777', 'one', '2', '1000:1000'], result.stdout);
  },
  'host root and host processes are out of sight': async (home) => {
    const script = 'ls /proc | grep -c "^[0-9]"; cat /proc/1/comm; ls /host 2>&1';
    const result = await home.run(['run', '--rm', ...offline, '--entrypoint', 'sh', 'payload', '-c', script]);
    const [count, comm] = result.stdout.split('\n');
    assert.ok(Number(count) <= 4, result.stdout);
    assert.equal(comm, 'sh');
  },
  '--pid host sees the host’s processes': async (home) => {
    const facts = await factsOf(home, [...offline, '--pid', 'host']);
    assert.equal(facts.namespaces['pid'], readlinkSync('/proc/self/ns/pid'));
    assert.notEqual(facts.pid, 1);
  },
  '--network host shares the network, --uts host the name, --ipc host the IPC': async (home) => {
    const facts = await factsOf(home, ['--network', 'host', '--uts', 'host', '--ipc', 'host']);
    for (const name of ['net', 'uts', 'ipc'])
      assert.equal(facts.namespaces[name], readlinkSync(`/proc/self/ns/${name}`), name);
    assert.equal(facts.hostname, readFileSync('/proc/sys/kernel/hostname', 'utf8').trim());
  },
  '--privileged gives all capabilities and no filter': async (home) => {
    const { status } = await factsOf(home, [...offline, '--privileged']);
    assert.equal(status['CapEff'], status['CapBnd']);
    assert.match(status['CapEff'] ?? '', /^000001ff/);
    assert.equal(status['Seccomp'], '0');
  },
  '--cap-add and --cap-drop change the set': async (home) => {
    const { status } = await factsOf(home, [
      ...offline,
      '--cap-drop',
      'all',
      '--cap-add',
      'NET_ADMIN',
      '--cap-add',
      'CAP_CHOWN',
    ]);
    assert.equal(status['CapEff'], capMask(['NET_ADMIN', 'CHOWN']));
    assert.equal(status['CapBnd'], capMask(['NET_ADMIN', 'CHOWN']));
  },
  'the same facts come from a container that is started again': async (home) => {
    const id = await home.ok(['create', ...offline, 'payload']);
    const first = parseFacts(await home.ok(['start', '-a', id]));
    const second = parseFacts(await home.ok(['start', '-a', id]));
    for (const key of ['env', 'uids', 'groups', 'uidMap', 'status', 'rlimits', 'cwd', 'hostname', 'umask'] as const) {
      assert.deepEqual(second[key], first[key], key);
    }
    await home.ok(['rm', id]);
  },
};

kernelTest('a container is isolated', ['userns', 'subid', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  await home.ok(['pull', 'payload']);
  for (const [name, body] of Object.entries(cases)) await t.test(name, () => body(home));
  await t.test('nothing is left of them', async () => {
    assert.deepEqual(await home.containers(), []);
  });
});

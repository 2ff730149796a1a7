import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import type { ContainerOptions } from '../../../src/bundle/options.js';
import type { Context } from '../../../src/cli/command.js';
import { CONTAINER_FLAGS, UNSUPPORTED_FLAGS } from '../../../src/cli/container-flags.js';
import { checkTerminal, toContainerOptions } from '../../../src/cli/container-options.js';
import { collectFlags, splitFlags } from '../../../src/cli/flags.js';
import type { Config } from '../../../src/host/config.js';
import { RrunError } from '../../../src/errors.js';

let dir = '';
before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'rrun-options-'));
  writeFileSync(
    path.join(dir, 'env'),
    '\uFEFF# comment\n\n  A=1\nB="quoted"\nC= trailing \nINHERITED\nMISSING\nD=x=y\r\n   # another\nlast=yes',
  );
  writeFileSync(path.join(dir, 'labels'), 'one=1\ntwo\n#three=3\n');
  writeFileSync(path.join(dir, 'bad-name'), 'A=1\nB C=2\n');
  writeFileSync(path.join(dir, 'no-name'), '=2\n');
  writeFileSync(path.join(dir, 'latin1'), Buffer.from([0x41, 0x3d, 0xe9]));
  writeFileSync(path.join(dir, 'cid'), 'x');
});
after(() => {
  rmSync(dir, { recursive: true });
});

const ENV = { INHERITED: 'from caller', HOME: '/home/ana', RRUN_EXE: '/usr/bin/rrun', RRUN_PLAN_FD: '3' };

async function parse(words: string[], config: Config = {}): Promise<ContainerOptions> {
  const flags = { ...UNSUPPORTED_FLAGS, ...CONTAINER_FLAGS };
  const split = splitFlags({
    argv: words.map((word) => word.replace('@', dir)),
    flags,
    stopAtFirst: true,
    called: 'rrun run',
  });
  const context = { env: ENV, global: { config, storageDriver: undefined } } as unknown as Context;
  const { flags: values, given } = collectFlags(split.tokens, flags);
  return toContainerOptions(context, { flags: values as never, args: split.args, given });
}

test('an empty value is as good as none, as scripts write --name "$NAME"', async () => {
  const names = Object.entries(CONTAINER_FLAGS).flatMap(([name, spec]) => ('emptyIsUnset' in spec ? [name] : []));
  assert.ok(names.includes('name') && names.includes('pull') && !names.includes('entrypoint'));
  const words = names.flatMap((name) => [`--${name}`, '']);
  assert.deepEqual(await parse([...words, 'alpine']), await parse(['alpine']));
});

test('toContainerOptions() of an image alone has the defaults', async () => {
  const options = await parse(['alpine']);
  assert.equal(options.image, 'alpine');
  assert.deepEqual(options.command, []);
  assert.equal(options.pull, 'missing');
  assert.equal(options.logDriver, 'json-file');
  assert.equal(options.httpProxy, true);
  assert.equal(options.sigProxy, true);
  assert.equal(options.detachKeys, undefined);
  assert.equal(options.network, undefined);
  assert.equal(options.entrypoint, undefined);
  assert.equal(options.tlsVerify, undefined);
  assert.deepEqual(options.env, []);
});

/** Words, and what must be among the options. */
const GOOD: [string[], Partial<ContainerOptions>][] = [
  [['alpine', 'ls', '-l', '--', '-x'], { image: 'alpine', command: ['ls', '-l', '--', '-x'] }],
  [['--rootfs', '/r', 'ls', '-l'], { image: undefined, rootfs: '/r', command: ['ls', '-l'] }],
  [['--rootfs', '/r'], { rootfs: '/r', command: [] }],
  [['-e', 'A=1', '-eB=', '-e', 'INHERITED', 'x'], { env: ['A=1', 'B=', 'INHERITED=from caller'] }],
  [['-e', 'A=1', '-e', 'A=2', 'x'], { env: ['A=2'] }],
  [['-e', 'NOT_SET', 'x'], { env: [], unsetEnv: ['NOT_SET'] }],
  [['-e', 'A=1', '-e', 'A', 'x'], { env: [], unsetEnv: ['A'] }],
  [
    ['--env-file', '@/env', 'x'],
    { env: ['A=1', 'B="quoted"', 'C= trailing ', 'INHERITED=from caller', 'D=x=y', 'last=yes'] },
  ],
  [
    ['--env-file=@/env', '-e', 'A=9', 'x'],
    { env: ['A=9', 'B="quoted"', 'C= trailing ', 'INHERITED=from caller', 'D=x=y', 'last=yes'] },
  ],
  [['--env-host', '-e', 'HOME=/', 'x'], { env: ['INHERITED=from caller', 'HOME=/'] }],
  [
    ['-l', 'a=b', '-l', 'c', '--label-file', '@/labels', '-l', 'one=2', 'x'],
    { labels: { one: '2', two: '', a: 'b', c: '' } },
  ],
  [['--annotation', 'a=b=c', 'x'], { annotations: { a: 'b=c' } }],
  [['--sysctl', 'net.core.somaxconn=10', 'x'], { sysctls: { 'net.core.somaxconn': '10' } }],
  [['--entrypoint', '', 'x'], { entrypoint: '' }],
  [['--net=none', 'x'], { network: 'none' }],
  [['--network', 'host', '--network', 'host', 'x'], { network: 'host' }],
  [['--detach-keys', '', 'x'], { detachKeys: '' }],
  [['--detach-keys=ctrl-a,b', 'x'], { detachKeys: 'ctrl-a,b' }],
  [['-a', 'STDOUT', '-a', 'stdout', '-astderr', 'x'], { attach: ['stdout', 'stderr'] }],
  [['--tls-verify=false', 'x'], { tlsVerify: false }],
  [['--tls-verify', 'x'], { tlsVerify: true }],
  [['--http-proxy=false', '--sig-proxy=0', 'x'], { httpProxy: false, sigProxy: false }],
  [['--stop-timeout', '-1', '--oom-score-adj=-1000', 'x'], { stopTimeout: -1, oomScoreAdj: -1000 }],
  [['-u', '1000:1000', '-w', '/tmp', '-h', 'web', 'x'], { user: '1000:1000', workdir: '/tmp', hostname: 'web' }],
  [
    ['--cidfile', '@/new-cid', '--pull=newer', '--platform', 'linux/arm64', 'x'],
    { pull: 'newer', platform: 'linux/arm64' },
  ],
  [
    ['--dns', '1.1.1.1', '--dns-opt', 'ndots:2', '--dns-search', 'x', 'x'],
    { dns: ['1.1.1.1'], dnsOption: ['ndots:2'], dnsSearch: ['x'] },
  ],
  [['-v', 'a,b:/c', '--cap-drop', 'ALL,X', 'x'], { volumes: ['a,b:/c'], capDrop: ['ALL,X'] }],
];

for (const [words, want] of GOOD) {
  test(`toContainerOptions() of ${JSON.stringify(words)}`, async () => {
    const options = await parse(words);
    const got = Object.fromEntries(Object.keys(want).map((key) => [key, options[key as keyof ContainerOptions]]));
    assert.deepEqual(got, want);
  });
}

test('toContainerOptions() takes what was not said from the configuration', async () => {
  const config: Config = {
    network: { value: 'none', origin: 'x' },
    pull: { value: 'never', origin: 'x' },
    tls_verify: { value: false, origin: 'x' },
    log_driver: { value: 'none', origin: 'x' },
    userns: { value: 'single', origin: 'x' },
  };
  const options = await parse(['alpine'], config);
  assert.deepEqual(
    [options.network, options.pull, options.tlsVerify, options.logDriver, options.userns],
    ['none', 'never', false, 'none', 'single'],
  );
  assert.equal((await parse(['--network=host', '--pull=always', 'alpine'], config)).network, 'host');
});

/** Words, and the message. */
const BAD: [string[], string][] = [
  [[], 'cannot make a container: no image is named'],
  [[''], 'cannot make a container: no image is named'],
  [['-p', '80:80', 'x'], 'cannot use option "--publish": this version of rrun does not support it yet'],
  [['-m512m', 'x'], 'cannot use option "--memory": this version of rrun does not support it yet'],
  [['--restart=always', 'x'], 'cannot use option "--restart": this version of rrun does not support it yet'],
  [
    ['--log-opt', 'max-size=1m', 'x'],
    'cannot use option "--log-opt max-size": this version of rrun does not support it yet',
  ],
  [['--log-driver', 'syslog', 'x'], 'cannot use log driver "syslog": want json-file, none or passthrough'],
  [
    ['--log-driver=passthrough', '-t', 'x'],
    'cannot use option "--tty" with "--log-driver=passthrough": they contradict each other',
  ],
  [['--uts=host', '-h', 'a', 'x'], 'cannot use option "--hostname" with "--uts=host": they contradict each other'],
  [
    ['--no-hosts', '--add-host', 'a:1.2.3.4', 'x'],
    'cannot use option "--add-host" with "--no-hosts": they contradict each other',
  ],
  [['--rootfs=/x', '--pull=always'], 'cannot use option "--pull" with "--rootfs": they contradict each other'],
  [
    ['-a', 'stdin', 'x'],
    'cannot use option "--attach" without both stdout and stderr: this version of rrun does not support it yet',
  ],
  [['-e', '', 'x'], 'cannot use option "--env": it is empty'],
  [['-e', '=x', 'x'], 'cannot use option "--env =x": no name before "="'],
  [['-l', '=x', 'x'], 'cannot use option "--label =x": want KEY=VALUE'],
  [['--sysctl', 'a', 'x'], 'cannot use option "--sysctl a": want KEY=VALUE'],
  [['--oom-score-adj', '1001', 'x'], 'cannot use option "--oom-score-adj 1001": want -1000 to 1000'],
  [['--stop-timeout=-2', 'x'], 'cannot use option "--stop-timeout -2": want -1 to 2147483647'],
  [
    ['--detach-keys', 'ctrl-', 'x'],
    'cannot use option "--detach-keys ctrl-": want letters and ctrl-LETTER with commas between',
  ],
  [
    ['--network=none', '--network=host', 'x'],
    'cannot use option "--network" more than once: this version of rrun connects a container to one network',
  ],
  [['--env-file', '@/absent', 'x'], 'cannot read --env-file "@/absent": open: ENOENT'],
  [['--env-file', '@', 'x'], 'cannot read --env-file "@": read: EISDIR'],
  [['--env-file', '/dev/zero', 'x'], 'cannot read --env-file "/dev/zero": it is larger than 8 MiB'],
  [['--env-file', '@/bad-name', 'x'], 'cannot read --env-file "@/bad-name" line 2: the name "B C" contains blanks'],
  [['--label-file', '@/no-name', 'x'], 'cannot read --label-file "@/no-name" line 1: no name before "="'],
  [['--env-file', '@/latin1', 'x'], 'cannot read --env-file "@/latin1": it is not UTF-8'],
  [['--cidfile', '@/cid', 'x'], 'cannot write the container id to "@/cid": the file exists'],
];

for (const [words, message] of BAD) {
  test(`toContainerOptions() refuses ${JSON.stringify(words)}`, async () => {
    await assert.rejects(parse(words), (error) => {
      assert.ok(error instanceof RrunError);
      assert.equal(error.code, 'USAGE');
      assert.equal(error.message.replaceAll(dir, '@'), message);
      return true;
    });
  });
}

/** Words before the image, whether stdin is a terminal, whether it is fine. */
const TERMINALS: [string[], boolean, boolean][] = [
  [['-it'], false, false],
  [['-it'], true, true],
  [['-t'], false, true],
  [['-i'], false, true],
  [['-it', '-a', 'stdin', '-a', 'stdout', '-a', 'stderr'], false, false],
  [['-it', '-a', 'stdout', '-a', 'stderr'], false, true],
];

for (const [words, stdinIsTTY, fine] of TERMINALS) {
  test(`checkTerminal() of ${words.join(' ')} ${stdinIsTTY ? 'on' : 'without'} a terminal`, async () => {
    const options = await parse([...words, 'x']);
    const check = (): void => {
      checkTerminal({ stdinIsTTY }, options);
    };
    if (fine) check();
    else assert.throws(check, /the input device is not a TTY/);
    options.detach = true;
    if (words.includes('-a')) assert.throws(check, /"--attach" with "--detach"/);
    else check();
  });
}

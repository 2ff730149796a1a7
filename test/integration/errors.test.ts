// Bad input and a broken surrounding: one sentence, the right exit code, nothing left behind.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { rrunProgram } from '../support/paths.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, openHome, type Home, type RunOptions, type RunResult } from '../support/run-rrun.js';
import { openServedHome, serveImages } from '../support/served-images.js';

interface Expected {
  status?: number;
  error: RegExp;
  hint?: RegExp;
}

/** Runs what must fail, and checks the form of the sentence and that no container and no temporary file stays. */
async function fails(
  home: Home,
  args: readonly string[],
  want: Expected,
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await home.run(args, options);
  const text = describe(args, result);
  assert.equal(result.status, want.status ?? 125, text);
  const error = /^rrun: error: (.*)$/m.exec(result.stderr)?.[1] ?? '';
  assert.match(error, want.error, text);
  assert.doesNotMatch(error, /\.$|\bat .*:\d+:\d+/, text);
  if (want.hint !== undefined) assert.match(/^rrun: hint: (.*)$/m.exec(result.stderr)?.[1] ?? '', want.hint, text);
  assert.doesNotMatch(result.stderr, /please report|    at /, text);
  assert.deepEqual(home.temporaries(), [], text);
  assert.deepEqual(containersOnDisk(home), [], text);
  return result;
}

function containersOnDisk(home: Home): string[] {
  try {
    return readdirSync(path.join(home.store, 'containers'));
  } catch {
    return [];
  }
}

const words: [args: string[], want: Expected][] = [
  [['run', '--no-such-option', 'alpine'], { error: /--no-such-option/ }],
  [['run', '--interactiv', 'alpine'], { error: /--interactiv/, hint: /--interactive/ }],
  [['run', '--name'], { error: /--name/ }],
  [['run'], { error: /image/ }],
  [['rnu', '--rm', 'x'], { error: /rnu/ }],
  [['run', 'Upper/Case'], { error: /"Upper\/Case"/ }],
  [['run', 'a//b'], { error: /"a\/\/b"/ }],
  [['run', 'alpine:'], { error: /"alpine:"/ }],
  [['run', 'alpine@sha256:123'], { error: /sha256:123/ }],
  [['run', '--name', '-bad', 'alpine'], { error: /name/ }],
  [['run', '-v', 'relative:/x:nonsense', 'alpine'], { error: /nonsense|relative/ }],
  [['run', '--ulimit', 'nofile=many', 'alpine'], { error: /nofile=many/ }],
  [['run', '--network', 'no-such-network', 'alpine'], { error: /no-such-network/ }],
  [['run', '--cap-add', 'NONSENSE', 'alpine'], { error: /NONSENSE/ }],
  [['run', '--userns', 'nonsense', 'alpine'], { error: /nonsense/ }],
  [['run', '--memory', '1g', 'alpine'], { error: /--memory/ }],
  [['run', '--pull', 'sometimes', 'alpine'], { error: /sometimes/ }],
  [['run', '--env-file', '/no/such/file', 'alpine'], { error: /\/no\/such\/file/ }],
];

kernelTest('a wrong command line is one sentence', ['docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  for (const [args, want] of words) await t.test(args.join(' '), async () => void (await fails(home, args, want)));
});

kernelTest('objects that are not there', ['docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const rows: [string[], Expected][] = [
    [['run', 'apline'], { error: /cannot (pull|find|resolve).*apline/ }],
    [['pull', 'alpine:none'], { status: 125, error: /alpine:none/ }],
    [['run', '--pull', 'never', 'alpine'], { error: /alpine/ }],
    [['start', 'nobody'], { error: /nobody/ }],
    [['rm', 'nobody'], { status: 1, error: /nobody/ }],
    [['inspect', 'nobody'], { status: 1, error: /nobody/ }],
    [['rmi', 'nobody'], { status: 1, error: /nobody/ }],
    [['tag', 'nobody', 'x'], { status: 1, error: /nobody/ }],
    [['run', '--platform', 'linux/s390x', 'alpine'], { error: /s390x/ }],
  ];
  for (const [args, want] of rows) await t.test(args.join(' '), async () => void (await fails(home, args, want)));
});

kernelTest(
  'an image for another machine says so when its command is started',
  ['userns', 'docker-registry'],
  async (t) => {
    const home = await openServedHome(t, ['alpine']);
    const other = process.arch === 'x64' ? 'linux/arm64' : 'linux/amd64';
    const result = await home.run([
      'run',
      '--rm',
      '--network',
      'none',
      '--platform',
      other,
      'alpine',
      '/other-machine',
    ]);
    assert.ok([125, 126].includes(result.status ?? 0), describe(['run'], result));
    assert.match(result.stderr, /^rrun: error: /m);
    assert.doesNotMatch(result.stderr, /^rrun: note: /m); // it was asked for
    const unasked = await home.run(['run', '--rm', '--network', 'none', 'alpine', 'true']);
    assert.match(unasked.stderr, /^rrun: note: the image is for linux\/\w+.*, and this machine is linux\//m);
    assert.deepEqual(await home.containers(), []);
  },
);

kernelTest('a name that is taken', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  await home.ok(['create', '--name', 'taken', 'alpine']);
  const result = await home.run(['run', '--name', 'taken', 'alpine', 'true']);
  assert.equal(result.status, 125);
  assert.match(result.stderr, /^rrun: error: .*"?taken"?.*/m);
  assert.equal((await home.containers()).length, 1);
  await home.ok(['rm', 'taken']);
});

kernelTest('a registry that is down', [], async (t) => {
  const home = openHome(t);
  home.useRegistry('127.0.0.1:1');
  await fails(home, ['run', 'alpine'], { error: /127\.0\.0\.1:1.*(ECONNREFUSED|refused)/ });
});

kernelTest('a store that is not writable', ['unprivileged'], async (t) => {
  const home = openHome(t);
  chmodSync(path.join(home.dir, 'd'), 0o500);
  await fails(home, ['run', 'alpine'], { error: /store|EACCES|writ/ });
  chmodSync(path.join(home.dir, 'd'), 0o700);
});

kernelTest('XDG_RUNTIME_DIR unset or somebody else’s is no error', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const args = ['run', '--rm', '--network', 'none', 'alpine', 'echo', 'fine'];
  for (const value of [undefined, '/', '/no/such/dir', '/root']) {
    const result = await home.run(args, { env: { XDG_RUNTIME_DIR: value } });
    assert.equal(result.status, 0, describe(args, result));
    assert.equal(result.stdout, 'fine\n');
  }
});

kernelTest('a full disk', ['userns', 'docker-registry', 'unprivileged'], async (t) => {
  const home = await openServedHome(t, ['debian']);
  const store = path.join(home.dir, 'small');
  mkdirSync(store);
  // Less than the blobs need; then enough for them but not for what is in them.
  for (const size of ['20m', '100m']) {
    await t.test(`of ${size}`, async () => {
      // The file system lives in a mount namespace of the test's own, so that nothing is mounted on the host.
      const script = `mount -t tmpfs -o size=${size} none "$1" && shift && "$@"; code=$?; ls -A "$0"/rrun/tmp "$0"/rrun/layers | grep -v : ; exit $code`;
      const result = await runInMounts(home, script, store, [
        '--root',
        path.join(store, 'rrun'),
        'pull',
        '--quiet',
        'debian',
      ]);
      assert.equal(result.status, 125, describe(['pull'], result));
      assert.match(result.stderr, /^rrun: error: cannot .*(no space|full|free|ENOSPC)/im);
      assert.equal(result.stdout.trim(), '', 'something was left in the store');
    });
  }
});

kernelTest('a damaged blob of the registry', ['docker-registry'], async (t) => {
  const home = openHome(t);
  const served = await serveImages(home, ['alpine']);
  home.useRegistry(served.address);
  const layer = largestBlob(served.data);
  const original = readFileSync(layer);
  await t.test('truncated', async () => {
    truncateSync(layer, Math.floor(original.length / 2));
    await fails(home, ['pull', 'alpine'], { error: /sha256:|bytes|cut/ });
  });
  await t.test('other bytes of the same length', async () => {
    const changed = Buffer.from(original);
    changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 0xff;
    writeFileSync(layer, changed);
    await fails(home, ['pull', 'alpine'], { error: /sha256:/ });
  });
  await t.test('whole again, the pull works', async () => {
    writeFileSync(layer, original);
    await home.ok(['pull', 'alpine']);
  });
});

async function runInMounts(home: Home, script: string, dir: string, args: readonly string[]): Promise<RunResult> {
  const argv = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, dir, dir, rrunProgram, ...args];
  const result = await finish(spawn('unshare', argv, { env: home.env, stdio: ['ignore', 'pipe', 'pipe'] }));
  if (result === undefined) throw new Error('not finished');
  return result;
}

function largestBlob(data: string): string {
  const blobs = readdirSync(path.join(data, 'docker/registry/v2/blobs/sha256'), {
    recursive: true,
    withFileTypes: true,
  })
    .filter((entry) => entry.name === 'data')
    .map((entry) => path.join(entry.parentPath, entry.name));
  const [largest] = blobs.sort((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) throw new Error('the registry has no blobs');
  return largest;
}

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { configFiles } from '../../../src/host/config.js';
import { chooseDataRoot, ensureRunRoot, type RunRootRequest } from '../../../src/host/dirs.js';
import { homeDirectory } from '../../../src/util/home-directory.js';

const base = mkdtempSync(path.join(tmpdir(), 'rrun-dirs-'));
after(() => {
  rmSync(base, { recursive: true });
});

const uid = process.getuid?.() ?? 0;
let count = 0;

/** An empty machine: no /run/user/UID, a /tmp of its own. */
function machine(): { root: string; request: RunRootRequest; runtime: (mode?: number) => string } {
  const root = path.join(base, String((count += 1)));
  mkdirSync(path.join(root, 'tmp'), { recursive: true });
  mkdirSync(path.join(root, 'user'));
  const runtime = (mode = 0o700): string => {
    const dir = path.join(root, 'runtime');
    mkdirSync(dir);
    chmodSync(dir, mode);
    return dir;
  };
  return {
    root,
    request: { env: {}, uid, runUser: path.join(root, 'user'), temporary: path.join(root, 'tmp') },
    runtime,
  };
}

test('ensureRunRoot() uses XDG_RUNTIME_DIR where it is ours', async () => {
  const { request, runtime } = machine();
  const dir = runtime();
  const chosen = ensureRunRoot({ ...request, env: { XDG_RUNTIME_DIR: dir } });
  assert.deepEqual([chosen.path, chosen.note], [path.join(dir, 'rrun'), undefined]);
  assert.equal(statSync(chosen.path).mode & 0o777, 0o700);
});

for (const HOME of ['', 'relative', undefined]) {
  test(`a HOME of ${JSON.stringify(HOME)} is not believed`, () => {
    const env = HOME === undefined ? {} : { HOME };
    assert.equal(homeDirectory(env), userInfo().homedir);
    const { path: root } = chooseDataRoot(env, 1000);
    assert.equal(root, path.join(userInfo().homedir, '.local/share/rrun'));
    assert.deepEqual(configFiles(env).at(-1), path.join(userInfo().homedir, '.config/rrun/config.toml'));
  });
}

const IGNORED: [string, (dir: string) => string, RegExp][] = [
  ['does not exist', (dir) => path.join(dir, 'absent'), /does not exist/],
  ['is relative', () => 'run/user', /is not an absolute path/],
  [
    'is a file',
    (dir) => {
      writeFileSync(path.join(dir, 'file'), '');
      return path.join(dir, 'file');
    },
    /is not a directory/,
  ],
  [
    'may be written by others',
    (dir) => {
      chmodSync(dir, 0o777);
      return dir;
    },
    /may be written by others/,
  ],
  ['belongs to somebody else', () => (uid === 0 ? '' : '/root'), /belongs to uid 0/],
];

for (const [what, make, reason] of IGNORED) {
  test(`ensureRunRoot() passes over an XDG_RUNTIME_DIR that ${what}, with one note`, async (context) => {
    const { root, request, runtime } = machine();
    const value = make(runtime());
    if (value === '') {
      context.skip('everything belongs to root here');
      return;
    }
    const chosen = ensureRunRoot({ ...request, env: { XDG_RUNTIME_DIR: value } });
    assert.equal(chosen.path, path.join(root, 'tmp', `rrun-${String(uid)}`));
    assert.match(chosen.note ?? '', reason);
    assert.match(chosen.note ?? '', /is used instead$/);
  });
}

test('ensureRunRoot() is silent about a variable that is unset, and prefers /run/user/UID', async () => {
  const { root, request } = machine();
  assert.equal(ensureRunRoot(request).note, undefined);
  mkdirSync(path.join(root, 'user', String(uid)), { mode: 0o700 });
  assert.equal(ensureRunRoot(request).path, path.join(root, 'user', String(uid), 'rrun'));
});

test('ensureRunRoot() makes its directory in /tmp private, and uses it again', async () => {
  const { request } = machine();
  const first = ensureRunRoot(request);
  chmodSync(first.path, 0o755);
  const second = ensureRunRoot(request);
  assert.equal(second.path, first.path);
  assert.equal(statSync(second.path).mode & 0o777, 0o700);
});

const SQUATTED: [string, (target: string, root: string) => void, RegExp][] = [
  [
    'a symbolic link',
    (target, root) => {
      mkdirSync(path.join(root, 'trap'));
      symlinkSync(path.join(root, 'trap'), target);
    },
    /symbolic link/,
  ],
  [
    'a file',
    (target) => {
      writeFileSync(target, '');
    },
    /not a directory/,
  ],
];

for (const [what, make, reason] of SQUATTED) {
  test(`ensureRunRoot() refuses ${what} in its place in /tmp`, () => {
    const { root, request } = machine();
    make(path.join(root, 'tmp', `rrun-${String(uid)}`), root);
    assert.throws(() => ensureRunRoot(request), { code: 'STORE_UNUSABLE', message: reason });
    assert.equal(existsSync(path.join(root, 'trap/rrun')), false);
  });
}

test('ensureRunRoot() refuses a directory of somebody else in /tmp', () => {
  const { root, request } = machine();
  mkdirSync(path.join(root, 'tmp', 'rrun-4242'));
  assert.throws(() => ensureRunRoot({ ...request, uid: 4242 }), {
    code: 'STORE_UNUSABLE',
    message: /it belongs to uid/,
  });
});

test('ensureRunRoot() says that /tmp cannot be written to', () => {
  const { root, request } = machine();
  assert.throws(() => ensureRunRoot({ ...request, temporary: path.join(root, 'absent') }), {
    code: 'STORE_UNUSABLE',
    message: /ENOENT/,
  });
});

test('chooseDataRoot() goes by XDG_DATA_HOME, then HOME, and ignores relative ones', () => {
  const choose = (env: Record<string, string>): string => chooseDataRoot(env, 1000).path;
  assert.equal(choose({ XDG_DATA_HOME: '/data', HOME: '/home/ana' }), '/data/rrun');
  assert.equal(choose({ XDG_DATA_HOME: 'data', HOME: '/home/ana' }), '/home/ana/.local/share/rrun');
  assert.match(choose({ HOME: 'home' }), /^\/.*\.local\/share\/rrun$/);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { tryReadStackFile } from '../../../src/container/stack-file.js';
import { setXattr } from '../../../src/sys/xattr.js';

/** Makes layers, the topmost first; a value is text, or `-> target` for a symlink, or `whiteout`. */
function makeLayers(t: TestContext, ...layers: Record<string, string>[]): string[] {
  const root = mkdtempSync(path.join(tmpdir(), 'rrun-stack-'));
  t.after(() => rmSync(root, { recursive: true }));
  return layers.map((files, index) => {
    const layer = path.join(root, String(index));
    mkdirSync(layer);
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(layer, name);
      mkdirSync(path.dirname(file), { recursive: true });
      if (content === 'whiteout') execFileSync('mknod', [file, 'c', '0', '0']);
      else if (content.startsWith('-> ')) symlinkSync(content.slice(3), file);
      else writeFileSync(file, content);
    }
    return layer;
  });
}

test('tryReadStackFile() takes the topmost', (t) => {
  const layers = makeLayers(t, { 'etc/x': '' }, { 'etc/passwd': 'upper' }, { 'etc/passwd': 'lower' });
  assert.equal(tryReadStackFile(layers, '/etc/passwd'), 'upper');
});

test('tryReadStackFile() knows absence', (t) => {
  assert.equal(tryReadStackFile(makeLayers(t, { 'etc/x': '' }, {}), '/etc/passwd'), undefined);
  assert.equal(tryReadStackFile([], '/etc/passwd'), undefined);
  assert.equal(
    tryReadStackFile(makeLayers(t, { etc: 'a file' }, { 'etc/passwd': 'hidden' }), '/etc/passwd'),
    undefined,
  );
});

test('tryReadStackFile() does not see what a whiteout hides', (t) => {
  assert.equal(
    tryReadStackFile(makeLayers(t, { 'etc/passwd': 'whiteout' }, { 'etc/passwd': 'old' }), '/etc/passwd'),
    undefined,
  );
  assert.equal(tryReadStackFile(makeLayers(t, { etc: 'whiteout' }, { 'etc/passwd': 'old' }), '/etc/passwd'), undefined);
  assert.equal(
    tryReadStackFile(makeLayers(t, { 'etc/.wh.passwd': '' }, { 'etc/passwd': 'old' }), '/etc/passwd'),
    undefined,
  );
});

test('tryReadStackFile() stops at an opaque directory', (t) => {
  assert.equal(
    tryReadStackFile(makeLayers(t, { 'etc/.wh..wh..opq': '' }, { 'etc/passwd': 'old' }), '/etc/passwd'),
    undefined,
  );
});

test("tryReadStackFile() stops at overlay's own form of an opaque directory", (t) => {
  const layers = makeLayers(t, { 'etc/x': '' }, { 'etc/passwd': 'old' });
  assert.equal(tryReadStackFile(layers, '/etc/passwd'), 'old');
  setXattr(path.join(layers[0] ?? '', 'etc'), 'user.overlay.opaque', Buffer.from('y'));
  assert.equal(tryReadStackFile(layers, '/etc/passwd'), undefined);
});

test('tryReadStackFile() resolves links inside of the stack, across layers', (t) => {
  const layers = makeLayers(
    t,
    { 'etc/passwd': '-> /nix/store/p' },
    { 'nix/store': '-> ../real/./deep' },
    { 'real/deep/p': 'found' },
  );
  assert.equal(tryReadStackFile(layers, '/etc/passwd'), 'found');
});

test('tryReadStackFile() never leaves the stack', (t) => {
  const secret = path.join(mkdtempSync(path.join(tmpdir(), 'rrun-secret-')), 'secret');
  writeFileSync(secret, 'secret');
  t.after(() => rmSync(path.dirname(secret), { recursive: true }));
  assert.equal(tryReadStackFile(makeLayers(t, { 'etc/passwd': `-> ${secret}` }), '/etc/passwd'), undefined);
  assert.equal(
    tryReadStackFile(makeLayers(t, { 'etc/passwd': `-> ../../../../../../../../..${secret}` }), '/etc/passwd'),
    undefined,
  );
  assert.equal(tryReadStackFile(makeLayers(t, { etc: `-> ${path.dirname(secret)}` }), '/etc/secret'), undefined);
});

test('tryReadStackFile() gives up on loops of links, on directories and on devices', (t) => {
  assert.equal(tryReadStackFile(makeLayers(t, { 'etc/passwd': '-> passwd' }), '/etc/passwd'), undefined);
  assert.equal(tryReadStackFile(makeLayers(t, { 'etc/passwd/x': '' }), '/etc/passwd'), undefined);
  const [layer = ''] = makeLayers(t, { 'etc/x': '' });
  execFileSync('mkfifo', [path.join(layer, 'etc/passwd')]);
  assert.equal(tryReadStackFile([layer], '/etc/passwd'), undefined);
});

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';

import { restoredDirectories } from '../../../src/snapshot/implied-dirs.js';
import { setXattr } from '../../../src/sys/xattr.js';
import type { UsernsMapping } from '../../../src/util/id-mapping.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'rrun-implied-'));
after(() => {
  rmSync(dir, { recursive: true });
});

const own = (id: number): { containerID: number; hostID: number; size: number }[] => [
  { containerID: 0, hostID: id, size: 1 },
];
const mapping: UsernsMapping = {
  kind: 'ranges',
  uidMappings: own(process.getuid?.() ?? 0),
  gidMappings: own(process.getgid?.() ?? 0),
};

let count = 0;

/** A layer: directories with modes (undefined: implied), files as null, "!" behind a name for opaque. */
function layer(entries: Record<string, number | null | undefined>): string {
  const place = path.join(dir, String(++count));
  const tree = path.join(place, 'fs');
  mkdirSync(tree, { recursive: true });
  const implied: string[] = [];
  let hasOpaque = false;
  for (const [key, mode] of Object.entries(entries)) {
    const name = key.replace('!', '');
    if (mode === null) {
      writeFileSync(path.join(tree, name), '');
      continue;
    }
    mkdirSync(path.join(tree, name));
    chmodSync(path.join(tree, name), mode ?? 0o755);
    if (mode === undefined) implied.push(name);
    if (key.endsWith('!')) setXattr(path.join(tree, name), 'user.overlay.opaque', Buffer.from('y'));
    hasOpaque ||= key.endsWith('!');
  }
  writeFileSync(path.join(place, 'layer.json'), JSON.stringify({ version: 1, impliedDirs: implied, hasOpaque }));
  return tree;
}

const cases: [string, Record<string, number | null | undefined>[], Record<string, number>][] = [
  ['nothing implied', [{ tmp: 0o755 }, { tmp: 0o1777 }], {}],
  ['an implied directory takes after the one below', [{ tmp: undefined }, { tmp: 0o1777 }], { tmp: 0o1777 }],
  ['through several layers that imply it', [{ tmp: undefined }, { tmp: undefined }, { tmp: 0o1777 }], { tmp: 0o1777 }],
  ['one that is the same below needs nothing', [{ usr: undefined }, { usr: 0o755 }], {}],
  ['one that is new needs nothing', [{ opt: undefined }, { usr: 0o700 }], {}],
  ['one that only the bottom implies needs nothing', [{ usr: 0o755 }, { opt: undefined }], {}],
  ['a layer above that lists it decides', [{ tmp: 0o700 }, { tmp: undefined }, { tmp: 0o1777 }], {}],
  [
    'parents come first and look as they do',
    [
      { a: undefined, 'a/b': undefined },
      { a: 0o711, 'a/b': 0o700 },
    ],
    { a: 0o711, 'a/b': 0o700 },
  ],
  [
    'a parent that a layer above lists keeps that mode',
    [{ a: 0o750 }, { a: undefined, 'a/b': undefined }, { a: 0o711, 'a/b': 0o700 }],
    { a: 0o750, 'a/b': 0o700 },
  ],
  [
    'below an opaque directory nothing shows',
    [
      { 'a!': 0o755, 'a/b': undefined },
      { a: 0o711, 'a/b': 0o700 },
    ],
    {},
  ],
  ['an opaque one itself takes after nothing', [{ 'tmp!': undefined }, { tmp: 0o1777 }], {}],
  ['what a file above hides is not brought back', [{ tmp: null }, { tmp: undefined }, { tmp: 0o1777 }], {}],
  [
    'what an opaque directory above hides is not brought back',
    [{ 'a!': 0o755 }, { a: undefined, 'a/b': undefined }, { a: 0o755, 'a/b': 0o700 }],
    {},
  ],
  ['a file below is no directory', [{ tmp: undefined }, { tmp: null }, { tmp: 0o1777 }], {}],
];
for (const [name, layers, want] of cases) {
  test(`restoredDirectories(): ${name}`, async () => {
    const found = await restoredDirectories(layers.map(layer), mapping);
    assert.deepEqual(
      found,
      Object.entries(want).map(([path, mode]) => ({ path, mode, uid: 0, gid: 0 })),
    );
  });
}

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { apparmorProfile } from '../../../src/host/apparmor.js';
import { ociArchitecture } from '../../../src/host/architecture.js';
import { loadCgroupFacts } from '../../../src/host/cgroups.js';
import { loadHostFacts, osReleaseValue } from '../../../src/host/facts.js';
import { parseProgramVersion } from '../../../src/host/program-facts.js';
import { loadStoreFacts, storeWarnings, type StoreFacts } from '../../../src/host/store-facts.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-facts-'));
after(() => {
  rmSync(dir, { recursive: true });
});

const VERSIONS: [string, string, string | undefined][] = [
  ['slirp4netns', 'slirp4netns version 1.2.0\ncommit: 656041d\nlibslirp: 4.7.0\n', '1.2.0'],
  [
    'fuse-overlayfs',
    'fusermount3 version: 3.14.0\nfuse-overlayfs: version 1.10\nFUSE library version 3.14.0\n',
    '1.10',
  ],
  ['fusermount3', 'fusermount3 version: 3.14.0\n', '3.14.0'],
  ['systemctl', 'systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT\n', '252'],
  ['pasta', 'pasta 0.0~git20230309.7c7625d-1\nCopyright Red Hat\n', '0.0~git20230309.7c7625d-1'],
  ['runc', 'runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1\nspec: 1.0.2-dev\n', '1.1.5+ds1'],
  ['netavark', 'netavark 1.4.0\n', '1.4.0'],
  ['x', 'no version here\n', undefined],
];

for (const [name, output, want] of VERSIONS) {
  test(`parseProgramVersion() reads that of ${name}`, () => {
    assert.equal(parseProgramVersion(name, output), want);
  });
}

test('loadHostFacts() looks at this machine, without its programs where versions are not wanted', async () => {
  const facts = await loadHostFacts({ versions: false });
  assert.equal(facts.kernel, release());
  assert.equal(facts.user.uid, process.getuid?.());
  assert.deepEqual(
    facts.devices.map(({ path: device }) => device),
    ['/dev/fuse', '/dev/net/tun', '/dev/kvm'],
  );
  assert.ok(facts.programs.every(({ version }) => version === undefined));
  assert.ok(facts.programs.some(({ name }) => name === 'newuidmap'));
});

test('ociArchitecture() speaks as images do', () => {
  assert.deepEqual(['x64', 'arm64', 'ppc64', 'ia32', 's390x', 'riscv64'].map(ociArchitecture), [
    'amd64',
    'arm64',
    'ppc64le',
    '386',
    's390x',
    'riscv64',
  ]);
});

test('osReleaseValue() reads plain and quoted values', () => {
  const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID=\'12\'\nID=debian\n';
  assert.equal(osReleaseValue(text, 'PRETTY_NAME'), 'Debian GNU/Linux 12 (bookworm)');
  assert.equal(osReleaseValue(text, 'VERSION_ID'), '12');
  assert.equal(osReleaseValue(text, 'ID'), 'debian');
  assert.equal(osReleaseValue(text, 'NAME'), undefined);
});

test('loadCgroupFacts() tells v1 and no cgroups from v2', async () => {
  assert.deepEqual(await loadCgroupFacts(1000, path.join(dir, 'absent')), {
    layout: 'none',
    controllers: [],
    delegated: [],
  });
  mkdirSync(path.join(dir, 'v1/memory'), { recursive: true });
  assert.equal((await loadCgroupFacts(1000, path.join(dir, 'v1'))).layout, 'v1');
});

test('loadStoreFacts() answers for a directory that is not there yet', async () => {
  const target = path.join(dir, 'a/b/c');
  const facts = await loadStoreFacts(target);
  assert.equal(facts.path, target);
  assert.ok(facts.totalBytes > 0);
  assert.notEqual(facts.fsType, 'unknown');
  writeFileSync(path.join(dir, 'file'), '');
  assert.ok((await loadStoreFacts(path.join(dir, 'file/below'))).totalBytes > 0);
});

const ROOMY = {
  path: '/s',
  fsType: 'ext4',
  mountPoint: '/',
  mountOptions: ['rw'],
  freeBytes: 1e12,
  totalBytes: 2e12,
  freeInodes: 1e6,
};

const WARNINGS: [string, Partial<StoreFacts>, RegExp | undefined][] = [
  ['nothing of a local disk', {}, undefined],
  ['NFS', { fsType: 'nfs4' }, /is on nfs4/],
  ['Lustre', { fsType: 'lustre' }, /is on lustre/],
  ['tmpfs', { fsType: 'tmpfs' }, /lost at reboot/],
  ['noexec', { mountOptions: ['rw', 'noexec'] }, /noexec/],
  ['read-only', { mountOptions: ['ro'] }, /read-only/],
  ['little room', { freeBytes: 50 * 1024 ** 2 }, /only 50 MiB left/],
  ['few inodes', { freeInodes: 12 }, /only 12 inodes/],
];

for (const [what, overrides, want] of WARNINGS) {
  test(`storeWarnings() says ${what}`, () => {
    const warnings = storeWarnings({ ...ROOMY, ...overrides });
    if (want === undefined) assert.deepEqual(warnings, []);
    else assert.match(warnings.join('\n'), want);
  });
}

test('apparmorProfile() names the program and escapes what AppArmor would take for a pattern', () => {
  assert.match(
    apparmorProfile('/opt/r run/[x]/rrun'),
    /profile rrun "\/opt\/r run\/\\\[x\\\]\/rrun" flags=\(unconfined\) \{\n {2}userns,/,
  );
});

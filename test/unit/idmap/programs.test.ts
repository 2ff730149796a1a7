import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { checkSetidProgram, findMount, findProgram, type PrivilegeProbe } from '../../../src/idmap/programs.js';
import type { HostPath } from '../../../src/util/brand.js';

const dir = mkdtempSync(path.join(tmpdir(), 'rrun-programs-'));
after(() => {
  rmSync(dir, { recursive: true });
});

const program = path.join(dir, 'mapper') as HostPath;
writeFileSync(program, '#!/bin/sh\n');
chmodSync(program, 0o755);
const isRoot = process.getuid?.() === 0;

test('findProgram() skips relative directories, directories and files without the x bit', () => {
  mkdirSync(path.join(dir, 'a/mapper'), { recursive: true });
  mkdirSync(path.join(dir, 'b'));
  writeFileSync(path.join(dir, 'b/mapper'), '', { mode: 0o644 });
  const search = ['.', '', path.join(dir, 'a'), path.join(dir, 'b'), dir].join(':');
  assert.equal(findProgram('mapper', search), program);
  assert.equal(findProgram('rrun-no-such-program', search), undefined);
});

test('findProgram() looks in the directories of the system where PATH is short or unset', () => {
  assert.match(findProgram('sh', '/nonexistent') ?? '', /\/bin\/sh$/);
});

function probe(overrides: Partial<PrivilegeProbe> = {}): PrivilegeProbe {
  return {
    status: 'Name:\tx\nNoNewPrivs:\t0\n',
    mountinfo: '22 1 0:1 / / rw,relatime - ext4 /dev/x rw\n',
    readCapabilities: () => Promise.resolve(''),
    ...overrides,
  };
}

test('checkSetidProgram() names no_new_privs', async () => {
  const found = await checkSetidProgram(program, 'cap_setuid', probe({ status: 'NoNewPrivs:\t1\n' }));
  assert.equal(found.problem, 'no-new-privs');
});

test('checkSetidProgram() names a nosuid mount, with its mount point', async () => {
  const mountinfo = `22 1 0:1 / / rw - ext4 /dev/x rw\n23 22 0:2 / ${dir} rw,nosuid,nodev - tmpfs t rw\n`;
  const found = await checkSetidProgram(program, 'cap_setuid', probe({ mountinfo }));
  assert.deepEqual([found.problem, found.mountPoint], ['nosuid', dir]);
});

test('checkSetidProgram() names a program without setuid and capability', async () => {
  assert.equal((await checkSetidProgram(program, 'cap_setuid', probe())).problem, 'not-privileged');
});

test('checkSetidProgram() takes a file capability, and believes what it cannot see', async () => {
  const caps = (text: string | undefined) => probe({ readCapabilities: () => Promise.resolve(text) });
  assert.equal((await checkSetidProgram(program, 'cap_setuid', caps(`${program} cap_setuid=ep`))).problem, undefined);
  assert.equal(
    (await checkSetidProgram(program, 'cap_setuid', caps(`${program} cap_net_raw=ep`))).problem,
    'not-privileged',
  );
  assert.equal((await checkSetidProgram(program, 'cap_setuid', caps(undefined))).problem, undefined);
});

test('checkSetidProgram() looks at the owner of a setuid program', async () => {
  const setuid = path.join(dir, 'setuid') as HostPath;
  writeFileSync(setuid, '');
  chmodSync(setuid, 0o4755);
  assert.equal(
    (await checkSetidProgram(setuid, 'cap_setuid', probe())).problem,
    isRoot ? undefined : 'not-owned-by-root',
  );
});

test('findMount() takes the longest mount point, the last of equals, and reads \\040', () => {
  const mountinfo = [
    '1 0 0:1 / / rw - ext4 /dev/root rw',
    '2 1 0:2 / /usr ro - squashfs /dev/loop0 ro',
    '3 1 0:3 / /usr rw shared:3 master:1 - overlay over rw',
    '4 1 0:4 / /my\\040disk rw - xfs /dev/sdb rw',
  ].join('\n');
  assert.equal(findMount(mountinfo, '/usr/bin/x')?.fsType, 'overlay');
  assert.equal(findMount(mountinfo, '/usrlocal/x')?.fsType, 'ext4');
  assert.equal(findMount(mountinfo, '/my disk/x')?.fsType, 'xfs');
  assert.equal(findMount('', '/x'), undefined);
});

// A real Debian: apt installs with ranges and in single-id mode, without any option of the user's.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const script = `set -e
echo 'deb [trusted=yes] copy:/repo ./' > /etc/apt/sources.list
rm -f /etc/apt/sources.list.d/*
apt-get update -qq
apt-get install -y -qq probe >/dev/null
probe
stat -c %U:%G /var/lib/probe
su nobody -s /bin/sh -c 'id -un'`;

for (const mode of ['default', 'single'] as const) {
  kernelTest(
    `apt-get update and install work: ${mode}`,
    mode === 'single' ? ['userns', 'docker-registry'] : ['userns', 'subid', 'docker-registry'],
    async (t) => {
      const home = await openServedHome(t, ['debian']);
      const repo = makeRepository(home);
      const userns = mode === 'single' ? ['--userns', 'single'] : [];
      const args = [
        'run',
        '--rm',
        '--network',
        'none',
        ...userns,
        '-v',
        `${repo}:/repo:ro`,
        'debian',
        'bash',
        '-c',
        script,
      ];
      const result = await home.run(args, { timeoutMs: 240_000 });
      assert.equal(result.status, 0, describe(args, result));
      const [said, owner, user] = result.stdout.trim().split('\n').slice(-3);
      assert.equal(said, 'probe is installed', describe(args, result));
      assert.equal(owner, mode === 'single' ? 'root:root' : 'nobody:nogroup');
      assert.match(user ?? '', mode === 'single' ? /^(nobody|root)$/ : /^nobody$/);
    },
  );
}

/** A repository of one package that changes an owner while it is installed. */
function makeRepository(home: Home): string {
  const repo = path.join(home.dir, 'repo');
  const source = path.join(home.dir, 'probe');
  mkdirSync(path.join(source, 'DEBIAN'), { recursive: true });
  mkdirSync(path.join(source, 'usr/bin'), { recursive: true });
  mkdirSync(repo);
  const control =
    'Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: probe\n';
  writeFileSync(path.join(source, 'DEBIAN/control'), control);
  const postinst = '#!/bin/sh\nset -e\nmkdir -p /var/lib/probe\nchown nobody:nogroup /var/lib/probe\n';
  writeFileSync(path.join(source, 'DEBIAN/postinst'), postinst, { mode: 0o755 });
  writeFileSync(path.join(source, 'usr/bin/probe'), '#!/bin/sh\necho probe is installed\n', { mode: 0o755 });
  const build = `dpkg-deb --root-owner-group --build "$0" "$1/probe_1_all.deb" >/dev/null && cd "$1" &&
    { dpkg-deb -f probe_1_all.deb; echo "Filename: ./probe_1_all.deb"; echo "Size: $(stat -c %s probe_1_all.deb)";
      echo "SHA256: $(sha256sum probe_1_all.deb | cut -d' ' -f1)"; } > Packages`;
  const { status, stderr } = spawnSync('sh', ['-c', build, source, repo], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return repo;
}

// The same image and the same writes under every storage driver.

import assert from 'node:assert/strict';

import { kernelTest, type Capability } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

const drivers: Record<string, Capability[]> = {
  overlay: ['userns', 'docker-registry'],
  'fuse-overlayfs': ['userns', 'docker-registry', 'fuse-overlayfs'],
  vfs: ['userns', 'docker-registry'],
};

/** Prints what must not depend on the driver: whiteouts, opaque folders, links, owners, modes, writes and removals. */
const look = `
ls -d /hidden /gone 2>&1 | grep -c "No such file"
ls /opaque
stat -c '%a %u:%g' /tmp /etc/shadow /owned
stat -c %h /hard /link; cmp /hard /link && echo same
rm -r /opaque && mkdir /opaque && touch /opaque/new && ls /opaque
rm /owned && ls /owned 2>&1
mv /etc/os-release /moved && cat /moved | head -n 1
echo x > /a && ln /a /b && echo y >> /b && cat /a && stat -c %h /a
chown 1000:1000 /hidden 2>/dev/null; touch /mine && chown 1000:1000 /mine && stat -c %u:%g /mine
mknod /fifo p && test -p /fifo && echo fifo
`;
const want = ['2', 'above', '1777 0:0', '640 0:42', '644 1000:1000', '2', '2', 'same', 'new'];
const rest = ['NAME="Alpine stand-in"', 'x', 'y', '2', '1000:1000', 'fifo'];

for (const [driver, needs] of Object.entries(drivers)) {
  kernelTest(`${driver}: layers, writes and removals`, needs, async (t) => {
    const home = await openServedHome(t, ['payload']);
    await runLook(home, driver);
    await persists(home, driver);
  });
}

kernelTest(
  'fuse-overlayfs mounts where the one id of the container is not root',
  ['userns', 'docker-registry', 'fuse-overlayfs'],
  async (t) => {
    const home = await openServedHome(t, ['payload']);
    const single = ['--userns', 'single', '-u', '1000', '--network', 'none', '--entrypoint', 'sh'];
    const args = [
      '--storage-driver',
      'fuse-overlayfs',
      'run',
      '--rm',
      ...single,
      'payload',
      '-c',
      'id -u && touch /tmp/mine',
    ];
    const result = await home.run(args);
    assert.equal(result.stdout, '1000\n', describe(args, result));
    assert.equal(result.status, 0, describe(args, result));
  },
);

kernelTest('the driver that was chosen is told with its reason', ['userns'], async (t) => {
  const home = await openServedHome(t, ['payload']);
  const info = await home.ok(['info', '--format', '{{json .}}']);
  assert.match(info, /"(overlay|fuse-overlayfs|vfs)"/);
});

kernelTest('an unknown driver is refused', [], async (t) => {
  const home = await openServedHome(t, []);
  const args = ['--storage-driver', 'btrfs', 'run', 'payload'];
  const result = await home.run(args);
  assert.equal(result.status, 125, describe(args, result));
  assert.match(result.stderr, /^rrun: error: .*btrfs/m);
});

async function runLook(home: Home, driver: string): Promise<void> {
  const options = ['run', '--rm', '--network', 'none', '--entrypoint', 'sh'];
  const args = ['--storage-driver', driver, ...options, 'payload', '-c', look];
  const result = await home.run(args);
  const lines = result.stdout.trim().split('\n');
  assert.deepEqual(lines.slice(0, want.length), want, describe(args, result));
  assert.match(lines[want.length] ?? '', /No such file/, describe(args, result));
  assert.deepEqual(lines.slice(want.length + 1), rest, describe(args, result));
}

/** What was written is there at the next start, and rm removes all of it. */
async function persists(home: Home, driver: string): Promise<void> {
  const script = 'cat /kept 2>/dev/null; echo line >> /kept; chown 1000 /kept';
  const create = [
    '--storage-driver',
    driver,
    'create',
    '--network',
    'none',
    '--entrypoint',
    'sh',
    'payload',
    '-c',
    script,
  ];
  const id = await home.ok(create);
  assert.equal(await home.ok(['start', '-a', id]), '');
  assert.equal(await home.ok(['start', '-a', id]), 'line');
  assert.equal(await home.ok(['start', '-a', id]), 'line\nline');
  await home.ok(['rm', id]);
  assert.deepEqual(await home.containers(), []);
}

// The walk of the README: pull, create, run, leave, list, start again, remove. Also run on the newest long-term Node.

import assert from 'node:assert/strict';
import { release } from 'node:os';

import { describe } from '../support/run-rrun.js';
import { kernelTest } from '../support/requires.js';
import { openServedHome } from '../support/served-images.js';

kernelTest(
  'a container is pulled, run, listed, started again and removed',
  ['userns', 'docker-registry', 'tun'],
  async (t) => {
    const home = await openServedHome(t, ['alpine']);
    const first = ['run', '-i', '--name', 'walk', 'alpine', '/bin/ash'];
    const script = 'id -u; hostname; uname -r; echo hello > /root/note; cat /proc/1/comm; ip -o addr\n';
    const result = await home.run(first, { input: script });
    assert.equal(result.status, 0, describe(first, result));
    const [uid, hostname, kernel, comm, ...addresses] = result.stdout.trim().split('\n');
    assert.equal(uid, '0');
    assert.match(hostname ?? '', /^[0-9a-f]{12}$/);
    assert.equal(kernel, release());
    assert.equal(comm, 'ash');
    const text = addresses.join('\n');
    assert.match(text, /\blo\b.*127\.0\.0\.1/);
    assert.match(text, /inet 10\.0\.2\.100/);

    assert.equal(await home.ok(['ps', '-q']), '');
    const listed = await home.ok(['ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.Image}} {{.Status}}']);
    assert.match(listed, new RegExp(`^${hostname}[0-9a-f]{52} walk alpine(:latest)? Exited \\(0\\) .*ago$`));

    const again = await home.run(['start', '-ai', 'walk'], { input: 'cat /root/note; hostname\n' });
    assert.equal(again.stdout, `hello\n${hostname}\n`, describe(['start', '-ai', 'walk'], again));
    assert.equal(again.status, 0);

    assert.equal(await home.ok(['rm', 'walk']), 'walk');
    assert.deepEqual(await home.containers(), []);
  },
);

kernelTest('create makes a container that start runs', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const id = await home.ok(['create', '--network', 'none', 'alpine', 'echo', 'created']);
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.match(await home.ok(['ps', '-a', '--format', '{{.Names}} {{.Status}}']), /^[a-z]+_[a-z]+ Created$/);
  assert.equal(await home.ok(['start', '-a', id.slice(0, 12)]), 'created');
  assert.equal(await home.ok(['start', '-a', id.slice(0, 6)]), 'created');
  assert.equal(await home.ok(['rm', id.slice(0, 4)]), id.slice(0, 4));
});

kernelTest('--rm leaves nothing, and the image can be run without "run"', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  assert.equal(await home.ok(['run', '--rm', '--network', 'none', 'alpine', 'echo', 'once']), 'once');
  assert.deepEqual(await home.containers(), []);
  assert.equal(await home.ok(['alpine', 'echo', 'short']), 'short');
  const [id = ''] = await home.containers();
  assert.equal(await home.ok(['rm', id]), id);
});

kernelTest('pull names what it pulled, images lists it, tag and rmi name it', ['docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine', 'payload']);
  await home.ok(['pull', 'alpine']);
  await home.ok(['pull', 'payload']);
  const rows = (await home.ok(['images', '--format', '{{.Repository}}:{{.Tag}}'])).split('\n').sort();
  assert.deepEqual(
    rows.map((row) => row.replace('docker.io/library/', '')),
    ['alpine:latest', 'payload:latest'],
  );
  await home.ok(['tag', 'alpine', 'mine:1']);
  assert.match(await home.ok(['images', '--format', '{{.Repository}}:{{.Tag}}']), /mine:1/);
  await home.ok(['rmi', 'mine:1']);
  await home.ok(['rmi', 'alpine', 'payload']);
  assert.equal(await home.ok(['images', '-q']), '');
});

kernelTest(
  'what a container writes reaches neither the image nor the next container',
  ['userns', 'docker-registry'],
  async (t) => {
    const home = await openServedHome(t, ['alpine']);
    await home.ok([
      'run',
      '--rm',
      '--network',
      'none',
      'alpine',
      'sh',
      '-c',
      'echo x > /etc/passwd; rm -r /var; touch /new',
    ]);
    const seen = await home
      .ok(['run', '--rm', '--network', 'none', 'alpine', 'sh', '-c', 'head -n1 /etc/passwd; ls -d /var; ls /new'])
      .catch((error: unknown) => String(error));
    assert.match(seen, /root:x:0:0/);
    assert.match(seen, /\/var/);
    assert.match(seen, /\/new: No such file/);
  },
);

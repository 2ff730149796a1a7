#!/usr/bin/env node
// The gate: types, lint, form, and the project's own checks. Each also runs alone; `npm test` runs it with the tests.
import { cpus } from 'node:os';
import path from 'node:path';
import { $, within } from 'zx';
import { listFiles } from './lib/files.mjs';
import { root } from './lib/root.mjs';

const bin = (name) => path.join(root, 'node_modules/.bin', name);
const own = (name) => [process.execPath, path.join(root, 'scripts', name)];
const cFiles = listFiles(['helpers', 'test'], ['.c', '.h']);

/** Slowest first, since they run side by side. */
const checks = {
  eslint: [bin('eslint'), '--max-warnings=0', 'src', 'test'],
  tsc: [bin('tsc'), '--noEmit', '-p', root],
  prettier: [bin('prettier'), '--check', '--log-level=warn', '.'],
  'clang-format': ['clang-format', '--dry-run', '-Werror', ...cFiles],
  analyzer: ['make', '-s', '-C', 'helpers', 'analyze'],
  imports: own('check-imports.mjs'),
  protocol: own('check-protocol.mjs'),
  docs: own('check-docs.mjs'),
  sizes: own('check-sizes.mjs'),
};

/** Runs the checks named, or all; prints what fails. */
export async function runGate(names = Object.keys(checks)) {
  const waiting = [...names];
  const failed = [];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (!(await runCheck(name))) failed.push(name);
    }
  };
  await Promise.all(cpus().map(worker));
  return { passed: names.length - failed.length, failed: failed.length };
}

async function runCheck(name) {
  const started = Date.now();
  const result = await within(() => $({ nothrow: true, quiet: true, cwd: root })`${checks[name]}`);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${result.exitCode === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (result.exitCode !== 0) process.stdout.write(result.stdout + result.stderr);
  return result.exitCode === 0;
}

if (import.meta.filename === process.argv[1]) {
  const unknown = process.argv.slice(2).filter((name) => checks[name] === undefined);
  if (unknown.length > 0)
    throw new Error(`no such check: ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`);
  const { failed } = await runGate(process.argv.length > 2 ? process.argv.slice(2) : undefined);
  process.exitCode = failed === 0 ? 0 : 1;
}

#!/usr/bin/env node
// Checks who imports whom: a folder of src/ imports only folders of a lower rank, files and not barrels, no cycles between files.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { listFiles } from './lib/files.mjs';
import { Problems } from './lib/problems.mjs';
import { root } from './lib/root.mjs';

/** The rank table of HACKING.md. */
const ranks = {
  cli: 9,
  container: 8,
  launch: 7,
  bundle: 6,
  network: 6,
  snapshot: 5,
  image: 4,
  layer: 3,
  store: 3,
  registry: 3,
  host: 3,
  helper: 2,
  idmap: 2,
  sys: 1,
  util: 0,
  'errors.ts': 0,
};

const problems = new Problems('check-imports');
const importsOf = new Map(listFiles(['src', 'test'], ['.ts']).map((file) => [file, readImports(file)]));

for (const [file, imports] of importsOf) {
  for (const found of imports) checkImport(file, found);
}
reportCycles();
problems.finish();

function readImports(file) {
  const text = readFileSync(path.join(root, file), 'utf8');
  const found = [];
  for (const match of text.matchAll(
    /^(?:import|export)\s+(type\s)?[^'"`;]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  )) {
    const specifier = match[2] ?? match[3] ?? match[4];
    // `typeof import('x')` and `import('x').Type` are types only.
    const isType =
      match[1] !== undefined ||
      (match[4] !== undefined && !/await\s+$|return\s+$|=>\s*$|\(\s*$|\[\s*$|,\s*$/.test(text.slice(0, match.index)));
    found.push({ specifier, isType });
  }
  return found;
}

function checkImport(file, { specifier, isType }) {
  if (!specifier.startsWith('.')) {
    checkPackage(file, specifier, isType);
    return;
  }
  const target = resolveImport(file, specifier);
  if (!specifier.endsWith('.js')) problems.add(file, `import '${specifier}' does not name a file: end it in .js`);
  if (path.basename(target) === 'index.ts') problems.add(file, `import '${specifier}' goes to a barrel: name the file`);
  if (file.startsWith('src/')) checkRank(file, target, specifier);
}

function checkRank(file, target, specifier) {
  if (!target.startsWith('src/')) {
    problems.add(file, `import '${specifier}' leaves src/`);
    return;
  }
  const from = roomOf(file);
  const to = roomOf(target);
  for (const room of [from, to]) {
    if (ranks[room] === undefined)
      problems.add(file, `"${room}" has no rank: add it to check-imports.mjs and HACKING.md`);
  }
  if (from === to || ranks[to] < ranks[from]) return;
  // Names of errors and ids without I/O: rank 0 files may use each other.
  if (ranks[from] === 0 && ranks[to] === 0) return;
  problems.add(file, `import '${specifier}': ${from} (rank ${ranks[from]}) may not import ${to} (rank ${ranks[to]})`);
}

function checkPackage(file, specifier, isType) {
  if (!file.startsWith('src/') || isType || specifier.startsWith('node:')) return;
  if (specifier === 'koffi' && roomOf(file) !== 'sys') problems.add(file, 'only src/sys/ imports koffi');
}

function roomOf(file) {
  return file.split('/')[1];
}

function resolveImport(file, specifier) {
  return path.join(path.dirname(file), specifier).replace(/\.js$/, '.ts');
}

/** A cycle of value imports makes the order of evaluation a matter of luck. */
function reportCycles() {
  const done = new Set();
  for (const file of importsOf.keys()) visit(file, []);

  function visit(file, trail) {
    const start = trail.indexOf(file);
    if (start >= 0) problems.add(file, `imports itself: ${[...trail.slice(start), file].join(' → ')}`);
    if (start >= 0 || done.has(file)) return;
    for (const { specifier, isType } of importsOf.get(file) ?? []) {
      if (specifier.startsWith('.') && !isType && existsSync(path.join(root, resolveImport(file, specifier)))) {
        visit(resolveImport(file, specifier), [...trail, file]);
      }
    }
    done.add(file);
  }
}

#!/usr/bin/env node
// Checks the size budget: hard limits for files, functions and parameters; the aims (nine of ten files) are printed, not enforced.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { listFiles } from './lib/files.mjs';
import { Problems } from './lib/problems.mjs';
import { root } from './lib/root.mjs';

const limits = {
  ts: { file: 400, function: 80, aimFile: 250, aimFunction: 40 },
  c: { file: 500, function: 100, aimFile: 300, aimFunction: 60 },
  test: { file: 600, function: 600, aimFile: 300, aimFunction: 600 },
};
/** Tables of constants and wire types may be long; a function that is one table too. */
const longFiles = [/\.wire\.ts$/, /\.data\.ts$/, /-table\.ts$/];
const longFunctions = new Set([]);

const problems = new Problems('check-sizes');
const sizes = { ts: [], c: [], test: [] };

for (const file of listFiles(['src'], ['.ts'])) checkTypeScript(file, 'ts');
for (const file of listFiles(['test'], ['.ts'])) checkTypeScript(file, 'test');
for (const file of listFiles(['helpers'], ['.c', '.h'])) checkC(file);
printAims();
problems.finish();

function checkTypeScript(file, kind) {
  const text = readFileSync(path.join(root, file), 'utf8');
  checkFile(file, kind, text);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line;
  visit(source);

  function visit(node) {
    if (ts.isFunctionLike(node) && node.body !== undefined) {
      const name = node.name?.getText(source) ?? 'function';
      checkFunction(
        `${file}:${lineOf(node.getStart()) + 1}`,
        name,
        lineOf(node.end) - lineOf(node.getStart()) + 1,
        kind,
      );
    }
    ts.forEachChild(node, visit);
  }
}

/** A C function starts at a line that begins a definition and ends at the next line that is only "}". */
function checkC(file) {
  const text = readFileSync(path.join(root, file), 'utf8');
  const lines = text.split('\n');
  checkFile(file, 'c', text);
  let start = -1;
  for (const [index, line] of lines.entries()) {
    if (line === '{') start = index;
    if (line === '}' && start >= 0) {
      checkFunction(`${file}:${start + 1}`, lines[start - 1]?.trim() ?? '', index - start + 1, 'c');
      start = -1;
    }
  }
}

function checkFile(file, kind, text) {
  const lines = text.split('\n').length - 1;
  sizes[kind].push({ name: file, lines });
  const isTable = longFiles.some((pattern) => pattern.test(file));
  if (lines > limits[kind].file && !isTable) problems.add(file, `${lines} lines, at most ${limits[kind].file}`);
}

function checkFunction(where, name, lines, kind) {
  if (lines > limits[kind].function && !longFunctions.has(name)) {
    problems.add(where, `${name} has ${lines} lines, at most ${limits[kind].function}`);
  }
}

function printAims() {
  const total = (kind) => sizes[kind].reduce((sum, { lines }) => sum + lines, 0);
  for (const kind of Object.keys(sizes)) {
    const sorted = sizes[kind].map(({ lines }) => lines).sort((a, b) => a - b);
    const p90 = sorted[Math.floor(sorted.length * 0.9)] ?? 0;
    console.log(
      `${kind}: ${sorted.length} files, ${total(kind)} lines, nine of ten files have at most ${p90} (aim ${limits[kind].aimFile})`,
    );
  }
  console.log(`tests : source = ${(total('test') / Math.max(1, total('ts') + total('c'))).toFixed(2)} : 1`);
}

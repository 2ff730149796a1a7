#!/usr/bin/env node
// Checks the documents: each ErrorCode is in docs/errors.md and the other way round, the changelog's form, links between files.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { listFiles } from './lib/files.mjs';
import { Problems } from './lib/problems.mjs';
import { root } from './lib/root.mjs';

const problems = new Problems('check-docs');
const read = (file) => readFileSync(path.join(root, file), 'utf8');

checkErrorCodes();
checkChangelog();
for (const file of ['README.md', 'HACKING.md', 'CHANGELOG.md', 'SECURITY.md', ...listFiles(['docs'], ['.md'])])
  checkLinks(file);
problems.finish();

function checkErrorCodes() {
  const union = /export type ErrorCode =\s*([^;]+);/.exec(read('src/errors.ts'))?.[1] ?? '';
  const inCode = new Set([...union.matchAll(/'([A-Z_]+)'/g)].map((match) => match[1]));
  const inDocs = new Set([...read('docs/errors.md').matchAll(/^### `([A-Z_]+)`/gm)].map((match) => match[1]));
  for (const code of inCode) if (!inDocs.has(code)) problems.add('docs/errors.md', `has no section for ${code}`);
  for (const code of inDocs)
    if (!inCode.has(code)) problems.add('docs/errors.md', `explains ${code}, which src/errors.ts does not know`);
}

/** Keep a Changelog 1.1: an Unreleased section first, then versions in brackets with a date; known group names. */
function checkChangelog() {
  const groups = new Set(['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']);
  const headings = [...read('CHANGELOG.md').matchAll(/^(#{2,3}) (.+)$/gm)].map((match) => ({
    depth: match[1].length,
    text: match[2],
  }));
  if (headings[0]?.text !== '[Unreleased]') problems.add('CHANGELOG.md', 'the first section is not "## [Unreleased]"');
  for (const { depth, text } of headings) {
    if (depth === 2 && !/^\[Unreleased\]$|^\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}$/.test(text)) {
      problems.add('CHANGELOG.md', `"## ${text}" is not "[VERSION] - YYYY-MM-DD"`);
    }
    if (depth === 3 && !groups.has(text))
      problems.add('CHANGELOG.md', `"### ${text}" is none of ${[...groups].join(', ')}`);
  }
}

function checkLinks(file) {
  if (!existsSync(path.join(root, file))) {
    problems.add(file, 'is missing');
    return;
  }
  for (const match of read(file).matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
    const target = match[1];
    if (/^[a-z]+:/.test(target)) continue;
    if (!existsSync(path.join(root, path.dirname(file), target)))
      problems.add(file, `links to "${target}", which is not there`);
  }
}

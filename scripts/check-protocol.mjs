#!/usr/bin/env node
// Checks that the plan's operations are the same in helpers/plan-ops.txt, in the encoder and in the decoder; and the launch commands.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Problems } from './lib/problems.mjs';
import { root } from './lib/root.mjs';

const problems = new Problems('check-protocol');
const read = (file) => readFileSync(path.join(root, file), 'utf8');

const table = readTable();
compare('helpers/rrun/plan.c', readDecoder());
compare('src/helper/plan.ts', readEncoder(), { withCounts: false });
compareVersions();
compareCommands();
problems.finish();

/** "name phase least most …" rows; "both" is init and cleanup. */
function readTable() {
  const rows = read('helpers/plan-ops.txt').matchAll(
    /^([a-z][a-z-]*)\s+(any|monitor|keeper|init|both)\s+(\d+)\s+(\d+|\*)\s/gm,
  );
  return new Map([...rows].map(([, name, phase, least, most]) => [name, { phase, least, most }]));
}

function readDecoder() {
  const phases = {
    IN_ANY: 'any',
    IN_MONITOR: 'monitor',
    IN_KEEPER: 'keeper',
    IN_INIT: 'init',
    'IN_INIT | IN_CLEANUP': 'both',
  };
  const rows = read('helpers/rrun/plan.c').matchAll(/\[OP_[A-Z_]+\] = \{ "([a-z-]+)", ([A-Z_| ]+), (\d+), (-?\d+) \}/g);
  return new Map(
    [...rows].map(([, name, phase, least, most]) => [
      name,
      { phase: phases[phase] ?? phase, least, most: most === '-1' ? '*' : most },
    ]),
  );
}

function readEncoder() {
  const found = new Map([
    ['phase', { phase: 'any' }],
    ['end', { phase: 'any' }],
  ]);
  const text = /export const OPERATIONS = \{([\s\S]*?)\} as const;/.exec(read('src/helper/plan.ts'))?.[1] ?? '';
  for (const [, phase, names] of text.matchAll(/(\w+): \[([^\]]*)\]/g)) {
    for (const [, name] of names.matchAll(/'([a-z-]+)'/g)) found.set(name, { phase });
  }
  return found;
}

function compare(file, found, { withCounts = true } = {}) {
  for (const [name, want] of table) {
    const got = found.get(name);
    if (got === undefined) problems.add(file, `does not know "${name}" of helpers/plan-ops.txt`);
    else if (got.phase !== want.phase) problems.add(file, `"${name}" is in phase ${got.phase}, not ${want.phase}`);
    else if (withCounts && (got.least !== want.least || got.most !== want.most)) {
      problems.add(file, `"${name}" has ${got.least} to ${got.most} fields, not ${want.least} to ${want.most}`);
    }
  }
  for (const name of found.keys())
    if (!table.has(name)) problems.add(file, `knows "${name}", which helpers/plan-ops.txt does not`);
}

function compareVersions() {
  const encoder = /PROTOCOL_VERSION = (\d+)/.exec(read('src/helper/plan.ts'))?.[1];
  const decoder = /PLAN_PROTOCOL "(\d+)"/.exec(read('helpers/rrun/plan.h'))?.[1];
  if (encoder === undefined || encoder !== decoder) {
    problems.add('src/helper/plan.ts', `has protocol ${encoder}, helpers/rrun has ${decoder}`);
  }
}

/** The C program must know which words are commands that need no launch: everything else may be an image. */
function compareCommands() {
  const known = new Set([...read('helpers/rrun/node-commands.inc').matchAll(/"([a-z]+)"/g)].map((match) => match[1]));
  const table = /const TABLE[^{]*\{([\s\S]*?)\n\};/.exec(read('src/cli/commands.ts'))?.[1] ?? '';
  const launches = new Set(['run', 'start', 'exec', 'attach']);
  const names = [...table.matchAll(/^  (\w+): \{/gm)].map((match) => match[1]);
  for (const [, list] of table.matchAll(/aliases: \[([^\]]*)\]/g)) {
    for (const [, alias] of list.matchAll(/'([a-z]+)'/g)) names.push(alias);
  }
  for (const name of names) {
    if (!launches.has(name) && !known.has(name))
      problems.add('helpers/rrun/node-commands.inc', `does not have the command "${name}"`);
  }
  for (const name of known) {
    if (!names.includes(name)) problems.add('helpers/rrun/node-commands.inc', `has "${name}", which is no command`);
  }
}

// A plan that works, changed at random in a few places, carried out: each ends soon, well or with a failure record.
// RRUN_TEST_SEED repeats one of them, RRUN_TEST_ROUNDS says how many there are.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';

import { OPERATIONS, type Plan, type PlanStep } from '../../src/helper/plan.js';
import { carryOut, goodPlan } from '../support/hostile-plan.js';
import { kernelTest } from '../support/requires.js';
import { openHome } from '../support/run-rrun.js';

type Steps = PlanStep[];
type Phases = Record<keyof Plan, Steps>;

const rounds = Number(process.env['RRUN_TEST_ROUNDS'] ?? 150);
const only = process.env['RRUN_TEST_SEED'];

const PHASES = ['monitor', 'keeper', 'init', 'init', 'init', 'cleanup'] as const;
const WORDS = [
  ...[
    '',
    '0',
    '-1',
    '1',
    '8',
    '65536',
    '4294967295',
    '4294967296',
    '9223372036854775807',
    '99999999999999999999',
    'unlimited',
  ],
  ...[
    '/',
    '//',
    '.',
    '/..',
    '/../../..',
    '/proc/self/fd/0',
    '/proc/self/exe',
    '/proc/self/root',
    '/proc/1/root',
    '/nonexistent',
  ],
  ...[
    '/etc/passwd',
    '/dev/null',
    '/dev/zero',
    '/dev/tty',
    `/${'a/'.repeat(2500)}`,
    'a'.repeat(5000),
    'a'.repeat(100_000),
  ],
  ...[
    '%s%n%x',
    ',,,,',
    'ro,rec',
    'foreground',
    'terminal',
    'detached',
    'inherit',
    'pipe',
    'null',
    'direct',
    'bind',
    'dir',
    'file',
  ],
  ...[
    '{pid}{ready}{exit}',
    '{pid}'.repeat(1000),
    '0x',
    'zz',
    '777777777777',
    'f'.repeat(20),
    'PATH=',
    '=',
    'user',
    'mount',
    'pid',
  ],
];

/** Numbers from a seed: Lehmer's generator, the same everywhere. */
function dice(seed: number): (sides: number) => number {
  let state = (seed * 48_271 + 11) % 2_147_483_647;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

function mutate(plan: Plan, roll: (sides: number) => number): Phases {
  const phases = structuredClone(plan) as Phases;
  const pick = <T>(list: readonly T[]): T => list[roll(list.length)] as T;
  const words = (count: number): string[] => Array.from({ length: count }, () => pick(WORDS));
  for (let changes = 1 + roll(3); changes > 0; changes--) {
    const phase = pick(PHASES);
    const steps = phases[phase];
    const at = roll(Math.max(steps.length, 1));
    const found = steps[at];
    if (found === undefined) continue;
    const change = roll(6);
    if (change === 0) found.args[roll(Math.max(found.args.length, 1))] = pick(WORDS);
    else if (change === 1) steps.splice(at, 1);
    else if (change === 2) steps.splice(roll(steps.length), 0, structuredClone(found));
    else if (change === 3) steps.push(...steps.splice(at, 1));
    else if (change === 4) found.args = words(roll(4) === 0 ? 2000 : roll(6));
    else steps.splice(at, 0, { op: pick(operationsOf(phase)), args: words(roll(6)) });
  }
  return phases;
}

/** Not those that take things away or execute what the test did not make, whatever they are told. */
function operationsOf(phase: keyof Plan): readonly string[] {
  if (phase === 'cleanup') return ['rename'];
  return OPERATIONS[phase].filter((op) => op !== 'chroot' && op !== 'spawn' && op !== 'run');
}

/** What is removed or renamed lies in the folder of the test. */
function tame(phases: Phases, dir: string): Phases {
  for (const step of Object.values(phases).flat()) {
    if (step.op === 'remove' || step.op === 'rename')
      step.args = step.args.map((_, index) => path.join(dir, `absent-${index}`));
  }
  return phases;
}

kernelTest('plans changed at random end well or in a failure record', ['userns', 'subid'], async (t) => {
  const home = openHome(t);
  const { plan, dir } = await goodPlan(home);
  let wellEnded = 0;
  const seeds = only === undefined ? Array.from({ length: rounds }, (_, index) => index + 1) : [Number(only)];
  for (const seed of seeds) {
    const phases = tame(mutate(plan, dice(seed)), dir);
    const outcome = await carryOut(phases as Plan, dir);
    const shown = `RRUN_TEST_SEED=${seed}: ${JSON.stringify(outcome)}`;
    assert.equal(outcome.late, false, shown);
    assert.equal(outcome.signal, null, shown);
    if (outcome.code === 125) assert.ok(outcome.failure !== undefined && outcome.failure.stage !== '', shown);
    if (outcome.failure === undefined) wellEnded++;
  }
  assert.ok(only !== undefined || wellEnded > rounds / 10, `only ${wellEnded} of ${rounds} got as far as the command`);
  assert.ok(readdirSync(dir).includes('allow.bpf'));
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { encodePlan, OPERATIONS, PROTOCOL_VERSION, step, type Plan } from '../../../src/helper/plan.js';
import { parseFailure } from '../../../src/helper/report.js';
import { usernsSteps } from '../../../src/helper/userns-run.js';

const EMPTY: Plan = { monitor: [], keeper: [], init: [], cleanup: [] };

test('OPERATIONS are those of helpers/plan-ops.txt, phase by phase', () => {
  const documented: Record<string, string[]> = { monitor: [], keeper: [], init: [], both: [], any: [] };
  for (const line of readFileSync('helpers/plan-ops.txt', 'utf8').split('\n')) {
    const [, name, phase] = /^([a-z-]+)\s+([a-z]+)\s+\d+\s+[\d*]+\s/.exec(line) ?? [];
    if (name !== undefined && phase !== undefined) documented[phase]?.push(name);
  }
  assert.deepEqual(documented, { ...OPERATIONS, any: ['phase', 'end'] });
});

test('encodePlan() writes NUL-ended fields: name, count, fields', () => {
  const plan: Plan = { ...EMPTY, init: [step('exec', 'sh', 'sh', '-c', 'ä')] };
  const fields = encodePlan(plan).toString('utf8').split('\0');
  assert.deepEqual(fields, [
    ...['rrun-plan', String(PROTOCOL_VERSION), 'phase', '1', 'monitor', 'phase', '1', 'keeper', 'phase', '1', 'init'],
    ...['exec', '4', 'sh', 'sh', '-c', 'ä', 'phase', '1', 'cleanup', 'end', '0', ''],
  ]);
});

test('encodePlan() refuses a field with NUL, which would become two', () => {
  assert.throws(() => encodePlan({ ...EMPTY, init: [step('env', 'A=b\0exec')] }), TypeError);
});

test('parseFailure() takes the fields of a record apart', () => {
  assert.equal(parseFailure(Buffer.alloc(0)), undefined);
  assert.deepEqual(parseFailure(Buffer.from('mounts\0mount\x001\0mount proc\0words\0')), {
    stage: 'mounts',
    syscall: 'mount',
    errno: 'EPERM',
    action: 'mount proc',
    detail: 'words',
  });
});

test('usernsSteps() writes a single id directly and ranges by the programs', () => {
  const one = [{ containerID: 0, hostID: 1000, size: 1 }];
  const direct = usernsSteps({ kind: 'single', uidMappings: one, gidMappings: one });
  assert.deepEqual(
    direct.map(({ op, args }) => [op, ...args]),
    [['setgroups-deny'], ['uidmap', 'direct', '0', '1000', '1'], ['gidmap', 'direct', '0', '1000', '1']],
  );
  const ranges = usernsSteps({ kind: 'ranges', uidMappings: one, gidMappings: one, newuidmap: '/u', newgidmap: '/g' });
  assert.deepEqual(
    ranges.map(({ op, args }) => [op, args[0]]),
    [
      ['uidmap', '/u'],
      ['gidmap', '/g'],
    ],
  );
});

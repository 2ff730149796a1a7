// Plans with absurd values, each carried out for real: what is wrong comes back as a failure record, and nothing hangs or crashes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { encodePlan, step, type Plan, type PlanStep } from '../../src/helper/plan.js';
import { carryOut, goodPlan } from '../support/hostile-plan.js';
import { kernelTest } from '../support/requires.js';
import { openHome } from '../support/run-rrun.js';

const LONG = 'a'.repeat(100_000);
const DEEP = '/a'.repeat(3000);

/** The operation whose fields are replaced, the fields, and what the record says: its stage, and a part of its action. */
const REFUSED: [string, string[], RegExp][] = [
  ['lock', ['/dev/null/x'], /^lock .*ENOTDIR/],
  ['lock', [LONG], /^lock .*ENAMETOOLONG/],
  ['exit-file', ['/nonexistent/exit'], /^exit-file .*ENOENT/],
  ['socket', ['attach'], /^plan /],
  ['socket', [DEEP], /^socket /],
  ['clone', ['user', 'time'], /^plan /],
  ['uidmap', ['/nonexistent', '0', '0', '1'], /^idmap .*ENOENT/],
  ['uidmap', ['direct', 'x', 'y', 'z'], /^idmap /],
  ['uidmap', ['direct', ...Array<string>(3000).fill('4294967295')], /^idmap .*E2BIG/],
  ['oom-score-adj', ['99999'], /^process .*EINVAL/],
  ['clone-init', ['mount', ''], /^plan .*namespaces/],
  ['rootfs', ['/nonexistent', 'bind'], /^rootfs .*ENOENT/],
  ['rootfs', ['/etc/passwd', 'mounted'], /^rootfs .*ENOTDIR/],
  ['mkdir', [DEEP, '755'], /^mounts .*ENAMETOOLONG/],
  ['mkdir', [`/${'b'.repeat(300)}`, '755'], /^mounts .*ENAMETOOLONG/],
  ['mkdir', ['/x', '99'], /^plan .*mode/],
  ['mkdir', ['/x', '7777777'], /^plan .*mode/],
  ['mount', ['nofs', 'nofs', '/proc', '', ''], /^mounts .*ENODEV/],
  ['mount', ['tmpfs', 'tmpfs', '/t', 'rw,,ro', ''], /^plan .*mount flag/],
  ['mount', ['tmpfs', 'tmpfs', '/t', '', `size=${LONG}`], /^mounts /],
  ['bind', ['/nonexistent', '/x', '', 'dir'], /^mounts .*ENOENT/],
  ['bind', ['/etc', '/bin/busybox/x', '', 'dir'], /^mounts .*ENOTDIR/],
  ['remount', ['/nonexistent', 'ro'], /^mounts .*ENOENT/],
  ['remount', ['/bound', 'bound'], /^plan .*mount flag/],
  ['propagation', ['/bound', 'sideways'], /^mounts .*EINVAL/],
  ['hostname', [LONG], /^process .*(EINVAL|ENAMETOOLONG)/],
  ['sysctl', ['../../etc/passwd', 'x'], /^plan /],
  ['sysctl', ['net/../../../etc/passwd', 'x'], /^plan /],
  ['sysctl', ['kernel/core_pattern', '|/x'], /^process .*(EACCES|EPERM)/],
  ['rlimit', ['nofiles', '1', '1'], /^process .*EINVAL/],
  ['rlimit', ['nofile', '2', '1'], /^process .*EINVAL/],
  ['rlimit', ['nofile', '-1', '1'], /^plan /],
  ['rlimit', ['nofile', '99999999999999999999', '1'], /^plan /],
  ['cwd', ['/proc/self/fd/0', '0'], /^cwd .*ENOTDIR/],
  ['cwd', ['/proc/self/exe/x', '1'], /^cwd /],
  ['groups', ['4294967295'], /^plan /],
  ['groups', ['-1'], /^plan /],
  ['user', ['4294967295', '0'], /^plan /],
  ['user', ['0x10', '0'], /^plan /],
  ['user', ['4000000000', '0'], /^process .*EINVAL/],
  ['caps', ['0', '0', '0', '0', 'xyz'], /^plan .*mask/],
  ['caps', ['', '0', '0', '0', '0'], /^plan .*mask/],
  ['umask', ['1000'], /^plan .*umask/],
  ['umask', [''], /^plan .*umask/],
  ['seccomp', ['DIR/text'], /^seccomp .*EINVAL/],
  ['seccomp', ['DIR/large'], /^seccomp .*EINVAL/],
  ['seccomp', ['DIR/fifo'], /^seccomp .*EINVAL/],
  ['seccomp', ['DIR'], /^seccomp /],
  ['seccomp', ['/dev/zero'], /^seccomp /],
  ['exec', ['', ''], /^exec .*ENOENT/],
  ['exec', ['/', '/'], /^exec .*EACCES/],
  ['exec', [LONG, 'x'], /^exec /],
  ['exec', ['true', ...Array<string>(40).fill('c'.repeat(90_000))], /^exec .*E2BIG/],
];

/** Streams of ours that somebody has put a pipe in the place of. */
const PIPES = ['log', 'exit-file'] as const;

function withStep(plan: Plan, op: string, args: string[]): Plan {
  const replace = <Op extends string>(steps: PlanStep<Op>[]): PlanStep<Op>[] =>
    steps.map((each) => (each.op === op ? { op: each.op, args } : each));
  return {
    monitor: replace(plan.monitor),
    keeper: replace(plan.keeper),
    init: replace(plan.init),
    cleanup: replace(plan.cleanup),
  };
}

kernelTest('a plan with absurd values ends in a failure record', ['userns', 'subid'], async (t) => {
  const home = openHome(t);
  const { plan, dir } = await goodPlan(home);
  spawnSync('mkfifo', [path.join(dir, 'fifo'), path.join(dir, 'fifo.tmp')]);

  await t.test('the plan itself is good', async () => {
    const outcome = await carryOut(plan, dir);
    assert.deepEqual([outcome.code, outcome.failure], [0, undefined], JSON.stringify(outcome));
  });
  for (const [op, fields, want] of REFUSED) {
    const name = `${op} ${fields.join(' ').slice(0, 40)}`;
    await t.test(name, async () => {
      const args = fields.map((field) => field.replace(/^DIR/, dir));
      const outcome = await carryOut(withStep(plan, op, args), dir);
      const { stage = '', action = '', errno = '' } = outcome.failure ?? {};
      assert.deepEqual([outcome.late, outcome.signal, outcome.code], [false, null, 125], JSON.stringify(outcome));
      assert.match(`${stage} ${action} ${errno}`.replaceAll('\n', ' '), want);
    });
  }
  for (const op of PIPES) {
    await t.test(`${op} is a pipe that nobody reads`, async () => {
      const outcome = await carryOut(withStep(plan, op, [path.join(dir, 'fifo')]), dir);
      assert.deepEqual([outcome.late, outcome.code], [false, 125], JSON.stringify(outcome));
    });
  }
  await t.test('too many fields, too many bytes, no end, no beginning', async () => {
    const whole = encodePlan(plan);
    const many = encodePlan({
      ...plan,
      init: [step('env', 'A=b'), ...Array<PlanStep<'env'>>(30_000).fill(step('env', 'A=b'))],
    });
    const large = encodePlan({ ...plan, init: Array<PlanStep<'env'>>(100).fill(step('env', `A=${LONG}`)) });
    const bad = [
      many,
      large,
      whole.subarray(0, whole.length - 6),
      whole.subarray(3),
      Buffer.alloc(0),
      Buffer.alloc(5 << 20, 0x61),
    ];
    for (const bytes of [...bad, Buffer.concat([whole, whole])]) {
      const outcome = await carryOut(bytes, dir);
      assert.deepEqual(
        [outcome.late, outcome.code, outcome.failure?.stage],
        [false, 125, 'plan'],
        JSON.stringify(outcome),
      );
    }
  });
});

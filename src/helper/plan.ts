// The launch plan's operations and their bytes: the only place in TypeScript that knows them.
// The table of helpers/plan-ops.txt is the reference; a test compares both with it.

export const PROTOCOL_VERSION = 1;

export type Phase = 'monitor' | 'keeper' | 'init' | 'cleanup';

/** Operation names by phase, in the order of helpers/plan-ops.txt. */
export const OPERATIONS = {
  monitor: [
    'mode',
    'id',
    'lock',
    'exit-file',
    'log',
    'socket',
    'stdio',
    'tty',
    'detach-keys',
    'attach-stdin',
    'no-sig-proxy',
    'announce',
    'on-failure',
    'pass-fd',
    'clone',
    'join',
    'uidmap',
    'gidmap',
    'setgroups-deny',
    'spawn',
  ],
  keeper: ['unshare', 'run', 'oom-score-adj', 'clone-init'],
  init: [
    'private',
    'rootfs',
    'overlay',
    'mount',
    'bind',
    'remount',
    'propagation',
    'mkdir',
    'symlink',
    'pivot',
    'console',
    'loopback',
    'hostname',
    'domainname',
    'sysctl',
    'mask',
    'readonly',
    'rlimit',
    'keyring',
    'cwd',
    'groups',
    'user',
    'caps',
    'umask',
    'no-new-privs',
    'seccomp',
    'reaper',
    'env',
    'chroot',
    'exec',
  ],
  both: ['remove', 'rename'],
} as const;

export type MonitorOp = (typeof OPERATIONS.monitor)[number];
export type KeeperOp = (typeof OPERATIONS.keeper)[number];
export type InitOp = (typeof OPERATIONS.init)[number] | (typeof OPERATIONS.both)[number];
export type CleanupOp = (typeof OPERATIONS.both)[number];

/** One record: the operation and its fields. */
export interface PlanStep<Op extends string = string> {
  op: Op;
  args: string[];
}

/** A whole launch, by phase. The order inside a phase is the order of execution. */
export interface Plan {
  monitor: PlanStep<MonitorOp>[];
  keeper: PlanStep<KeeperOp>[];
  init: PlanStep<InitOp>[];
  cleanup: PlanStep<CleanupOp>[];
}

/** Makes one step; numbers become decimal. */
export function step<Op extends string>(op: Op, ...args: (string | number)[]): PlanStep<Op> {
  return { op, args: args.map(String) };
}

/** Encodes a plan as NUL-ended fields. Throws TypeError when a field contains NUL. */
export function encodePlan(plan: Plan): Buffer {
  const fields = ['rrun-plan', String(PROTOCOL_VERSION)];
  for (const phase of ['monitor', 'keeper', 'init', 'cleanup'] as const) {
    fields.push('phase', '1', phase);
    for (const { op, args } of plan[phase]) fields.push(op, String(args.length), ...args);
  }
  fields.push('end', '0');
  for (const field of fields) {
    if (field.includes('\0')) {
      throw new TypeError(`cannot encode plan field ${JSON.stringify(field)}: it contains NUL`);
    }
  }
  return Buffer.from(`${fields.join('\0')}\0`, 'utf8');
}

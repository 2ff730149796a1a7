// Carries plans out as `rrun @plan` does for whoever hands it one, and tells how that ended.

import { spawn } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { encodePlan, step, type Plan } from '../../src/helper/plan.js';
import { parseFailure, type HelperFailure } from '../../src/helper/report.js';
import { usernsSteps } from '../../src/helper/userns-run.js';
import { baseMapping } from '../../src/idmap/choose.js';
import { rrunProgram } from './paths.js';
import { makeRootfs } from './rootfs.js';
import type { Home } from './run-rrun.js';

export interface PlanOutcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  failure: HelperFailure | undefined;
  /** It had to be killed. */
  late: boolean;
  stderr: string;
}

/** A plan that works, with every kind of step that needs no device of the host. Its files are below `dir`. */
export async function goodPlan(home: Home): Promise<{ plan: Plan; dir: string }> {
  const dir = path.join(home.dir, 'h/plan');
  mkdirSync(path.join(dir, 'run'), { recursive: true });
  const filter = path.join(dir, 'allow.bpf');
  writeFileSync(filter, Buffer.from('060000000000ff7f', 'hex')); // BPF_RET, SECCOMP_RET_ALLOW
  writeFileSync(path.join(dir, 'text'), 'not a filter\n');
  writeFileSync(path.join(dir, 'large'), '');
  truncateSync(path.join(dir, 'large'), 1 << 30);
  const { mapping } = await baseMapping();
  const plan: Plan = {
    monitor: [
      step('mode', 'foreground'),
      step('id', 'hostile'),
      step('lock', path.join(dir, 'lock')),
      step('exit-file', path.join(dir, 'exit')),
      step('log', path.join(dir, 'log')),
      step('socket', path.join(dir, 'run/attach')),
      step('stdio', 'null', 'pipe'),
      step('detach-keys', '1011'),
      step('clone', 'user', 'pid', 'network', 'ipc', 'uts'),
      ...usernsSteps(mapping),
    ],
    keeper: [step('oom-score-adj', '900'), step('clone-init', 'mount', 'pid', 'cgroup')],
    init: [
      step('private'),
      step('rootfs', makeRootfs(home), 'bind'),
      step('mkdir', '/made/here', '755'),
      step('mount', 'proc', 'proc', '/proc', 'nosuid,noexec,nodev', ''),
      step('mount', 'tmpfs', 'tmpfs', '/dev', 'nosuid', 'mode=755,size=1m'),
      step('bind', dir, '/bound', 'rec', 'auto'),
      step('bind', '/dev/null', '/dev/null', '', 'file'),
      step('remount', '/bound', 'ro'),
      step('propagation', '/bound', 'rprivate'),
      step('symlink', '/proc/self/fd', '/dev/fd'),
      step('pivot'),
      step('loopback'),
      step('hostname', 'hostile'),
      step('sysctl', 'net/ipv4/ip_unprivileged_port_start', '0'),
      step('mask', '/proc/keys'),
      step('readonly', '/proc/sys'),
      step('rlimit', 'nofile', '100', '200'),
      step('keyring'),
      step('cwd', '/made/here', '1'),
      step('groups', '1', '2'),
      step('user', '1000', '1000'),
      step('caps', '0', '0', '0', '0', '0'),
      step('umask', '22'),
      step('no-new-privs'),
      step('seccomp', filter),
      step('env', 'PATH=/bin'),
      step('exec', 'true', 'true'),
    ],
    cleanup: [
      step('rename', path.join(dir, 'absent'), path.join(dir, 'gone')),
      step('remove', path.join(dir, 'absent')),
    ],
  };
  return { plan, dir };
}

/** Carries it out; what has not ended by itself after ten seconds is killed. */
export async function carryOut(plan: Plan | Buffer, cwd: string): Promise<PlanOutcome> {
  const stdio = ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] as const;
  const child = spawn(rrunProgram, ['@plan', '3', '4'], { cwd, stdio: [...stdio] });
  const record: Buffer[] = [];
  let stderr = '';
  (child.stdio[4] as Readable).on('data', (chunk: Buffer) => record.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += String(chunk)));
  const input = child.stdio[3] as Writable;
  input.on('error', () => {}); // a program that has seen enough reads no more
  input.end(Buffer.isBuffer(plan) ? plan : encodePlan(plan));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, 10_000);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, name) => {
      resolve([status, name]);
    });
  });
  clearTimeout(timer);
  return { code, signal, failure: parseFailure(Buffer.concat(record)), late, stderr };
}

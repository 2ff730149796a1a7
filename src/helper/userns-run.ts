// Runs a program of ours as root of a mapped user namespace, through a plan of its own. The process tree dies with us.

import { spawn, type ChildProcess } from '../util/spawn.js';
import type { Readable } from 'node:stream';

import { RrunError } from '../errors.js';
import type { HostPath } from '../util/brand.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { encodePlan, step, type InitOp, type MonitorOp, type Plan, type PlanStep } from './plan.js';
import { helperProgram } from './program.js';
import { parseFailure, type HelperFailure } from './report.js';

export interface UsernsRun {
  mapping: UsernsMapping;
  /** Program (absolute, or searched in PATH of `env`) and its arguments. */
  argv: string[];
  /** The whole environment of the program; default: ours. */
  env?: Record<string, string>;
  cwd?: string;
  /** Index = descriptor in the child. */
  stdio: ('ignore' | 'inherit' | 'pipe' | number)[];
  /** Also a mount namespace of its own. */
  mountNamespace?: boolean;
  /** Steps before the program is executed: mounts, for instance. Implies a mount namespace. */
  before?: PlanStep<InitOp>[];
}

export interface UsernsProcess {
  child: ChildProcess;
  /** Settles when everything has ended. `failure` tells that the program was not even started. */
  done: Promise<{ code: number; failure?: HelperFailure }>;
}

/** Steps that make a user namespace with this mapping. */
export function usernsSteps(mapping: UsernsMapping): PlanStep<MonitorOp>[] {
  const uids = mapping.uidMappings.flatMap((m) => [m.containerID, m.hostID, m.size]);
  const gids = mapping.gidMappings.flatMap((m) => [m.containerID, m.hostID, m.size]);
  if (mapping.kind === 'single') {
    return [step('setgroups-deny'), step('uidmap', 'direct', ...uids), step('gidmap', 'direct', ...gids)];
  }
  return [
    step('uidmap', mapping.newuidmap ?? 'direct', ...uids),
    step('gidmap', mapping.newgidmap ?? 'direct', ...gids),
  ];
}

/** The container id that the caller is root of files as: 0 where it is mapped, else the first mapped id. */
function rootOf(mappings: UsernsMapping['uidMappings']): number {
  if (mappings.some((m) => m.containerID === 0)) return 0;
  return mappings[0]?.containerID ?? 0;
}

function usernsPlan(mapping: UsernsMapping, keptFds: number[], init: PlanStep<InitOp>[], mount: boolean): Plan {
  return {
    monitor: [
      step('mode', 'foreground'),
      step('stdio', 'inherit', 'inherit'),
      ...keptFds.map((fd) => step('pass-fd', fd)),
      step('clone', 'user', 'pid'),
      ...usernsSteps(mapping),
    ],
    keeper: [step('clone-init', ...(mount ? ['mount'] : []))],
    init: [
      ...(mount ? [step('private')] : []),
      step('user', rootOf(mapping.uidMappings), rootOf(mapping.gidMappings)),
      ...init,
    ],
    cleanup: [],
  };
}

/** Runs `argv` mapped; see UsernsRun. The plan and the report use two descriptors above those of `stdio`. */
export function runInUserns(run: UsernsRun): UsernsProcess {
  const keptFds = run.stdio.flatMap((entry, fd) => (fd > 2 && entry !== 'ignore' ? [fd] : []));
  const env = run.env ?? definedEnv(process.env);
  const init: PlanStep<InitOp>[] = [
    ...(run.before ?? []),
    ...(run.cwd === undefined ? [] : [step('cwd', run.cwd, '0')]),
    ...Object.entries(env).map(([name, value]) => step('env', `${name}=${value}`)),
    step('exec', run.argv[0] ?? '', ...run.argv),
  ];
  const mount = run.mountNamespace === true || run.before !== undefined;
  return spawnPlan(usernsPlan(run.mapping, keptFds, init, mount), run.stdio);
}

/** Starts `rrun @plan PLANFD REPORTFD` with the plan on a pipe; stdio as of child_process. */
export function spawnPlan(plan: Plan, stdio: UsernsRun['stdio']): UsernsProcess {
  const planFd = Math.max(3, stdio.length);
  const padded = [...stdio, ...Array<'ignore'>(planFd - stdio.length).fill('ignore')];
  const child = spawn(helperProgram(), ['@plan', String(planFd), String(planFd + 1)], {
    stdio: [...padded, 'pipe', 'pipe'],
  });
  const planPipe = child.stdio[planFd] as NodeJS.WritableStream;
  planPipe.on('error', () => undefined); // the program says on the report pipe what it did not like
  planPipe.end(encodePlan(plan));
  return { child, done: outcome(child, child.stdio[planFd + 1] as Readable) };
}

async function outcome(child: ChildProcess, reports: Readable): Promise<{ code: number; failure?: HelperFailure }> {
  const chunks: Buffer[] = [];
  reports.on('data', (chunk: Buffer) => chunks.push(chunk));
  reports.on('error', () => undefined); // what was read before counts; the exit code tells the rest
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new RrunError('HELPER_FAILED', `cannot start "${helperProgram()}": ${cause.message}`, { cause }));
    });
    child.once('close', (status, signal) => {
      resolve(status ?? (signal === null ? 125 : 137));
    });
  });
  const failure = parseFailure(Buffer.concat(chunks));
  return failure === undefined ? { code } : { code, failure };
}

function definedEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Sentence for a run that did not succeed, for callers that have no better one. */
export function runFailed(action: string, result: { code: number; failure?: HelperFailure }): RrunError {
  const { failure, code } = result;
  const why =
    failure === undefined
      ? `the helper ended with code ${code}`
      : `${failure.action}: ${failure.syscall}: ${failure.errno}${failure.detail === '' ? '' : ` (${failure.detail.trim()})`}`;
  return new RrunError('HELPER_FAILED', `cannot ${action}: ${why}`);
}

/** Removes trees as root of the mapped namespace, whatever ids own what is in them. Absent paths are fine. */
export async function removeTrees(mapping: UsernsMapping, paths: HostPath[]): Promise<void> {
  if (paths.length === 0) return;
  const plan = usernsPlan(
    mapping,
    [],
    paths.map((path) => step('remove', path)),
    false,
  );
  const result = await spawnPlan(plan, ['ignore', 'ignore', 'inherit']).done;
  if (result.code !== 0) throw runFailed(`remove "${paths.join('", "')}"`, result);
}

/** Ids of the containers whose lock is held by a monitor; asked of the C program, which needs no koffi. */
export async function heldLocks(containersDir: HostPath): Promise<Set<string>> {
  const child = spawn(helperProgram(), ['@locks', containersDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0)
    throw new RrunError('HELPER_FAILED', `cannot read the locks of "${containersDir}": code ${code ?? 'none'}`);
  return new Set(Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean));
}

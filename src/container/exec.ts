// A further process in a container that runs: who it is and what it gets, from the container's config.json and the options of `exec`.

import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

import { CAPABILITIES } from '../bundle/capabilities.js';
import { KEEP_GROUPS_ANNOTATION, isMapped, unmappedId } from '../bundle/choose-groups.js';
import { parseSpec } from '../bundle/parse-spec.js';
import { resolveGroups, resolveUser, type ResolvedUser, type UserLookup } from '../bundle/resolve-user.js';
import type { Spec, SpecProcess } from '../bundle/spec.wire.js';
import type { Plan } from '../helper/plan.js';
import { compileExec } from '../launch/compile-exec.js';
import type { Store } from '../store/store.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../util/detach-keys.js';
import { chooseMode } from './launch.js';
import type { Container } from './list.js';
import { hasStartedAt } from './process-start.js';
import type { ContainerRecord } from './record.js';
import { notRunning } from './signal.js';

export interface ExecOptions {
  args: readonly string[];
  detach: boolean;
  interactive: boolean;
  tty: boolean;
  privileged: boolean;
  user: string | undefined;
  workdir: string | undefined;
  /** "K=V", and names that are taken out. */
  env: readonly string[];
  unsetEnv: readonly string[];
  detachKeys: string | undefined;
  /** Of the caller. */
  callerEnv: Readonly<Record<string, string | undefined>>;
}

/** Makes the plan. Throws NOT_RUNNING. */
export async function planExec(store: Store, container: Container, options: ExecOptions): Promise<Plan> {
  const { record, dir, state } = container;
  const { pid, startedAt = '' } = state;
  if (state.status !== 'running' || !hasStartedAt(pid, Date.parse(startedAt))) throw notRunning('exec in', record.name);
  const file = path.join(dir, 'config.json');
  const detachKeys = options.detachKeys ?? record.options.detachKeys ?? DEFAULT_DETACH_KEYS;
  return await compileExec({
    id: record.id,
    pid,
    namespaces: foreignNamespaces(pid),
    spec: await specFor(container, parseSpec(readFileSync(file, 'utf8'), file), options),
    singleId: record.userns.kind === 'single',
    cacheDir: store.cacheDir,
    mode: chooseMode(options, { attach: !options.detach, detachKeys, env: options.callerEnv }),
    stdin: options.interactive && !options.detach ? 'pipe' : 'null',
    detachKeys: parseDetachKeys(detachKeys) ?? [],
    onFailure: [store.root, record.id, 'exec', options.args[0] ?? ''],
  });
}

/** Our words for the files of /proc/PID/ns. */
const NAMESPACES = [
  ['user', 'user'],
  ['mnt', 'mount'],
  ['pid', 'pid'],
  ['net', 'network'],
  ['ipc', 'ipc'],
  ['uts', 'uts'],
  ['cgroup', 'cgroup'],
] as const;

/** Those that the container does not share with us: joining one's own user namespace is an error (setns(2)). */
function foreignNamespaces(pid: number): string[] {
  return NAMESPACES.filter(([file]) => namespaceOf(pid, file) !== namespaceOf('self', file)).map(([, word]) => word);
}

function namespaceOf(pid: number | 'self', file: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${file}`);
  } catch {
    // It has just ended, or is not ours: joining will say so.
    return undefined;
  }
}

async function specFor(container: Container, spec: Spec, options: ExecOptions): Promise<Spec> {
  const own = spec.process;
  if (own === undefined) throw new Error('bug: a container without a process runs');
  const process: SpecProcess = {
    ...own,
    terminal: options.tty,
    args: [...options.args],
    cwd: options.workdir ?? own.cwd,
    env: makeExecEnv(own.env ?? [], options),
    ...(options.privileged ? { capabilities: allCapabilities() } : {}),
  };
  // Docker: a user that is named "" is the container's.
  if (!options.user) return { ...spec, process };
  return await asUser(container, { ...spec, process }, { user: options.user, env: options.env });
}

/** The container's, with what the options set and take away. */
export function makeExecEnv(own: readonly string[], options: Pick<ExecOptions, 'env' | 'unsetEnv' | 'tty'>): string[] {
  const env = new Map(options.tty ? [['TERM', 'xterm']] : []);
  for (const entry of [...own, ...options.env]) {
    const mark = entry.indexOf('=');
    if (mark > 0) env.set(entry.slice(0, mark), entry.slice(mark + 1));
  }
  for (const name of options.unsetEnv) env.delete(name);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

/** As Docker's --privileged of exec: what is inherited and ambient would go on to programs of other users. */
function allCapabilities(): NonNullable<SpecProcess['capabilities']> {
  const all = [...CAPABILITIES];
  return { bounding: all, effective: all, permitted: all, inheritable: [], ambient: [] };
}

async function asUser(
  { record, state }: Container,
  spec: Spec,
  { user, env }: { user: string; env: readonly string[] },
): Promise<Spec> {
  const own = spec.process as SpecProcess;
  const lookup = await lookUpUsers(state.pid);
  const mapping = record.userns;
  const resolved = resolveUser(user, lookup);
  const { uid, gid, home } = resolved;
  if (!isMapped(uid, mapping.uidMappings)) throw unmappedId('user', uid, mapping.uidMappings);
  if (!isMapped(gid, mapping.gidMappings)) throw unmappedId('group', gid, mapping.gidMappings);
  const groups = groupsOf(record, resolved, lookup);
  const { additionalGids: _, ...rest } = own.user;
  const annotations = Object.entries(spec.annotations ?? {}).filter(([name]) => name !== KEEP_GROUPS_ANNOTATION);
  if (groups === 'keep') annotations.push([KEEP_GROUPS_ANNOTATION, '1']);
  return {
    ...spec,
    annotations: Object.fromEntries(annotations),
    process: {
      ...own,
      user: { ...rest, uid, gid, ...(groups === 'keep' ? {} : { additionalGids: groups }) },
      env: withHome(own, { home, env, ownHome: resolveUser(String(own.user.uid), lookup).home }),
    },
  };
}

/** As for `run -u`: those of the image, where it has some for this user or they were added, else the caller's. */
function groupsOf({ options, userns }: ContainerRecord, user: ResolvedUser, lookup: UserLookup): number[] | 'keep' {
  const { groupAdd } = options;
  if (userns.kind === 'single' || groupAdd.includes('keep-groups')) return 'keep';
  if (groupAdd.length === 0 && user.groups.length === 0) return 'keep';
  const wanted = [...new Set([user.gid, ...user.groups, ...resolveGroups(groupAdd, lookup)])];
  const unmapped = wanted.find((gid) => !isMapped(gid, userns.gidMappings));
  if (unmapped !== undefined) throw unmappedId('group', unmapped, userns.gidMappings);
  return wanted;
}

/** HOME goes with the user, unless somebody has set it: the options, or the image to another than the container's user has. */
function withHome(own: SpecProcess, { home, env, ownHome }: { home: string; env: readonly string[]; ownHome: string }) {
  const variables = own.env ?? [];
  const isSet = env.some((entry) => entry.startsWith('HOME='));
  return variables.map((entry) => (!isSet && entry === `HOME=${ownHome}` ? `HOME=${home}` : entry));
}

/** The container's files of now, which it may have changed, or put links in the place of. */
async function lookUpUsers(pid: number): Promise<UserLookup> {
  const { openBeneath, RESOLVE } = await import('../sys/file.js');
  const root = openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
  const read = (file: string): string | undefined => {
    let fd: number;
    try {
      // Not blocking, should it be a fifo.
      fd = openBeneath(root, file, constants.O_RDONLY | constants.O_NONBLOCK, RESOLVE.inRoot | RESOLVE.noMagiclinks);
    } catch {
      return undefined;
    }
    try {
      return readFileSync(fd, 'utf8');
    } catch {
      return undefined;
    } finally {
      closeSync(fd);
    }
  };
  try {
    return { passwd: read('etc/passwd'), group: read('etc/group') };
  } finally {
    closeSync(root);
  }
}

// Which cgroup hierarchies there are, and what of them is ours to divide.

import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface CgroupFacts {
  /** unified: v2 alone; hybrid: v1 with v2 beside it; v1: v1 alone. */
  layout: 'unified' | 'hybrid' | 'v1' | 'none';
  /** Our own cgroup in the v2 hierarchy, as /proc/self/cgroup names it. */
  path?: string;
  /** Controllers of the v2 hierarchy where we are. */
  controllers: string[];
  /** Controllers that we may give limits with: those of a subtree that we may write to. */
  delegated: string[];
  /** The directory of that subtree. */
  subtree?: string;
}

/** CGROUP2_SUPER_MAGIC of linux/magic.h. */
const CGROUP2_MAGIC = 0x63677270;

export async function loadCgroupFacts(
  uid: number,
  root = '/sys/fs/cgroup',
  selfCgroup = '/proc/self/cgroup',
): Promise<CgroupFacts> {
  const layout = await findLayout(root);
  if (layout === 'none' || layout === 'v1') return { layout, controllers: [], delegated: [] };
  const hierarchy = layout === 'unified' ? root : join(root, 'unified');
  const path = /^0::(.*)$/m.exec(await readFile(selfCgroup, 'utf8').catch(() => ''))?.[1];
  const facts: CgroupFacts = { layout, controllers: [], delegated: [] };
  if (path === undefined) return facts;
  facts.path = path;
  facts.controllers = await readControllers(join(hierarchy, path));
  for (const candidate of [path, `/user.slice/user-${uid}.slice/user@${uid}.service`]) {
    const directory = join(hierarchy, candidate);
    if (!(await isOurs(directory))) continue;
    return { ...facts, subtree: directory, delegated: await readControllers(directory) };
  }
  return facts;
}

async function findLayout(root: string): Promise<CgroupFacts['layout']> {
  if ((await statfs(root).catch(() => undefined))?.type === CGROUP2_MAGIC) return 'unified';
  if ((await statfs(join(root, 'unified')).catch(() => undefined))?.type === CGROUP2_MAGIC) return 'hybrid';
  const hasV1 = await stat(join(root, 'memory'))
    .catch(() => stat(join(root, 'pids')))
    .then(
      () => true,
      () => false,
    );
  return hasV1 ? 'v1' : 'none';
}

async function readControllers(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, 'cgroup.controllers'), 'utf8').catch(() => '');
  return text.split(/\s+/).filter((name) => name !== '');
}

/** Delegation means write access to the directory and to cgroup.procs in it (cgroup-v2.rst, "Model of Delegation"). */
async function isOurs(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK);
    await access(join(directory, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

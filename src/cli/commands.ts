// The table of commands: name → file, loaded only when it is called. helpers/rrun has the launch names too; a check compares them.

import type { AnyCommand } from './command.js';

interface Entry {
  load: () => Promise<{ command: unknown }>;
  aliases?: readonly string[];
}

/** Commands that end in a launch: the C program starts Node as a child for these and execs it for all others. */
export const LAUNCH_COMMANDS = ['run', 'start', 'exec', 'attach'] as const;

const TABLE: Readonly<Record<string, Entry>> = {
  run: { load: () => import('./commands/run.js') },
  create: { load: () => import('./commands/create.js') },
  start: { load: () => import('./commands/start.js') },
  exec: { load: () => import('./commands/exec.js') },
  attach: { load: () => import('./commands/attach.js') },
  stop: { load: () => import('./commands/stop.js') },
  restart: { load: () => import('./commands/restart.js') },
  kill: { load: () => import('./commands/kill.js') },
  wait: { load: () => import('./commands/wait.js') },
  rename: { load: () => import('./commands/rename.js') },
  logs: { load: () => import('./commands/logs.js') },
  ps: { load: () => import('./commands/ps.js') },
  rm: { load: () => import('./commands/rm.js') },
  inspect: { load: () => import('./commands/inspect.js') },
  cp: { load: () => import('./commands/cp.js') },
  pull: { load: () => import('./commands/pull.js') },
  images: { load: () => import('./commands/images.js') },
  tag: { load: () => import('./commands/tag.js') },
  rmi: { load: () => import('./commands/rmi.js') },
  explain: { load: () => import('./commands/explain.js') },
  info: { load: () => import('./commands/info.js') },
  version: { load: () => import('./commands/version.js') },
  help: { load: () => import('./commands/help.js') },
};

/** Names of all commands, in the order of the help. */
export const COMMAND_NAMES: readonly string[] = Object.keys(TABLE);

/** Names (and aliases) of the commands that do not launch; everything else that is not one of LAUNCH_COMMANDS is an image. */
export const NON_LAUNCH_COMMANDS: readonly string[] = Object.entries(TABLE)
  .filter(([name]) => !(LAUNCH_COMMANDS as readonly string[]).includes(name))
  .flatMap(([name, entry]) => [name, ...(entry.aliases ?? [])]);

/** Names of commands to come: never taken for an image, so that scripts written for them fail clearly today. */
const RESERVED: readonly string[] = [
  ...['build', 'commit', 'container', 'diff', 'events', 'exists', 'export', 'history', 'image', 'import'],
  ...['load', 'login', 'logout', 'network', 'pause', 'port', 'prune', 'push', 'save', 'search', 'stats'],
  ...['system', 'top', 'unpause', 'unshare', 'update', 'volume'],
];

export function isReservedName(name: string): boolean {
  return RESERVED.includes(name);
}

export function isLaunchName(name: string): boolean {
  return (LAUNCH_COMMANDS as readonly string[]).includes(name);
}

/** Loads a command by name or alias; undefined: there is none of that name. */
export async function tryLoadCommand(name: string): Promise<AnyCommand | undefined> {
  const found = Object.entries(TABLE).find(([key, entry]) => key === name || entry.aliases?.includes(name));
  if (found === undefined) return undefined;
  // Each file exports `command` made by defineCommand(); its own flag types end here.
  return (await found[1].load()).command as AnyCommand;
}

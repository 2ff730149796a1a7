// Which registries a name means and how they are reached: containers-registries.conf(5), version 2, with drop-in files and aliases.
// Says where to ask; asking is up to client.ts.

import { access, readdir } from 'node:fs/promises';
import path from 'node:path';

import { RrunError } from '../errors.js';
import { homeDirectory } from '../util/home-directory.js';
import { tryLoadToml } from './toml-file.js';

const SYSTEM_DIR = '/etc/containers';

export interface RegistriesConf {
  /** Where a name without a registry is looked for, in this order. */
  searchRegistries: string[];
  /** Short name → name with a registry: "fedora" → "registry.fedoraproject.org/fedora". */
  aliases: ReadonlyMap<string, string>;
  registries: readonly RegistryRule[];
}

export interface RegistryRule {
  /** "host[:port][/path]" or "*.host". */
  prefix: string;
  /** What replaces the prefix; undefined keeps the name as it is. */
  location?: string;
  insecure: boolean;
  blocked: boolean;
  mirrors: readonly Mirror[];
}

export interface Mirror {
  location: string;
  insecure: boolean;
  pullFrom: 'all' | 'digest-only' | 'tag-only';
}

/** One place to ask for an image. */
export interface Endpoint {
  /** "host[:port]". */
  host: string;
  /** Repository there. */
  path: string;
  /** TLS may be missing or its certificate unknown. */
  insecure: boolean;
  isMirror: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads CONTAINERS_REGISTRIES_CONF and nothing else if that is set; else the user's file, and only without one the system's; then the
 * drop-in files (of the user alone where the user's file was used).
 */
export async function loadRegistriesConf(env: Env = process.env): Promise<RegistriesConf> {
  const merged = {
    search: undefined as string[] | undefined,
    aliases: new Map<string, string>(),
    rules: new Map<string, RegistryRule>(),
  };
  for (const file of await configFiles(env)) {
    const table = await tryLoadToml(file);
    if (table === undefined) continue;
    const parsed = parseRegistriesConf(table, file);
    merged.search = parsed.searchRegistries ?? merged.search;
    for (const [name, value] of parsed.aliases) {
      if (value === '') merged.aliases.delete(name);
      else merged.aliases.set(name, value);
    }
    for (const rule of parsed.registries) merged.rules.set(rule.prefix, rule);
  }
  const search = merged.search ?? [];
  return {
    searchRegistries: search.length > 0 ? search : ['docker.io'],
    aliases: merged.aliases,
    registries: [...merged.rules.values()],
  };
}

async function configFiles(env: Env): Promise<string[]> {
  const only = env['CONTAINERS_REGISTRIES_CONF'];
  if (only !== undefined && only !== '') {
    if (!(await exists(only))) {
      throw new RrunError('CONFIG_INVALID', `cannot read "${only}": no such file`, {
        hint: 'correct CONTAINERS_REGISTRIES_CONF or unset it',
      });
    }
    return [only];
  }
  const userDir = path.join(configHome(env), 'containers');
  const userFile = path.join(userDir, 'registries.conf');
  const userDropIns = await dropIns(path.join(userDir, 'registries.conf.d'));
  if (await exists(userFile)) return [userFile, ...userDropIns];
  return [
    path.join(SYSTEM_DIR, 'registries.conf'),
    ...(await dropIns(path.join(SYSTEM_DIR, 'registries.conf.d'))),
    ...userDropIns,
  ];
}

/** $XDG_CONFIG_HOME, by default ~/.config. */
export function configHome(env: Env): string {
  const configured = env['XDG_CONFIG_HOME'];
  return configured !== undefined && path.isAbsolute(configured) ? configured : path.join(homeDir(env), '.config');
}

/** The root directory holds nothing of a user who has no home. */
export function homeDir(env: Env): string {
  return homeDirectory(env) ?? '/';
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function dropIns(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => path.join(dir, name));
}

/** The content of one file. `searchRegistries` is undefined where the file does not set it. */
export function parseRegistriesConf(
  table: Record<string, unknown>,
  file: string,
): { searchRegistries: string[] | undefined; aliases: Map<string, string>; registries: RegistryRule[] } {
  const fail = (why: string, hint?: string): never => {
    throw new RrunError('CONFIG_INVALID', `cannot use "${file}": ${why}`, { hint });
  };
  if (isTable(table['registries'])) {
    fail('it is in the old format, version 1', 'write it in version 2: see containers-registries.conf(5)');
  }
  const search = table['unqualified-search-registries'];
  if (search !== undefined && !isStringList(search)) fail('unqualified-search-registries is not a list of strings');
  const registries = table['registry'] ?? [];
  if (!Array.isArray(registries)) fail('registry is not a list of tables: want [[registry]]');
  const aliases = table['aliases'] ?? {};
  if (!isTable(aliases)) return fail('aliases is not a table');
  return {
    searchRegistries: search as string[] | undefined,
    registries: (registries as unknown[]).map((entry) => parseRule(entry, fail)),
    aliases: new Map(
      Object.entries(aliases).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : fail(`the alias "${name}" is not a string`),
      ]),
    ),
  };
}

type Fail = (why: string, hint?: string) => never;

function parseRule(entry: unknown, fail: Fail): RegistryRule {
  if (!isTable(entry)) return fail('an entry of [[registry]] is not a table');
  const location = text(entry, 'location', fail);
  const prefix = text(entry, 'prefix', fail) ?? location;
  if (prefix === undefined || prefix === '') return fail('a [[registry]] has neither prefix nor location');
  if (location === undefined && !prefix.startsWith('*.')) return fail(`the [[registry]] "${prefix}" has no location`);
  const digestOnly = flag(entry, 'mirror-by-digest-only', fail);
  const mirrors = entry['mirror'] ?? [];
  if (!Array.isArray(mirrors))
    return fail(`the mirrors of "${prefix}" are not a list of tables: want [[registry.mirror]]`);
  return {
    prefix: trimSlash(prefix),
    ...(location !== undefined && location !== '' ? { location: trimSlash(location) } : {}),
    insecure: flag(entry, 'insecure', fail),
    blocked: flag(entry, 'blocked', fail),
    mirrors: (mirrors as unknown[]).map((mirror) => parseMirror(mirror, digestOnly, fail)),
  };
}

function parseMirror(entry: unknown, digestOnly: boolean, fail: Fail): Mirror {
  if (!isTable(entry)) return fail('an entry of [[registry.mirror]] is not a table');
  const location = text(entry, 'location', fail);
  if (location === undefined || location === '') return fail('a [[registry.mirror]] has no location');
  const pullFrom = text(entry, 'pull-from-mirror', fail) ?? '';
  if (pullFrom !== '' && pullFrom !== 'all' && pullFrom !== 'digest-only' && pullFrom !== 'tag-only') {
    return fail(`pull-from-mirror is "${pullFrom}": want all, digest-only or tag-only`);
  }
  return {
    location: trimSlash(location),
    insecure: flag(entry, 'insecure', fail),
    pullFrom: digestOnly ? 'digest-only' : pullFrom === '' ? 'all' : pullFrom,
  };
}

/**
 * Where to ask for `name` ("docker.io/library/alpine"), mirrors first, the registry itself last.
 * `suffix` is ":TAG" or "@DIGEST"; a prefix may contain it.
 */
export function resolveEndpoints(conf: RegistriesConf, name: string, suffix: string): Endpoint[] {
  const full = name + suffix;
  const rule = conf.registries
    .filter(({ prefix }) => matchesPrefix(prefix, full))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
  if (rule === undefined) return [endpoint(name, false, false)];
  if (rule.blocked) {
    throw new RrunError(
      'REGISTRY_REFUSED',
      `cannot pull "${full}": the registry "${rule.prefix}" is blocked in registries.conf`,
    );
  }
  const byDigest = suffix.startsWith('@');
  const mirrors = rule.mirrors
    .filter(({ pullFrom }) => pullFrom === 'all' || (pullFrom === 'digest-only') === byDigest)
    .map((mirror) => endpoint(relocate(rule.prefix, mirror.location, name), mirror.insecure, true));
  return [...mirrors, endpoint(relocate(rule.prefix, rule.location, name), rule.insecure, false)];
}

function matchesPrefix(prefix: string, name: string): boolean {
  if (prefix.startsWith('*.')) {
    const host = name.split('/')[0] ?? '';
    return host.replace(/:\d+$/, '').endsWith(prefix.slice(1));
  }
  if (!name.startsWith(prefix)) return false;
  const next = name[prefix.length];
  return next === undefined || next === '/' || next === ':' || next === '@';
}

function relocate(prefix: string, location: string | undefined, name: string): string {
  if (location === undefined) return name;
  if (prefix.startsWith('*.')) return location + name.slice(name.indexOf('/'));
  // A prefix with a tag or digest stands for the repository alone: the tag is asked for as it was typed.
  if (prefix.length > name.length)
    return location.includes('/') ? location.replace(/@.*$/, '').replace(/:[^/]*$/, '') : location;
  return location + name.slice(prefix.length);
}

function endpoint(name: string, insecure: boolean, isMirror: boolean): Endpoint {
  const slash = name.indexOf('/');
  if (slash === -1)
    throw new RrunError('CONFIG_INVALID', `cannot use the location "${name}" of registries.conf: it has no repository`);
  return { host: name.slice(0, slash), path: name.slice(slash + 1), insecure, isMirror };
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function text(table: Record<string, unknown>, key: string, fail: Fail): string | undefined {
  const value = table[key];
  return value === undefined || typeof value === 'string' ? value : fail(`${key} is not a string`);
}

function flag(table: Record<string, unknown>, key: string, fail: Fail): boolean {
  const value = table[key] ?? false;
  return typeof value === 'boolean' ? value : fail(`${key} is not true or false`);
}

function trimSlash(name: string): string {
  return name.replace(/\/+$/, '');
}

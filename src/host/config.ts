// Our configuration: /etc/rrun/config.toml, then $XDG_CONFIG_HOME/rrun/config.toml, then RRUN_*, then flags; the last one wins.

import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { RrunError } from '../errors.js';
import { homeDirectory } from '../util/home-directory.js';
import { closestWord } from '../util/text.js';
import type { Env } from './dirs.js';

type KeyCheck =
  { type: 'path' } | { type: 'string' } | { type: 'boolean' } | { type: 'choice'; choices: readonly string[] };

/** Every key, what it may hold. The environment variable is RRUN_ and the key in capitals. */
const KEYS = {
  root: { type: 'path' },
  runroot: { type: 'path' },
  storage_driver: { type: 'choice', choices: ['overlay', 'fuse-overlayfs', 'vfs'] },
  network: { type: 'string' },
  log_driver: { type: 'choice', choices: ['json-file', 'none', 'passthrough'] },
  userns: { type: 'string' },
  pull: { type: 'choice', choices: ['missing', 'always', 'never', 'newer'] },
  tls_verify: { type: 'boolean' },
} as const satisfies Record<string, KeyCheck>;

export type ConfigKey = keyof typeof KEYS;
export const CONFIG_KEYS = Object.keys(KEYS) as ConfigKey[];

export interface Setting<T> {
  value: T;
  /** The file, the variable or the flag that it came from. */
  origin: string;
}

/** Only what was set somewhere; what a missing key means is up to its user. */
export type Config = { [K in ConfigKey]?: Setting<(typeof KEYS)[K] extends { type: 'boolean' } ? boolean : string> };

export interface ConfigRequest {
  env?: Env;
  /** Read in this order; missing ones are fine. */
  files?: readonly string[];
  /** Values of flags that were given on the command line. */
  flags?: Partial<Record<ConfigKey, string | boolean | undefined>>;
}

export async function loadConfig(request: ConfigRequest = {}): Promise<Config> {
  const env = request.env ?? process.env;
  const config: Config = {};
  for (const file of request.files ?? configFiles(env)) Object.assign(config, await loadConfigFile(file));
  Object.assign(config, configFromEnv(env));
  for (const key of CONFIG_KEYS) {
    const value = request.flags?.[key];
    if (value !== undefined) setValue(config, key, value, `--${key.replace('_', '-')}`);
  }
  return config;
}

export function configFiles(env: Env): string[] {
  const home = env['XDG_CONFIG_HOME'];
  const user = home !== undefined && isAbsolute(home) ? home : join(homeDirectory(env) ?? '/', '.config');
  return ['/etc/rrun/config.toml', join(user, 'rrun/config.toml')];
}

async function loadConfigFile(path: string): Promise<Config> {
  let text: string;
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return {};
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw new RrunError('CONFIG_INVALID', `cannot read configuration file "${path}": ${code ?? 'EIO'}`, { cause });
  }
  return await parseConfig(text, path);
}

export async function parseConfig(text: string, path: string): Promise<Config> {
  const { parse } = await import('smol-toml');
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (cause) {
    const [reason = 'not TOML'] = (cause as Error).message.split('\n');
    const { line } = cause as { line?: number };
    throw invalid(
      path,
      `${line === undefined ? '' : `line ${line}: `}${reason.replace(/^Invalid TOML document: /, '')}`,
      cause,
    );
  }
  const config: Config = {};
  for (const [key, value] of Object.entries(table)) {
    if (!isConfigKey(key)) throw unknownKey(path, key);
    setValue(config, key, value, path);
  }
  return config;
}

function configFromEnv(env: Env): Config {
  const config: Config = {};
  for (const key of CONFIG_KEYS) {
    const name = `RRUN_${key.toUpperCase()}`;
    const text = env[name];
    if (text === undefined || text === '') continue;
    setValue(config, key, KEYS[key].type === 'boolean' ? parseBoolean(text) : text, name);
  }
  return config;
}

function parseBoolean(text: string): boolean | string {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : text;
}

function setValue(config: Config, key: ConfigKey, value: unknown, origin: string): void {
  const check: KeyCheck = KEYS[key];
  const wanted = checkValue(check, value);
  if (wanted !== undefined) throw invalid(origin, `"${key}" must be ${wanted}, got ${JSON.stringify(value)}`);
  Object.assign(config, { [key]: { value: check.type === 'path' ? expandHome(String(value)) : value, origin } });
}

function checkValue(check: KeyCheck, value: unknown): string | undefined {
  switch (check.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'choice':
      return typeof value === 'string' && check.choices.includes(value)
        ? undefined
        : `one of ${check.choices.join(', ')}`;
    case 'path':
      return typeof value === 'string' && isAbsolute(expandHome(value)) ? undefined : 'an absolute path';
    case 'string':
      return typeof value === 'string' ? undefined : 'a string';
  }
}

function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homeDirectory(process.env) ?? '/', path.slice(2)) : path;
}

function isConfigKey(key: string): key is ConfigKey {
  return Object.hasOwn(KEYS, key);
}

function invalid(where: string, reason: string, cause?: unknown): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use configuration of "${where}": ${reason}`, { cause });
}

function unknownKey(path: string, key: string): RrunError {
  const nearest = closestWord(key.toLowerCase().replace(/[-.]/g, '_'), CONFIG_KEYS);
  return new RrunError('CONFIG_INVALID', `cannot use configuration of "${path}": unknown key "${key}"`, {
    hint:
      nearest === undefined
        ? `the keys are ${CONFIG_KEYS.join(', ')}`
        : `did you mean "${nearest}"? the keys are ${CONFIG_KEYS.join(', ')}`,
  });
}

/** Every key with what is used and why; `effective` gives what a missing one means. */
export function describeConfig(
  config: Config,
  effective: Record<ConfigKey, string>,
): Record<ConfigKey, Setting<string | boolean>> {
  const entries = CONFIG_KEYS.map((key) => [key, config[key] ?? { value: effective[key], origin: 'default' }]);
  return Object.fromEntries(entries) as Record<ConfigKey, Setting<string | boolean>>;
}

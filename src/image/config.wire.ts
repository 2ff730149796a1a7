// The image config (image-spec config.md; Docker's is the same with more fields), checked. Field names are the spec's own.

import { RrunError } from '../errors.js';
import type { DiffId } from '../util/brand.js';
import { isDigest } from '../util/digest.js';
import { isTable, type Platform } from './manifest.wire.js';

export interface ImageHealthcheck {
  Test?: string[];
  /** Nanoseconds. */
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/** What a container made of the image starts with. */
export interface ImageRunConfig {
  User?: string;
  /** A set, written as an object of empty objects. */
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Shell?: string[];
  Healthcheck?: ImageHealthcheck;
}

export interface ImageHistory {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

export interface ImageConfig extends Platform {
  created?: string;
  author?: string;
  'os.version'?: string;
  config: ImageRunConfig;
  rootfs: { type: 'layers'; diff_ids: DiffId[] };
  history: ImageHistory[];
}

const MAX_STRING = 1 << 20;
const MAX_ENTRIES = 10_000;

/** Checks the config of an image. Null and absent mean the same, as Go writes them. */
export function parseImageConfig(value: unknown, subject: string): ImageConfig {
  const fail = (why: string): never => {
    throw new RrunError('IMAGE_INVALID', `cannot use the config of "${subject}": ${why}`);
  };
  if (!isTable(value)) return fail('it is not a JSON object');
  const rootfs = value['rootfs'];
  if (!isTable(rootfs) || !Array.isArray(rootfs['diff_ids']))
    return fail('it has no rootfs.diff_ids: it is not the config of a container image');
  const diffIds = rootfs['diff_ids'] as unknown[];
  if (!diffIds.every(isDigest)) return fail('rootfs.diff_ids holds something that is no digest');

  const read = new Reader(value, fail);
  const created = read.string('created');
  const author = read.string('author');
  const variant = read.string('variant');
  const osVersion = read.string('os.version');
  return {
    os: read.string('os') ?? 'linux',
    architecture: read.string('architecture') ?? '',
    ...(variant === undefined || variant === '' ? {} : { variant }),
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    config: parseRunConfig(value['config'], fail),
    rootfs: { type: 'layers', diff_ids: diffIds as DiffId[] },
    history: parseHistory(value['history'], fail),
  };
}

function parseRunConfig(value: unknown, fail: Fail): ImageRunConfig {
  if (value === undefined || value === null) return {};
  if (!isTable(value)) return fail('config is not an object');
  const read = new Reader(value, fail, 'config.');
  return defined({
    User: read.string('User'),
    ExposedPorts: read.set('ExposedPorts'),
    Env: read.strings('Env'),
    Entrypoint: read.strings('Entrypoint'),
    Cmd: read.strings('Cmd'),
    Volumes: read.set('Volumes'),
    WorkingDir: read.string('WorkingDir'),
    Labels: read.map('Labels'),
    StopSignal: read.string('StopSignal'),
    Shell: read.strings('Shell'),
    Healthcheck: parseHealthcheck(value['Healthcheck'], fail),
  });
}

function parseHealthcheck(value: unknown, fail: Fail): ImageHealthcheck | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isTable(value)) return fail('config.Healthcheck is not an object');
  const read = new Reader(value, fail, 'config.Healthcheck.');
  return defined({
    Test: read.strings('Test'),
    Interval: read.number('Interval'),
    Timeout: read.number('Timeout'),
    StartPeriod: read.number('StartPeriod'),
    StartInterval: read.number('StartInterval'),
    Retries: read.number('Retries'),
  });
}

function parseHistory(value: unknown, fail: Fail): ImageHistory[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) return fail('history is not a list');
  return (value as unknown[]).map((entry) => {
    if (!isTable(entry)) return fail('history holds something that is no object');
    const read = new Reader(entry, fail, 'history.');
    return defined({
      created: read.string('created'),
      created_by: read.string('created_by'),
      author: read.string('author'),
      comment: read.string('comment'),
      empty_layer: entry['empty_layer'] === true ? true : undefined,
    });
  });
}

type Fail = (why: string) => never;

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(table: T): Defined<T> {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined)) as Defined<T>;
}

class Reader {
  readonly #table: Record<string, unknown>;
  readonly #fail: Fail;
  readonly #prefix: string;

  constructor(table: Record<string, unknown>, fail: Fail, prefix = '') {
    this.#table = table;
    this.#fail = fail;
    this.#prefix = prefix;
  }

  #get(name: string): unknown {
    const value = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
    return value === null ? undefined : value;
  }

  string(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    return this.#check(value, name);
  }

  number(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : this.#fail(`${this.#prefix}${name} is not a number`);
  }

  strings(name: string): string[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length > MAX_ENTRIES) return this.#fail(`${this.#prefix}${name} is not a list`);
    return (value as unknown[]).map((entry) => this.#check(entry, name));
  }

  set(name: string): Record<string, object> | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (!isTable(value)) return this.#fail(`${this.#prefix}${name} is not an object`);
    return Object.fromEntries(Object.keys(value).map((key) => [this.#check(key, name), {}]));
  }

  map(name: string): Record<string, string> | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (!isTable(value)) return this.#fail(`${this.#prefix}${name} is not an object`);
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [this.#check(key, name), this.#check(entry, name)]),
    );
  }

  /* NUL would end the string for the kernel while we still see the rest of it. */
  #check(value: unknown, name: string): string {
    if (typeof value !== 'string') return this.#fail(`${this.#prefix}${name} holds something that is no string`);
    if (value.includes('\0')) return this.#fail(`${this.#prefix}${name} holds a NUL byte`);
    return value.length <= MAX_STRING ? value : this.#fail(`${this.#prefix}${name} holds more than 1 MiB`);
  }
}

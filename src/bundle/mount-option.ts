// --mount KEY=VALUE,…: Docker's keys with podman's additions.

import { parseSize } from '../util/size.js';
import { blankRequest, checkVolumeName, mergeTmpfsOptions, mountError, type MountRequest } from './mount-requests.js';
import { normalizePath } from './rootfs-path.js';

const PROPAGATIONS = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'];
const RECURSION = ['enabled', 'disabled', 'writable', 'readonly'] as const;
const ALIASES: Record<string, string> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  chown: 'U',
};
/** Which keys a type takes besides type, source, target, readonly and consistency. */
const TYPE_KEYS: Record<MountRequest['type'], readonly string[]> = {
  bind: [
    'bind-propagation',
    'bind-nonrecursive',
    'bind-recursive',
    'bind-create-src',
    'relabel',
    'U',
    'exec',
    'suid',
    'dev',
  ],
  volume: [
    'volume-nocopy',
    'volume-label',
    'volume-driver',
    'volume-opt',
    'volume-subpath',
    'relabel',
    'U',
    'exec',
    'suid',
    'dev',
  ],
  tmpfs: ['tmpfs-size', 'tmpfs-mode', 'notmpcopyup', 'U', 'exec', 'suid', 'dev'],
};
const COMMON_KEYS = ['type', 'source', 'target', 'readonly', 'consistency'];

export function parseMount(typed: string, cwd: string): MountRequest {
  const fields = splitFields(typed).map((field): [string, string | undefined] => {
    const mark = field.indexOf('=');
    const key = (mark < 0 ? field : field.slice(0, mark)).trim();
    return [
      ALIASES[key.toLowerCase()] ?? (key === 'U' ? key : key.toLowerCase()),
      mark < 0 ? undefined : field.slice(mark + 1),
    ];
  });
  const last = (key: string) => fields.findLast(([name]) => name === key)?.[1];

  const type = last('type') ?? 'volume';
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs')
    throw mountError(typed, `mount type "${type}" is not supported, want bind, volume or tmpfs`);
  const target = last('target');
  if (target === undefined || target === '') throw mountError(typed, 'target is required');
  const request = blankRequest(typed, type, target);
  for (const [key, value] of fields) {
    if (!COMMON_KEYS.includes(key) && !TYPE_KEYS[type].includes(key)) {
      const owner = Object.values(TYPE_KEYS).some((keys) => keys.includes(key));
      throw mountError(typed, owner ? `"${key}" does not fit type "${type}"` : `unknown option "${key}"`);
    }
    applyKey(request, key, value);
  }
  checkSource(request, last('source'), cwd);
  if (type === 'tmpfs') request.flags = mergeTmpfsOptions(request.flags);
  return request;
}

function checkSource(request: MountRequest, source: string | undefined, cwd: string): void {
  const { type, typed } = request;
  if (type === 'tmpfs' && source !== undefined) throw mountError(typed, 'a tmpfs has no source');
  if (type === 'bind') {
    if (source === undefined || source === '') throw mountError(typed, 'type "bind" needs a source');
    request.source = normalizePath(source.startsWith('/') ? source : `${cwd}/${source}`);
  }
  if (type === 'volume' && source !== undefined && source !== '') request.source = checkVolumeName(typed, source);
}

function applyKey(request: MountRequest, key: string, value: string | undefined): void {
  const { typed } = request;
  switch (key) {
    case 'readonly':
      request.readonly = parseFlag(typed, key, value);
      break;
    case 'bind-propagation':
      request.propagation = oneOf(typed, key, value, PROPAGATIONS);
      break;
    case 'bind-recursive':
      request.recursive = oneOf(typed, key, value, RECURSION);
      break;
    case 'bind-nonrecursive':
      request.recursive = parseFlag(typed, key, value) ? 'disabled' : 'enabled';
      break;
    case 'bind-create-src':
      request.createSource = parseFlag(typed, key, value);
      break;
    case 'volume-nocopy':
      request.noCopy = parseFlag(typed, key, value);
      break;
    case 'volume-subpath':
      request.subpath = checkSubpath(typed, value);
      break;
    case 'volume-label': {
      const [name = '', ...rest] = (value ?? '').split('=');
      request.labels[name] = rest.join('=');
      break;
    }
    case 'volume-driver':
      if (value !== 'local') throw mountError(typed, `volume driver "${value ?? ''}" is not supported, only "local"`);
      break;
    case 'volume-opt':
      throw mountError(typed, 'volume-opt is not supported: the options of "local" need mount rights on the host');
    case 'tmpfs-size': {
      const bytes = parseSize(value ?? '');
      if (bytes === undefined) throw mountError(typed, `invalid value for tmpfs-size: ${value ?? ''}`);
      request.flags.push(`size=${bytes}`);
      break;
    }
    case 'tmpfs-mode':
      if (!/^[0-7]{1,5}$/.test(value ?? '')) throw mountError(typed, `invalid value for tmpfs-mode: ${value ?? ''}`);
      request.flags.push(`mode=${value}`);
      break;
    case 'exec':
    case 'suid':
    case 'dev':
      request.flags.push(parseFlag(typed, key, value) ? key : `no${key}`);
      break;
    case 'relabel':
      oneOf(typed, key, value, ['shared', 'private']);
      request.relabel = true;
      break;
    case 'U':
      request.chown = parseFlag(typed, key, value);
      break;
    default: // type, source, target were read before; consistency and notmpcopyup mean nothing here
  }
}

/** A subpath is joined to the volume's directory and bound with symbolic links refused by the helper; ".." never leaves here. */
function checkSubpath(typed: string, value: string | undefined): string {
  if (value === undefined || value === '' || value.startsWith('/') || value.split('/').includes('..')) {
    throw mountError(typed, 'volume-subpath must be a relative path inside the volume');
  }
  return value;
}

function parseFlag(typed: string, key: string, value: string | undefined): boolean {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw mountError(typed, `invalid value for ${key}: ${value}`);
}

function oneOf<Word extends string>(
  typed: string,
  key: string,
  value: string | undefined,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === value);
  if (found === undefined)
    throw mountError(typed, `invalid value for ${key}: ${value ?? ''}, want ${words.join(', ')}`);
  return found;
}

/** One line of CSV as RFC 4180 has it: a field in double quotes may hold commas, "" stands for a quote. */
function splitFields(line: string): string[] {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(rest);
    const field = quoted?.[0] ?? /^[^,]*/.exec(rest)?.[0] ?? '';
    fields.push(quoted?.[1] === undefined ? field : quoted[1].replaceAll('""', '"'));
    if (field.length >= rest.length) return fields;
    rest = rest.slice(field.length + 1);
  }
}

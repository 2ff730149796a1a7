// Checks anybody's config.json against the runtime-spec types and writes ours; says which member is wrong and what it should be.

import { RrunError } from '../errors.js';
import {
  CAPABILITY_SETS,
  HOOK_KINDS,
  NAMESPACE_TYPES,
  SECCOMP_ACTIONS,
  SECCOMP_OPERATORS,
  type Spec,
  type SpecSeccomp,
} from './spec.wire.js';

/** Larger files are no config.json: Docker's own are about 10 kB, those with a seccomp profile 20 kB. */
const MAX_CONFIG_BYTES = 4 << 20;
/** RLIM_INFINITY as a double; stringifySpec() writes it as the 64-bit number that it stands for. */
export const RLIMIT_UNLIMITED = 18446744073709551615;

type Check = (value: unknown, at: string) => void;

function fail(at: string, want: string, got: unknown): never {
  const shown = show(got);
  const short = shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
  throw new RrunError('CONFIG_INVALID', `cannot use ${at}: want ${want}, got ${short}`);
}

/** Lists and objects are not written out: a hostile one may be nested deeper than JSON.stringify() goes. */
function show(got: unknown): string {
  if (got === undefined) return 'nothing';
  if (Array.isArray(got)) return got.length === 0 ? '[]' : `a list of ${got.length}`;
  if (typeof got === 'object' && got !== null) return 'an object';
  return JSON.stringify(got);
}

const text: Check = (value, at) => {
  if (typeof value !== 'string') fail(at, 'a string', value);
  if (value.includes('\0')) fail(at, 'a string without NUL', value);
};
const filled: Check = (value, at) => {
  text(value, at);
  if (value === '') fail(at, 'a string that is not empty', value);
};
const absolute: Check = (value, at) => {
  text(value, at);
  if (!(value as string).startsWith('/')) fail(at, 'an absolute path', value);
};
const flag: Check = (value, at) => {
  if (typeof value !== 'boolean') fail(at, 'true or false', value);
};
const integer =
  (min: number, max: number): Check =>
  (value, at) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      fail(at, `a whole number from ${min} to ${max}`, value);
  };
const oneOf =
  (words: readonly string[]): Check =>
  (value, at) => {
    if (typeof value !== 'string' || !words.includes(value)) fail(at, `one of ${words.join(', ')}`, value);
  };
const list =
  (item: Check, atLeast = 0): Check =>
  (value, at) => {
    if (!Array.isArray(value)) fail(at, 'a list', value);
    if (value.length < atLeast) fail(at, `a list of at least ${atLeast}`, value);
    value.forEach((entry, index) => item(entry, `${at}[${index}]`));
  };
const dictionary =
  (item: Check): Check =>
  (value, at) => {
    asObject(value, at);
    for (const [key, entry] of Object.entries(value as object)) item(entry, `${at}.${key}`);
  };
const anything: Check = () => {};

function asObject(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(at, 'an object', value);
  return value as Record<string, unknown>;
}

/** Members not named are left alone (runtime-spec config.md, "Extensibility"); null counts as absent, as Go writers mean it. */
const shape =
  (required: Record<string, Check>, optional: Record<string, Check> = {}): Check =>
  (value, at) => {
    const object = asObject(value, at);
    for (const key of [...Object.keys(required), ...Object.keys(optional)])
      if (object[key] === null) delete object[key];
    for (const [key, check] of Object.entries(required)) check(object[key], `${at}.${key}`);
    for (const [key, check] of Object.entries(optional))
      if (object[key] !== undefined) check(object[key], `${at}.${key}`);
  };

const id = integer(0, 4294967294);
const mapping = list(shape({ containerID: id, hostID: id, size: integer(1, 4294967295) }));
const limit = integer(0, RLIMIT_UNLIMITED);
const wide: Check = (value, at) => {
  if (typeof value === 'string' ? !/^\d{1,20}$/.test(value) || BigInt(value) >= 1n << 64n : true)
    integer(0, Number.MAX_SAFE_INTEGER)(value, at);
};
const user = shape({ uid: id, gid: id }, { umask: integer(0, 0o777), additionalGids: list(id) });
const capabilities = shape({}, Object.fromEntries(CAPABILITY_SETS.map((set) => [set, list(filled)])));
const rlimit = shape({ type: filled, soft: limit, hard: limit });
const process = shape(
  { cwd: absolute, user, args: list(text, 1) },
  {
    terminal: flag,
    consoleSize: shape({ height: integer(0, 65535), width: integer(0, 65535) }),
    env: list(text),
    capabilities,
    rlimits: list(rlimit),
    noNewPrivileges: flag,
    apparmorProfile: text,
    selinuxLabel: text,
    oomScoreAdj: integer(-1000, 1000),
  },
);
const mount = shape(
  { destination: filled },
  { type: text, source: text, options: list(text), uidMappings: mapping, gidMappings: mapping },
);
const hooks = shape(
  {},
  Object.fromEntries(
    HOOK_KINDS.map((kind) => [
      kind,
      list(shape({ path: absolute }, { args: list(text), env: list(text), timeout: integer(1, 1e9) })),
    ]),
  ),
);
const device = shape(
  { path: absolute, type: oneOf(['c', 'b', 'u', 'p']) },
  { major: integer(0, 4294967295), minor: integer(0, 4294967295), fileMode: integer(0, 0o7777), uid: id, gid: id },
);
const syscall = shape(
  { names: list(filled, 1), action: oneOf(SECCOMP_ACTIONS) },
  {
    errnoRet: integer(0, 4095),
    args: list(shape({ index: integer(0, 5), value: wide, op: oneOf(SECCOMP_OPERATORS) }, { valueTwo: wide })),
  },
);
const seccomp = shape(
  { defaultAction: oneOf(SECCOMP_ACTIONS) },
  {
    defaultErrnoRet: integer(0, 4095),
    architectures: list(filled),
    flags: list(filled),
    listenerPath: text,
    listenerMetadata: text,
    syscalls: list(syscall),
  },
);
const linux = shape(
  {},
  {
    uidMappings: mapping,
    gidMappings: mapping,
    sysctl: dictionary(text),
    resources: dictionary(anything),
    cgroupsPath: text,
    namespaces: list(shape({ type: oneOf(NAMESPACE_TYPES) }, { path: absolute })),
    devices: list(device),
    seccomp,
    rootfsPropagation: oneOf([
      '',
      'shared',
      'slave',
      'private',
      'unbindable',
      'rshared',
      'rslave',
      'rprivate',
      'runbindable',
    ]),
    maskedPaths: list(absolute),
    readonlyPaths: list(absolute),
    mountLabel: text,
    personality: shape({ domain: filled }, { flags: list(text) }),
    timeOffsets: dictionary(anything),
  },
);
const spec = shape(
  { ociVersion: filled, root: shape({ path: filled }, { readonly: flag }) },
  { process, hostname: text, domainname: text, mounts: list(mount), hooks, annotations: dictionary(text), linux },
);

/** Parses JSON in which "value" and "valueTwo" may need 64 bits: such numbers become strings. */
export function parseWideJson(source: string, name: string): unknown {
  if (source.length > MAX_CONFIG_BYTES)
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot use ${name}: ${source.length} bytes, want at most ${MAX_CONFIG_BYTES}`,
    );
  try {
    return JSON.parse(source.replace(/("value(?:Two)?"\s*:\s*)(\d{16,20})(?=\s*[,}])/g, '$1"$2"'));
  } catch (error) {
    throw new RrunError('CONFIG_INVALID', `cannot use ${name}: no JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Checks a spec of our own making: what came from the image may hold NUL or be out of range. */
export function validateSpec(value: Spec, name = 'config.json'): void {
  spec(value, name);
}

/** Checks the text of a config.json; `name` is how the errors call it. */
export function parseSpec(source: string, name = 'config.json'): Spec {
  const value = parseWideJson(source, name);
  spec(value, name);
  const parsed = value as Spec;
  if (!/^1\.\d+\.\d+/.test(parsed.ociVersion)) fail(`${name}.ociVersion`, 'a version 1.x.y', parsed.ociVersion);
  validateNamespaces(parsed, name);
  return parsed;
}

/** Checks a linux.seccomp object on its own (a plain OCI profile given with --security-opt). */
export function validateSeccomp(value: unknown, name: string): asserts value is SpecSeccomp {
  seccomp(value, name);
}

function validateNamespaces({ linux: { namespaces = [], uidMappings, gidMappings } = {} }: Spec, name: string): void {
  const seen = new Set<string>();
  for (const { type } of namespaces) {
    if (seen.has(type)) fail(`${name}.linux.namespaces`, 'each type once', type);
    seen.add(type);
  }
  if ((uidMappings !== undefined || gidMappings !== undefined) && !seen.has('user')) {
    fail(`${name}.linux.namespaces`, 'a "user" entry beside uidMappings', namespaces);
  }
}

/** config.json as text. 64-bit numbers come out as such, though neither a double nor JSON.stringify() can hold them. */
export function stringifySpec(value: Spec): string {
  const source = JSON.stringify(value, null, '\t');
  return `${source
    .replace(/("(?:soft|hard)": )18446744073709552000/g, '$118446744073709551615')
    .replace(/("value(?:Two)?": )"(\d{1,20})"/g, '$1$2')}\n`;
}

// --security-opt: Docker's words and podman's mask and unmask.

import { RrunError } from '../errors.js';
import { closestWord } from '../util/text.js';

export interface SecurityOptions {
  /** "unconfined", "builtin" (the default) or the path of a profile. */
  seccomp: string;
  noNewPrivileges: boolean;
  /** user:, role:, type:, level: or disable. */
  labels: string[];
  mask: string[];
  unmask: string[];
  writableCgroups: boolean;
}

const KEYS = ['seccomp', 'no-new-privileges', 'apparmor', 'label', 'mask', 'unmask', 'systempaths', 'writable-cgroups'];

/** `KEY[=VALUE]`; Docker also reads `KEY:VALUE`. */
export function parseSecurityOptions(typedOptions: readonly string[]): SecurityOptions {
  const options: SecurityOptions = {
    seccomp: 'builtin',
    noNewPrivileges: false,
    labels: [],
    mask: [],
    unmask: [],
    writableCgroups: false,
  };
  for (const typed of typedOptions) {
    const mark = typed.search(/[=:]/);
    applyOption(options, typed, mark < 0 ? typed : typed.slice(0, mark), mark < 0 ? undefined : typed.slice(mark + 1));
  }
  return options;
}

function applyOption(options: SecurityOptions, typed: string, key: string, value: string | undefined): void {
  switch (key) {
    case 'no-new-privileges':
      options.noNewPrivileges = parseFlag(typed, value);
      return;
    case 'writable-cgroups':
      options.writableCgroups = parseFlag(typed, value);
      return;
    case 'seccomp':
      options.seccomp = needValue(typed, value);
      return;
    case 'apparmor':
      // What would confine the container must not be taken without effect.
      if (needValue(typed, value) !== 'unconfined')
        throw refused(typed, 'no AppArmor profile is applied without root', 'leave it out, or use apparmor=unconfined');
      return;
    case 'label':
      options.labels.push(parseLabel(typed, needValue(typed, value)));
      return;
    case 'systempaths':
      if (value !== 'unconfined') throw refused(typed, 'want systempaths=unconfined');
      options.unmask.push('ALL');
      return;
    case 'mask':
    case 'unmask':
      options[key].push(...parsePaths(typed, key, needValue(typed, value)));
      return;
    case 'proc-opts':
      throw refused(typed, 'options for /proc are not supported');
    default: {
      const near = closestWord(key, KEYS);
      throw refused(
        typed,
        'unknown option',
        near === undefined ? `known are ${KEYS.join(', ')}` : `did you mean ${near}?`,
      );
    }
  }
}

function needValue(typed: string, value: string | undefined): string {
  if (value === undefined || value === '') throw refused(typed, 'a value is missing');
  return value;
}

function parseFlag(typed: string, value: string | undefined): boolean {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw refused(typed, 'want true or false');
}

function parseLabel(typed: string, value: string): string {
  if (value === 'disable' || value === 'nested' || /^(user|role|type|level|filetype):./.test(value)) return value;
  throw refused(typed, 'want label=disable or label=user:…, role:…, type:…, level:…');
}

function parsePaths(typed: string, key: string, value: string): string[] {
  const paths = value.split(':');
  for (const path of paths) {
    if (!path.startsWith('/') && !(key === 'unmask' && path.toUpperCase() === 'ALL'))
      throw refused(typed, `"${path}" is not an absolute path`);
  }
  return paths;
}

function refused(typed: string, why: string, hint?: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use --security-opt "${typed}": ${why}`, { hint });
}

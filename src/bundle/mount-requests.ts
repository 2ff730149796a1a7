// -v, --mount and --tmpfs as typed → what is asked for, one shape for all three. Nothing is looked up or made here.

import { RrunError } from '../errors.js';
import { normalizePath } from './rootfs-path.js';

/**
 * Option of a mount of config.json: no part of the source may be a link. A container that has the whole volume could put one in the place of
 * a volume-subpath, which the next start would follow on the host.
 */
export const NO_LINKS_OPTION = 'x-rrun.no-links';

export interface MountRequest {
  /** The option as typed, for errors. */
  typed: string;
  type: 'bind' | 'volume' | 'tmpfs';
  /** Host path, volume name, or undefined for an anonymous volume and tmpfs. */
  source?: string | undefined;
  destination: string;
  readonly: boolean;
  /** Make a missing host directory (-v does, --mount does not). */
  createSource: boolean;
  propagation: string;
  /** How far `readonly` and the bind itself go into mounts below the source. */
  recursive: 'enabled' | 'disabled' | 'writable' | 'readonly';
  noCopy: boolean;
  chown: boolean;
  relabel: boolean;
  subpath?: string | undefined;
  labels: Record<string, string>;
  /** nosuid, noexec… and for tmpfs also size=, mode=… */
  flags: string[];
}

const PROPAGATIONS = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'];
const FLAG_WORDS = ['exec', 'noexec', 'suid', 'nosuid', 'dev', 'nodev'];
const CONSISTENCIES = ['consistent', 'cached', 'delegated', 'default'];
/** Letters as Docker's volume driver "local" wants them. */
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export function mountError(typed: string, why: string, hint?: string): RrunError {
  return new RrunError('CONFIG_INVALID', `cannot use mount "${typed}": ${why}`, { hint });
}

export function blankRequest(typed: string, type: MountRequest['type'], destination: string): MountRequest {
  const plain = { readonly: false, createSource: false, noCopy: false, chown: false, relabel: false };
  return {
    typed,
    type,
    destination: checkDestination(typed, destination),
    ...plain,
    propagation: 'rprivate',
    recursive: 'enabled',
    labels: {},
    flags: [],
  };
}

/** `-v [SOURCE:]DESTINATION[:OPTIONS]`. A source with a slash or a leading dot is a host path, else a volume's name. */
export function parseVolume(typed: string, cwd: string): MountRequest {
  const parts = typed.split(':');
  if (parts.length > 3 || parts.some((part) => part === ''))
    throw mountError(typed, 'invalid volume specification, want [SOURCE:]DESTINATION[:OPTIONS]');
  const [first = '', second, modes] = parts;
  if (second === undefined) return blankRequest(typed, 'volume', first);
  const request = blankRequest(typed, isHostPath(first) ? 'bind' : 'volume', second);
  request.source =
    request.type === 'bind'
      ? normalizePath(first.startsWith('/') ? first : `${cwd}/${first}`)
      : checkVolumeName(typed, first);
  request.createSource = true;
  const words = (modes ?? '').split(',').filter((word) => word !== '');
  if (words.includes('ro') && words.includes('rw')) throw mountError(typed, `invalid mode: ${words.join(',')}`);
  for (const mode of words) applyVolumeMode(request, mode);
  return request;
}

function isHostPath(source: string): boolean {
  return (
    source.startsWith('/') || source === '.' || source === '..' || source.startsWith('./') || source.startsWith('../')
  );
}

export function checkVolumeName(typed: string, name: string): string {
  if (VOLUME_NAME.test(name)) return name;
  throw mountError(
    typed,
    `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    'for a host directory, use an absolute path or one that begins with ./',
  );
}

export function checkDestination(typed: string, destination: string): string {
  if (!destination.startsWith('/'))
    throw mountError(typed, `invalid mount path: "${destination}" mount path must be absolute`);
  const path = normalizePath(destination);
  if (path === '/') throw mountError(typed, "invalid specification: destination can't be '/'");
  return path;
}

function applyVolumeMode(request: MountRequest, mode: string): void {
  if (mode === 'ro' || mode === 'rw') request.readonly = mode === 'ro';
  else if (mode === 'z' || mode === 'Z') request.relabel = true;
  else if (mode === 'U') request.chown = true;
  else if (mode === 'nocopy') request.noCopy = true;
  else if (mode === 'bind' || mode === 'rbind') request.recursive = mode === 'bind' ? 'disabled' : 'enabled';
  else if (PROPAGATIONS.includes(mode)) request.propagation = mode;
  else if (FLAG_WORDS.includes(mode)) request.flags.push(mode);
  else if (mode === 'O') throw mountError(request.typed, 'overlay volumes (O) are not supported');
  else if (!CONSISTENCIES.includes(mode)) throw mountError(request.typed, `invalid mode: ${mode}`);
}

/** `--tmpfs DESTINATION[:OPTIONS]`. */
export function parseTmpfs(typed: string): MountRequest {
  const mark = typed.indexOf(':');
  const request = blankRequest(typed, 'tmpfs', mark < 0 ? typed : typed.slice(0, mark));
  const words =
    mark < 0
      ? []
      : typed
          .slice(mark + 1)
          .split(',')
          .filter((word) => word !== '');
  for (const word of words)
    if (!isTmpfsOption(word)) throw mountError(typed, `invalid tmpfs option ${JSON.stringify(word)}`);
  request.flags = mergeTmpfsOptions(words);
  return request;
}

const TMPFS_WORDS = [
  'ro',
  'rw',
  ...FLAG_WORDS,
  'sync',
  'async',
  'dirsync',
  'atime',
  'noatime',
  'diratime',
  'nodiratime',
  'relatime',
  'norelatime',
  'strictatime',
  'nostrictatime',
  ...PROPAGATIONS,
  'unbindable',
  'runbindable',
  'notmpcopyup',
];

function isTmpfsOption(word: string): boolean {
  return TMPFS_WORDS.includes(word) || /^(size|nr_blocks|nr_inodes|mode|uid|gid|mpol|huge)=\S+$/.test(word);
}

/** Docker's default is noexec,nosuid,nodev; a word given later wins over its opposite. */
export function mergeTmpfsOptions(words: readonly string[]): string[] {
  const chosen = new Map<string, string>();
  for (const word of ['noexec', 'nosuid', 'nodev', ...words]) {
    if (word === 'notmpcopyup') continue;
    const subject = word.includes('=')
      ? word.slice(0, word.indexOf('='))
      : word === 'ro' || word === 'rw'
        ? 'access'
        : word.replace(/^no/, '');
    chosen.set(subject, word);
  }
  return [...chosen.values()];
}

// Where rrun keeps what lasts (data root) and what ends with the session (run root). Makes the run root, nothing else.

import { accessSync, chmodSync, constants, lstatSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { RrunError } from '../errors.js';
import { isFullMap, parseIdMap } from '../idmap/ranges.js';
import type { HostPath } from '../util/brand.js';
import { readOrEmpty } from '../util/read-text.js';
import { homeDirectory } from '../util/home-directory.js';

export type Env = Readonly<Record<string, string | undefined>>;

export interface ChosenDirectory {
  path: HostPath;
  why: string;
  /** One line for stderr, where something that was set had to be ignored. */
  note?: string;
}

/** $XDG_DATA_HOME/rrun; for root of the host a place that subordinate ids can reach, which /root (0700) is not. */
export function chooseDataRoot(env: Env = process.env, uid: number = process.getuid?.() ?? 0): ChosenDirectory {
  const dataHome = env['XDG_DATA_HOME'];
  if (dataHome !== undefined && isAbsolute(dataHome))
    return { path: join(dataHome, 'rrun') as HostPath, why: 'XDG_DATA_HOME' };
  if (uid === 0 && isHostRoot()) return { path: '/var/lib/rrun' as HostPath, why: 'run as root' };
  return { path: join(homeOrThrow(env), '.local/share/rrun') as HostPath, why: 'home directory' };
}

function isHostRoot(): boolean {
  return isFullMap(parseIdMap(readOrEmpty('/proc/self/uid_map')));
}

function homeOrThrow(env: Env): string {
  const home = homeDirectory(env);
  if (home !== undefined) return home;
  throw new RrunError(
    'STORE_UNUSABLE',
    'cannot find the home directory: HOME is no absolute path and the password database has no entry',
    { hint: 'set HOME, or name the store with --root' },
  );
}

export interface RunRootRequest {
  env?: Env;
  uid?: number;
  /** Where /run/user and the last resort are looked for; for tests. */
  runUser?: string;
  temporary?: string;
}

/**
 * The ladder: XDG_RUNTIME_DIR → /run/user/UID → /tmp/rrun-UID. Under su, sudo, cron and batch systems the variable is
 * unset or another user's; a value that is not ours is ignored with one note, never trusted and never an error.
 */
export function ensureRunRoot(request: RunRootRequest = {}): ChosenDirectory {
  const env = request.env ?? process.env;
  const uid = request.uid ?? process.getuid?.() ?? 0;
  const set = env['XDG_RUNTIME_DIR'];
  let ignored: string | undefined;
  if (set !== undefined && set !== '') {
    const problem = runtimeDirProblem(set, uid);
    if (problem === undefined) return makeInside(set, 'XDG_RUNTIME_DIR');
    ignored = `XDG_RUNTIME_DIR "${set}" ${problem}`;
  }
  const runUser = join(request.runUser ?? '/run/user', String(uid));
  if (runUser !== set && runtimeDirProblem(runUser, uid) === undefined) {
    return withNote(makeInside(runUser, 'XDG_RUNTIME_DIR is not usable'), ignored);
  }
  const temporary = request.temporary ?? tmpdir(); // whatever TMPDIR says
  const last = join(isAbsolute(temporary) ? temporary : '/tmp', `rrun-${outsideId(uid)}`);
  ensurePrivateDirectory(last, uid);
  const why = ignored ?? `XDG_RUNTIME_DIR is not set and there is no ${runUser}`;
  return withNote({ path: last as HostPath, why }, ignored);
}

/** In a user namespace we may be called 0, and so may others: the name is made of the id that tells us apart outside. */
function outsideId(uid: number): number {
  const map = parseIdMap(readOrEmpty('/proc/self/uid_map'));
  const extent = map.find(({ containerID, size }) => uid >= containerID && uid < containerID + size);
  return extent === undefined ? uid : extent.hostID + uid - extent.containerID;
}

function withNote(chosen: ChosenDirectory, ignored: string | undefined): ChosenDirectory {
  return ignored === undefined ? chosen : { ...chosen, note: `${ignored}: "${chosen.path}" is used instead` };
}

function makeInside(parent: string, why: string): ChosenDirectory {
  const path = join(parent, 'rrun');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return { path: path as HostPath, why };
}

/** Why a directory cannot be the user's runtime directory; undefined where it can. */
function runtimeDirProblem(path: string, uid: number): string | undefined {
  if (!isAbsolute(path)) return 'is not an absolute path';
  try {
    const status = statSync(path);
    if (!status.isDirectory()) return 'is not a directory';
    if (status.uid !== uid) return `belongs to uid ${status.uid}`;
    if ((status.mode & 0o022) !== 0) return 'may be written by others';
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    return code === 'ENOENT'
      ? 'does not exist'
      : code === 'EACCES' || code === 'EROFS'
        ? 'is not writable'
        : `cannot be used (${code})`;
  }
  return undefined;
}

/**
 * In a directory that everybody may write to, someone else may have been first: what is there must be a real directory of
 * ours. lstat, not stat: a symbolic link would let its owner choose where our sockets go.
 */
export function ensurePrivateDirectory(path: string, uid: number): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    return;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw unusable(path, (cause as NodeJS.ErrnoException).code ?? 'EIO', cause);
    }
  }
  const status = lstatSync(path);
  if (status.isSymbolicLink()) throw unusable(path, 'it is a symbolic link');
  if (!status.isDirectory()) throw unusable(path, 'it is not a directory');
  if (status.uid !== uid) throw unusable(path, `it belongs to uid ${status.uid}`);
  if ((status.mode & 0o077) !== 0) chmodSync(path, 0o700);
}

function unusable(path: string, reason: string, cause?: unknown): RrunError {
  return new RrunError('STORE_UNUSABLE', `cannot use "${path}" as run directory: ${reason}`, {
    hint: 'name a directory of your own with --runroot or XDG_RUNTIME_DIR',
    cause,
  });
}

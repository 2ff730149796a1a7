// Who has which name: names/<name> is a file with the container's id and the name of its maker's directory under tmp/.
//
// A maker puts the file in place by link(2), which one of many wins, before its container appears by rename. What a killed maker left is
// recognised: no such container, and no such maker. Replacing and removing an existing file is done under a
// lock on that file, so that nobody takes away what another has just put there.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RrunError } from '../errors.js';
import type { Store } from '../store/store.js';
import { isBeingMade } from '../store/temp.js';
import type { ContainerId, HostPath } from '../util/brand.js';
import { randomName } from './names.js';

export interface Claim {
  id: string;
  /** Name of the directory under tmp/ in which the container was made. */
  maker: string;
}

/** Directories of the store that names rest on. */
export type NameStore = Pick<Store, 'root' | 'namesDir' | 'containersDir'>;

/** Who made the container and where: what a claim is written from. */
export interface Claimant {
  id: ContainerId;
  /** The maker's own directory under tmp/. */
  temp: HostPath;
}

/** How often a random name is tried before the store is called full; every attempt past the second draws from ten times as many. */
const ATTEMPTS_MAX = 16;
const TURN_MS = 2;

/** The claim of a name; undefined when nobody has it or when it is no name at all. */
export function readClaim(store: NameStore, name: string): Claim | undefined {
  if (name === '' || name.includes('/') || name.includes('\0') || name.startsWith('.') || name.length > 255)
    return undefined;
  let text: string;
  try {
    text = readFileSync(path.join(store.namesDir, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [id = '', maker = ''] = text.trimEnd().split(' ');
  return { id, maker };
}

/** The name that a container has claimed; only for records that do not say it any more. */
export function findClaimOf(store: NameStore, id: string): string | undefined {
  return readdirSync(store.namesDir).find((name) => readClaim(store, name)?.id === id);
}

/** Throws NAME_TAKEN when a container has the name already: said early, before anything is pulled. */
export function requireFreeName(store: NameStore, name: string): void {
  const claim = readClaim(store, name);
  if (claim !== undefined && isLive(store, claim)) throw nameTaken(name, claim.id);
}

/** Takes the name that the user chose. */
export async function claimName(store: NameStore, claimant: Claimant, name: string): Promise<void> {
  if (await tryClaim(store, claimant, name)) return;
  throw nameTaken(name, readClaim(store, name)?.id ?? '');
}

/** Takes a random name. */
export async function claimRandomName(store: NameStore, claimant: Claimant): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const name = randomName(attempt);
    if (await tryClaim(store, claimant, name)) return name;
  }
  throw new RrunError(
    'NAME_TAKEN',
    `cannot find a free name for a container: ${ATTEMPTS_MAX} random ones were all taken`,
    {
      hint: 'choose one with --name',
    },
  );
}

/** Gives a name back if it is still that of `id`. An absent one is fine. */
export async function releaseName(store: NameStore, name: string, id: string): Promise<void> {
  const file = path.join(store.namesDir, name);
  await withClaimLocked(file, () => {
    if (readClaim(store, name)?.id === id) unlinkSync(file);
  });
}

async function tryClaim(store: NameStore, claimant: Claimant, name: string): Promise<boolean> {
  const own = path.join(claimant.temp, 'claim');
  const file = path.join(store.namesDir, name);
  writeFileSync(own, `${claimant.id} ${path.basename(claimant.temp)}\n`);
  for (;;) {
    try {
      linkSync(own, file);
      unlinkSync(own);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(file, error);
    }
    const claim = readClaim(store, name);
    if (claim === undefined) continue;
    if (isLive(store, claim)) return false;
    if (await takeOver(store, own, name)) return true;
    await sleep(TURN_MS); // somebody else is at it
  }
}

/** Puts our file over one whose maker has died. False when somebody else was faster: then the name is looked at anew. */
async function takeOver(store: NameStore, own: string, name: string): Promise<boolean> {
  const file = path.join(store.namesDir, name);
  let done = false;
  await withClaimLocked(file, () => {
    const claim = readClaim(store, name);
    if (claim === undefined || isLive(store, claim)) return;
    renameSync(own, file);
    done = true;
  });
  return done;
}

/** Runs `body` while holding the lock on the file that is at `file` now; not at all when it goes away or is replaced meanwhile. */
async function withClaimLocked(file: string, body: () => void): Promise<void> {
  const { tryLock } = await import('../sys/lock.js');
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw unusable(file, error);
  }
  try {
    // Whoever holds it is about to replace or remove this very file.
    if (!tryLock(fd)) return;
    const now = statSync(file, { throwIfNoEntry: false });
    const opened = fstatSync(fd);
    if (now?.ino === opened.ino && now.dev === opened.dev) body();
  } finally {
    closeSync(fd);
  }
}

/** Whether the container of a claim exists, or is being made by somebody who lives. */
function isLive(store: NameStore, claim: Claim): boolean {
  const container = path.join(store.containersDir, claim.id);
  if (claim.id === '') return false;
  if (existsSync(container)) return true;
  if (isBeingMade(path.join(store.root, 'tmp', claim.maker) as HostPath)) return true;
  // The maker may have finished between the two looks; it takes its directory away only after its rename.
  return existsSync(container);
}

function nameTaken(name: string, id: string): RrunError {
  return new RrunError(
    'NAME_TAKEN',
    `cannot create container "${name}": the name is in use by container ${id.slice(0, 12)}`,
    {
      hint: `remove that one with "rrun rm ${name}", or choose another name`,
    },
  );
}

function unusable(file: string, cause: unknown): RrunError {
  return new RrunError('STORE_UNUSABLE', `cannot use "${file}": ${(cause as Error).message}`, { cause });
}

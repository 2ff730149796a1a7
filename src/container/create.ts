// Makes a container. Everything is written aside and appears by one rename, so that whatever is killed leaves no half container:
//
//   1. refuse early: name, cidfile            nothing was done yet
//   2. decide (design.ts), pull what is missing
//   3. make a directory under tmp/             from here a killed maker leaves rubbish that the next command sweeps
//   4. claim the name (name-claim.ts)          a claim whose maker died is taken over
//   5. write record, config.json, files; make the writable layer
//   6. rename to containers/<id>               the container exists
//   7. make volumes without a name, write the cidfile

import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { ContainerOptions } from '../bundle/options.js';
import { stringifySpec } from '../bundle/parse-spec.js';
import { APT_SANDBOX_TEXT } from '../bundle/single-id.js';
import type { Spec } from '../bundle/spec.wire.js';
import { RrunError } from '../errors.js';
import type { NetworkChoice } from '../network/choose-network.js';
import { prepareRootfs, type RootfsMount } from '../snapshot/prepare-rootfs.js';
import { diskError } from '../store/disk-error.js';
import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';
import type { Decision } from '../util/decision.js';
import { checkCidfile, writeCidfile } from './cidfile.js';
import { designContainer, type ContainerDesign, type Identity, type Surroundings } from './design.js';
import { APT_SANDBOX, writeContainerFiles } from './files.js';
import { claimName, claimRandomName, releaseName, requireFreeName } from './name-claim.js';
import { newContainerId, validateName } from './names.js';
import type { ContainerRecord } from './record.js';
import { recordText } from './record-file.js';
import { adoptNamedVolumes, makeAnonymousVolumes } from './volumes.js';
import { AUTOREMOVE, removeContainer, STARTS_AT_ONCE, sweepDead } from './remove.js';

/** A container on disk with all that a launch is compiled from. */
export interface PreparedContainer {
  record: ContainerRecord;
  /** containers/<id>. */
  dir: HostPath;
  spec: Spec;
  rootfs: RootfsMount;
  network: NetworkChoice;
  decisions: Decision[];
}

export interface CreateOptions extends Surroundings {
  /** `run`: should the caller be killed before the launch, a container with --rm is abandoned. */
  startsAtOnce?: boolean;
}

/** Creates a container; see the top of this file for the order. */
export async function createContainer(
  store: Store,
  typed: ContainerOptions,
  around: CreateOptions,
): Promise<PreparedContainer> {
  const cidfile = typed.cidfile === undefined ? undefined : path.resolve(around.cwd, typed.cidfile);
  const options = { ...typed, cidfile };
  if (options.name !== undefined) await requireUsableName(store, options.name);
  if (cidfile !== undefined) checkCidfile(cidfile);
  // Beside the decisions. What cannot be swept now does not keep anybody from creating.
  const sweeping = sweepDead(store).catch(() => undefined);
  const identity: Identity = { id: newContainerId(), name: options.name ?? '', created: now() };
  const design = await designContainer(store, options, identity, around);
  await sweeping;
  const prepared = await commitContainer(store, design, around).catch((error: unknown) => {
    throw diskError(error, `create container "${design.record.name}"`, store.root);
  });
  try {
    makeAnonymousVolumes(prepared.record);
    if (cidfile !== undefined) writeCidfile(cidfile, prepared.record.id);
  } catch (error) {
    // Nobody learns of this container: it goes again.
    await removeContainer(store, prepared.record, { force: false, volumes: true });
    throw error;
  }
  return prepared;
}

async function requireUsableName(store: Store, name: string): Promise<void> {
  validateName(name);
  try {
    requireFreeName(store, name);
  } catch {
    // It may be the name of one with --rm whose monitor was killed.
    await sweepDead(store);
    requireFreeName(store, name);
  }
}

async function commitContainer(
  store: Store,
  design: ContainerDesign,
  around: CreateOptions,
): Promise<PreparedContainer> {
  const temp = await store.makeTemp();
  try {
    const { record } = design;
    const claimant = { id: record.id, temp: temp.dir };
    const name = record.name === '' ? await claimRandomName(store, claimant) : record.name;
    if (record.name !== '') await claimName(store, claimant, name);
    record.name = name;
    try {
      return await putInPlace(store, design, path.join(temp.dir, 'container') as HostPath, around);
    } catch (error) {
      await releaseName(store, name, record.id);
      throw error;
    }
  } finally {
    await temp.release();
  }
}

async function putInPlace(
  store: Store,
  design: ContainerDesign,
  aside: HostPath,
  around: CreateOptions,
): Promise<PreparedContainer> {
  const { record, built, network, decisions } = design;
  const dir = path.join(store.containersDir, record.id) as HostPath;
  // Searchable by others: ids of the container that are not the caller reach their root through it. The store itself is closed.
  mkdirSync(aside);
  chmodSync(aside, 0o711); // whatever the caller's umask is
  const write = (name: string, text: string): void => writeFileSync(path.join(aside, name), text, { mode: 0o600 });
  write('container.json', recordText(record));
  write('config.json', stringifySpec(built.spec));
  write('lock', '');
  if (record.options.rm) write(AUTOREMOVE, around.startsAtOnce === true ? STARTS_AT_ONCE : '');
  writeContainerFiles(aside, design.files);
  if (design.aptSandbox) write(APT_SANDBOX, APT_SANDBOX_TEXT);
  adoptNamedVolumes(record);
  const rootfs = await prepareRootfs(store, record, { dir, aside });
  if (rootfs.note !== undefined) around.onNote?.(rootfs.note);
  renameSync(aside, dir);
  await keepLayers(store, record);
  return {
    record,
    dir,
    spec: built.spec,
    rootfs,
    network,
    decisions: decisions.map((each) => asMounted(each, rootfs)),
  };
}

/** The driver of the store is what a container asks for; what it gets depends on its ids and layers, too. */
function asMounted(decision: Decision, { driver, note, shift }: RootfsMount): Decision {
  if (decision.topic !== 'storage' || decision.choice === driver) return decision;
  const shifted = 'it shifts the owners of the image to the ids of this container';
  return {
    ...decision,
    choice: driver,
    why: note ?? (shift === undefined ? 'it reads whiteouts that are files' : shifted),
  };
}

/** The image may have been removed since it was found. Now that the record is there, what it mounts no longer goes. */
async function keepLayers(store: Store, record: ContainerRecord): Promise<void> {
  await store.outlastCollection();
  if (record.lower.every((layer) => existsSync(layer))) return;
  await removeContainer(store, record, { force: false, volumes: false });
  throw new RrunError(
    'IMAGE_NOT_LOCAL',
    `cannot create a container from "${record.imageName ?? ''}": the image was removed meanwhile`,
  );
}

/**
 * RFC 3339 in UTC with six digits, so that containers sort by it. The last three come from another clock: to read them from
 * `performance` loads a dozen modules of Node.
 */
function now(): string {
  const micros = String(Math.floor(process.hrtime()[1] / 1000) % 1000).padStart(3, '0');
  return new Date().toISOString().replace('Z', `${micros}Z`);
}

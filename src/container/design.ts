// Decides all that a new container is, before it exists: image, user namespace, storage, network, config.json. Puts nothing under
// containers/; `explain` stops here.

import { statSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { buildSpec } from '../bundle/build-spec.js';
import type { BuiltSpec, ImageProcessConfig } from '../bundle/context.js';
import type { ContainerOptions } from '../bundle/options.js';
import { resolveArgs } from '../bundle/resolve-args.js';
import { resolveUser, type UserLookup } from '../bundle/resolve-user.js';
import { RrunError } from '../errors.js';
import { baseMapping, chooseUserns, type UsernsChoice } from '../idmap/choose.js';
import type { LocalImage } from '../image/local-image.js';
import { platformNote } from '../image/platform.js';
import { ensureImage, type ProgressEvent } from '../image/pull.js';
import { decideNetwork, type NetworkChoice } from '../network/choose-network.js';
import { loadNetworkFacts } from '../network/facts.js';
import { chooseDriver, type DriverChoice } from '../snapshot/choose-driver.js';
import type { Store } from '../store/store.js';
import type { ContainerId, HostPath } from '../util/brand.js';
import type { Decision } from '../util/decision.js';
import { settleAll } from '../util/settle-all.js';
import { APT_SANDBOX, containerFile, makeContainerFiles, type ContainerFiles } from './files.js';
import { joinedProcesses } from './joined.js';
import type { ContainerRecord, RecordedImage } from './record.js';
import { tryReadStackFile } from './stack-file.js';

/** What the caller brings besides the options. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Make no volume and no host directory: the container is only looked at (explain). */
  dryRun?: boolean | undefined;
  storageDriver?: string | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
  /** One line that the user should read. */
  onNote?: ((note: string) => void) | undefined;
}

/** All that was decided for a container that does not exist yet. */
export interface ContainerDesign {
  record: ContainerRecord;
  built: BuiltSpec;
  userns: UsernsChoice;
  driver: DriverChoice;
  network: NetworkChoice;
  image: LocalImage | undefined;
  files: ContainerFiles;
  /** The file APT_SANDBOX is bound in: one id is mapped, and the image has apt. */
  aptSandbox: boolean;
  decisions: Decision[];
}

/** Identity of the container to be; `name` may still be open. */
export interface Identity {
  id: ContainerId;
  name: string;
  created: string;
}

export async function designContainer(
  store: Store,
  typed: ContainerOptions,
  identity: Identity,
  around: Surroundings,
): Promise<ContainerDesign> {
  const options = typed.rootfs === undefined ? typed : { ...typed, rootfs: path.resolve(around.cwd, typed.rootfs) };
  const dir = path.join(store.containersDir, identity.id);
  const [base, driver, facts] = await settleAll([
    baseMapping(options.userns),
    decideDriver(store, options, around),
    loadNetworkFacts({ network: options.network, cacheDir: store.cacheDir }),
  ]);
  const image = await imageOf(store, base, options, around);
  const config: ImageProcessConfig = image?.config.config ?? {};
  const lower = image === undefined ? [options.rootfs ?? ''] : [...image.layerDirs].reverse();
  const userLookup = lookUpUsers(lower);
  const userns = await mappingFor(options, config, userLookup);
  for (const { note } of [userns, driver]) if (note !== undefined) around.onNote?.(note);
  const network = decideNetwork({ network: options.network, rootIsMapped: mapsRoot(userns) }, facts);
  const files = makeContainerFiles(identity.id, options, network, facts);
  const aptSandbox = userns.mapping.kind === 'single' && tryReadStackFile(lower, '/usr/bin/apt-get') !== undefined;
  const built = await buildSpec(options, config, {
    id: identity.id,
    hostname: files.hostname,
    mapping: userns.mapping,
    kernelArch: process.arch,
    userLookup,
    volumesDir: store.volumesDir,
    network: { kind: network.kind },
    files: {
      hosts: containerFile(dir, files, 'hosts'),
      hostname: containerFile(dir, files, 'hostname'),
      resolvConf: containerFile(dir, files, 'resolv.conf'),
      aptSandbox: aptSandbox ? (path.join(dir, APT_SANDBOX) as HostPath) : undefined,
    },
    callerGroups: process.getgroups?.() ?? [],
    joined: await joinedProcesses(store, options),
    callerEnv: around.env,
    cwd: around.cwd,
    dryRun: around.dryRun,
  });
  const record = makeRecord({ options, identity, image, config, userns, driver, network, built });
  const decisions = [
    { topic: 'user namespace', choice: options.userns ?? userns.layerKind, why: userns.why },
    { topic: 'storage', choice: driver.driver, why: driver.why },
    ...network.decisions,
    ...built.decisions,
  ];
  return { record, built, userns, driver, network, image, files, aptSandbox, decisions };
}

function mapsRoot(userns: UsernsChoice): boolean {
  return userns.mapping.uidMappings.some(({ containerID }) => containerID === 0);
}

async function decideDriver(store: Store, options: ContainerOptions, around: Surroundings): Promise<DriverChoice> {
  if (options.rootfs !== undefined)
    return { driver: 'rootfs', why: 'the directory given by --rootfs is used as it is' };
  return await chooseDriver(store, options.storageDriver ?? around.storageDriver);
}

async function imageOf(
  store: Store,
  base: UsernsChoice,
  options: ContainerOptions,
  around: Surroundings,
): Promise<LocalImage | undefined> {
  if (options.rootfs !== undefined) {
    checkRootfs(options.rootfs);
    return undefined;
  }
  if (options.image === undefined)
    throw new RrunError('USAGE', 'cannot create a container: neither an image nor --rootfs is given');
  const image = await ensureImage(store, base, {
    reference: options.image,
    policy: options.pull,
    ...(options.platform === undefined ? {} : { platform: options.platform }),
    ...(options.tlsVerify === undefined ? {} : { tlsVerify: options.tlsVerify }),
    ...(around.onProgress === undefined || options.quiet ? {} : { onProgress: around.onProgress }),
  });
  const note = options.platform === undefined ? platformNote(image.config) : undefined;
  if (note !== undefined) around.onNote?.(note);
  return image;
}

function checkRootfs(rootfs: string): void {
  const stats = statSync(rootfs, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return;
  throw new RrunError(
    'CONFIG_INVALID',
    `cannot use rootfs "${rootfs}": ${stats === undefined ? 'no such directory' : 'not a directory'}`,
  );
}

function lookUpUsers(lower: readonly string[]): UserLookup {
  return { passwd: tryReadStackFile(lower, '/etc/passwd'), group: tryReadStackFile(lower, '/etc/group') };
}

/** In single-id mode the ids that the command runs with are the ones that are mapped, so they must be known first. */
async function mappingFor(
  options: ContainerOptions,
  config: ImageProcessConfig,
  lookup: UserLookup,
): Promise<UsernsChoice> {
  const { uid, gid } = resolveUser(options.user ?? config.User ?? '', lookup);
  return await chooseUserns({ userns: options.userns, uid, gid });
}

interface RecordParts {
  options: ContainerOptions;
  identity: Identity;
  image: LocalImage | undefined;
  config: ImageProcessConfig;
  userns: UsernsChoice;
  driver: DriverChoice;
  network: NetworkChoice;
  built: BuiltSpec;
}

function makeRecord({
  options,
  identity,
  image,
  config,
  userns,
  driver,
  network,
  built,
}: RecordParts): ContainerRecord {
  return {
    version: 1,
    ...identity,
    ...(image === undefined ? {} : { imageName: options.image ?? image.reference, imageId: image.id }),
    lower: image === undefined ? [] : [...image.layerDirs].reverse(),
    storageDriver: driver.driver,
    userns: userns.mapping,
    ...(isDeepStrictEqual(userns.mapping, userns.layers) ? {} : { shift: userns.layers }),
    network: network.kind,
    ...(network.address === undefined
      ? {}
      : { address: { ip: network.address, prefixLength: network.prefixLength ?? 24 } }),
    options,
    args: resolveArgs({
      entrypoint: options.entrypoint,
      command: options.command,
      imageEntrypoint: config.Entrypoint,
      imageCmd: config.Cmd,
    }),
    stopSignal: built.stopSignal.name,
    labels: { ...config.Labels, ...options.labels },
    volumes: built.volumes,
    rootfsDirs: built.rootfsDirs,
    image: recordImage(config),
  };
}

function recordImage(config: ImageProcessConfig): RecordedImage {
  return {
    entrypoint: config.Entrypoint ? [...config.Entrypoint] : null,
    cmd: config.Cmd ? [...config.Cmd] : null,
    user: config.User ?? '',
    exposedPorts: Object.keys(config.ExposedPorts ?? {}).sort(),
    volumes: Object.keys(config.Volumes ?? {}).sort(),
    onBuild: null,
  };
}

// What the choice of a network depends on: looked at once a launch, none of it needs to be online.

import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../idmap/programs.js';
import type { HostPath } from '../util/brand.js';
import { readOrEmpty } from '../util/read-text.js';
import { parseNetwork } from './parse-network.js';
import type { Slirp4netnsFeature } from './slirp4netns-args.js';
import { isSlirp4netnsFeature, loadSlirp4netnsFeatures } from './slirp4netns-program.js';

export interface NetworkFacts {
  slirp4netns?: { path: HostPath; features: ReadonlySet<Slirp4netnsFeature> };
  /** Why /dev/net/tun cannot be used (errno name); absent where it can. */
  tunProblem?: string;
  /** The host's first address that is not loopback, for slirp4netns; absent where it is offline. */
  hostAddress?: string;
  /** Text of the host's /etc/resolv.conf and /etc/hosts; '' where there is none. */
  resolvConf: string;
  hosts: string;
}

export interface NetworkFactsRequest {
  /** --network as typed: only what it needs is looked at. */
  network?: string | undefined;
  /** Where the features of slirp4netns are remembered; asking it costs as much as half a launch. */
  cacheDir?: HostPath | undefined;
}

export async function loadNetworkFacts(request: NetworkFactsRequest = {}): Promise<NetworkFacts> {
  const needsSlirp = parseNetwork(request.network).kind === 'slirp4netns';
  const slirp4netns = needsSlirp ? await loadSlirp4netns(request.cacheDir) : undefined;
  const tunProblem = needsSlirp ? deviceProblem('/dev/net/tun') : undefined;
  const hostAddress = needsSlirp ? firstAddress() : undefined;
  return {
    resolvConf: readOrEmpty('/etc/resolv.conf'),
    hosts: readOrEmpty('/etc/hosts'),
    ...(slirp4netns === undefined ? {} : { slirp4netns }),
    ...(tunProblem === undefined ? {} : { tunProblem }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
  };
}

async function loadSlirp4netns(cacheDir: HostPath | undefined): Promise<NetworkFacts['slirp4netns']> {
  const path = findProgram('slirp4netns');
  if (path === undefined) return undefined;
  if (cacheDir === undefined) return { path, features: await loadSlirp4netnsFeatures(path) };
  const { size, mtimeMs } = statSync(path);
  const key = `${path} ${size} ${mtimeMs}`;
  const file = join(cacheDir, 'slirp4netns.json');
  const remembered = loadRemembered(file, key);
  if (remembered !== undefined) return { path, features: remembered };
  const features = await loadSlirp4netnsFeatures(path);
  remember(file, { key, features: [...features] });
  return { path, features };
}

function loadRemembered(file: string, key: string): ReadonlySet<Slirp4netnsFeature> | undefined {
  try {
    const memory = JSON.parse(readFileSync(file, 'utf8')) as { key?: unknown; features?: unknown };
    if (memory.key !== key || !Array.isArray(memory.features)) return undefined;
    return new Set(memory.features.filter(isSlirp4netnsFeature));
  } catch {
    return undefined; // absent or damaged: ask again
  }
}

/** By rename, as others may read it now. A full or read-only disk only means that it is asked again. */
function remember(file: string, memory: { key: string; features: Slirp4netnsFeature[] }): void {
  const aside = `${file}.${process.pid}`;
  try {
    writeFileSync(aside, JSON.stringify(memory));
    renameSync(aside, file);
  } catch {
    rmSync(aside, { force: true });
  }
}

/** Opens a device for reading and writing: the node may be there while its driver is not (ENODEV, ENXIO). */
export function deviceProblem(path: string): string | undefined {
  try {
    closeSync(openSync(path, 'r+'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

function firstAddress(): string | undefined {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (found !== undefined) return found.address;
  }
  return undefined;
}

// What the choice of a network depends on: looked at once a launch, none of it needs to be online.

import { open, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { findProgram } from '../idmap/programs.js';
import type { HostPath } from '../util/brand.js';
import type { Slirp4netnsFeature } from './slirp4netns-args.js';
import { loadSlirp4netnsFeatures } from './slirp4netns-program.js';

export interface NetworkFacts {
  slirp4netns?: { path: HostPath; features: ReadonlySet<Slirp4netnsFeature> };
  /** Why /dev/net/tun cannot be used (errno name); absent where it can. */
  tunProblem?: string;
  /** The host's first address that is not loopback; absent where it is offline. */
  hostAddress?: string;
  /** Text of the host's /etc/resolv.conf and /etc/hosts; '' where there is none. */
  resolvConf: string;
  hosts: string;
}

export async function loadNetworkFacts(): Promise<NetworkFacts> {
  const [slirp4netns, tunProblem, resolvConf, hosts] = await Promise.all([
    loadSlirp4netns(),
    deviceProblem('/dev/net/tun'),
    readFile('/etc/resolv.conf', 'utf8').catch(() => ''),
    readFile('/etc/hosts', 'utf8').catch(() => ''),
  ]);
  const hostAddress = firstAddress();
  return {
    resolvConf,
    hosts,
    ...(slirp4netns === undefined ? {} : { slirp4netns }),
    ...(tunProblem === undefined ? {} : { tunProblem }),
    ...(hostAddress === undefined ? {} : { hostAddress }),
  };
}

async function loadSlirp4netns(): Promise<NetworkFacts['slirp4netns']> {
  const path = await findProgram('slirp4netns');
  return path === undefined ? undefined : { path, features: await loadSlirp4netnsFeatures(path) };
}

/** Opens a device for reading and writing: the node may be there while its driver is not (ENODEV, ENXIO). */
export async function deviceProblem(path: string): Promise<string | undefined> {
  try {
    const handle = await open(path, 'r+');
    await handle.close();
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

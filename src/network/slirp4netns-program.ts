// Which slirp4netns is installed and what it can do.

import type { HostPath } from '../util/brand.js';
import { readOutput } from '../util/spawn.js';
import type { Slirp4netnsFeature } from './slirp4netns-args.js';

const FEATURES: readonly Slirp4netnsFeature[] = [
  'enable-sandbox',
  'enable-seccomp',
  'enable-ipv6',
  'cidr',
  'netns-type',
  'userns-path',
  'outbound-addr',
  'disable-dns',
  'macaddress',
];

export function isSlirp4netnsFeature(value: unknown): value is Slirp4netnsFeature {
  return FEATURES.some((feature) => feature === value);
}

export interface Slirp4netnsVersion {
  /** "1.2.0", or "0.4.3+dev". */
  version: string;
  /** "4.7.0" of the libslirp that it runs with; absent before 1.0. */
  libslirp?: string;
}

/** Reads what `slirp4netns --version` prints. */
export function parseSlirp4netnsVersion(output: string): Slirp4netnsVersion | undefined {
  const version = /^slirp4netns version (\S+)/m.exec(output)?.[1];
  if (version === undefined) return undefined;
  const libslirp = /^libslirp: (\S+)/m.exec(output)?.[1];
  return libslirp === undefined ? { version } : { version, libslirp };
}

/** Reads what `slirp4netns --help` prints: the only list of features that it gives. */
export function parseSlirp4netnsFeatures(help: string): Set<Slirp4netnsFeature> {
  return new Set(FEATURES.filter((feature) => new RegExp(`--${feature}(?![\\w-])`).test(help)));
}

export async function loadSlirp4netnsFeatures(program: HostPath): Promise<Set<Slirp4netnsFeature>> {
  return parseSlirp4netnsFeatures(await outputOf(program, '--help'));
}

export async function loadSlirp4netnsVersion(program: HostPath): Promise<Slirp4netnsVersion | undefined> {
  return parseSlirp4netnsVersion(await outputOf(program, '--version'));
}

/** A program that cannot be run has no features; starting it for real gives the error. */
async function outputOf(program: HostPath, option: string): Promise<string> {
  const { stdout, stderr } = await readOutput(program, [option]);
  return stdout + stderr;
}

// Which of an index's manifests is for this machine, or for the platform that was asked for (containerd's platforms package is what
// Docker does it with; the same rules are here).

import { RrunError } from '../errors.js';
import type { IndexEntry, Platform } from './manifest.wire.js';

const HOST_ARCHITECTURES: Readonly<Record<string, Platform>> = {
  x64: { os: 'linux', architecture: 'amd64' },
  arm64: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  arm: { os: 'linux', architecture: 'arm', variant: 'v7' },
  ia32: { os: 'linux', architecture: '386' },
  ppc64: { os: 'linux', architecture: 'ppc64le' },
  s390x: { os: 'linux', architecture: 's390x' },
  riscv64: { os: 'linux', architecture: 'riscv64' },
  loong64: { os: 'linux', architecture: 'loong64' },
  mips64el: { os: 'linux', architecture: 'mips64le' },
};

const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armhf: 'arm/v7',
  armel: 'arm/v6',
  i386: '386',
  i686: '386',
};

/** The platform of this machine. */
export function hostPlatform(arch: string = process.arch): Platform {
  return HOST_ARCHITECTURES[arch] ?? { os: 'linux', architecture: arch };
}

/** Reads --platform: "linux/arm64", "linux/arm/v7", "arm64" or "linux". */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.trim().toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new RrunError(
      'USAGE',
      `cannot use "${text}" as a platform: want OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT`,
      { hint: 'for instance linux/arm64' },
    );
  }
  const [first = '', second, third] = parts;
  if (second === undefined) return first === 'linux' ? host : withAlias('linux', first, undefined);
  return withAlias(first, second, third);
}

function withAlias(os: string, architecture: string, variant: string | undefined): Platform {
  const [name = architecture, implied] = (ALIASES[architecture] ?? architecture).split('/');
  return normalize({
    os,
    architecture: name,
    ...((variant ?? implied) === undefined ? {} : { variant: (variant ?? implied) as string }),
  });
}

/* arm64 is v8 and arm is v7 unless something else is said; "v1" is plain amd64. */
function normalize({ os, architecture, variant }: Platform): Platform {
  if (architecture === 'arm64' && (variant === undefined || variant === '8'))
    return { os, architecture, variant: 'v8' };
  if (architecture === 'arm' && variant === undefined) return { os, architecture, variant: 'v7' };
  if (architecture === 'arm' && variant !== undefined && /^\d$/.test(variant))
    return { os, architecture, variant: `v${variant}` };
  if (architecture === 'amd64' && variant === 'v1') return { os, architecture };
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** Whether an image for `offered` is what was asked for, or runs where `wanted` is native. */
export function isPlatformMatch(offered: Platform, wanted: Platform): boolean {
  return fitness(offered, wanted) >= 0;
}

/** What somebody should know who runs an image without having asked for its platform; undefined where it is this machine's. */
export function platformNote(offered: Platform, host: Platform = hostPlatform()): string | undefined {
  if (offered.architecture === host.architecture || isPlatformMatch(offered, host)) return undefined;
  return `the image is for ${formatPlatform(offered)}, and this machine is ${formatPlatform(host)}: pull it again for this one, or say --platform`;
}

/** 0: exactly; more: a worse fit; -1: does not fit. */
function fitness(offered: Platform, wanted: Platform): number {
  const has = normalize(offered);
  const wants = normalize(wanted);
  if (has.os !== wants.os || has.architecture !== wants.architecture) return -1;
  if (has.variant === wants.variant) return 0;
  const hasLevel = level(has);
  const wantsLevel = level(wants);
  // A processor runs what was made for its predecessors: armv7 runs v6, an amd64/v3 one runs plain amd64.
  return hasLevel !== undefined && wantsLevel !== undefined && hasLevel <= wantsLevel ? wantsLevel - hasLevel : -1;
}

function level({ architecture, variant }: Platform): number | undefined {
  if (variant === undefined) return architecture === 'amd64' ? 1 : undefined;
  const found = /^v(\d{1,2})$/.exec(variant)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The manifest of an index for `wanted`. Entries without a platform count only where nothing has one; attestations never do. */
export function choosePlatform(entries: readonly IndexEntry[], wanted: Platform, subject: string): IndexEntry {
  const images = entries.filter(({ platform }) => platform === undefined || platform.os !== 'unknown');
  const fitting = images
    .flatMap((entry) => (entry.platform === undefined ? [] : [{ entry, rank: fitness(entry.platform, wanted) }]))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank);
  const best = fitting[0]?.entry ?? (images.length === 1 && images[0]?.platform === undefined ? images[0] : undefined);
  if (best !== undefined) return best;
  throw platformUnavailable(
    images.flatMap(({ platform }) => (platform === undefined ? [] : [platform])),
    wanted,
    subject,
  );
}

export function platformUnavailable(offered: readonly Platform[], wanted: Platform, subject: string): RrunError {
  const list = [...new Set(offered.map(formatPlatform))].sort();
  const exists =
    list.length === 0
      ? 'it has none with a platform'
      : `it has ${list.length > 20 ? `${list.slice(0, 20).join(', ')}, …` : list.join(', ')}`;
  return new RrunError(
    'PLATFORM_UNAVAILABLE',
    `cannot use "${subject}": no image for ${formatPlatform(wanted)}: ${exists}`,
    {
      hint:
        list.length === 0
          ? undefined
          : 'choose one with --platform; programs of another architecture need qemu-user and binfmt_misc to run',
    },
  );
}

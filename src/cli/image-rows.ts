// The rows of `rrun images`: which images, in which order, with which fields. Docker's names and words.

import { goTime } from '../container/row.js';
import { RrunError } from '../errors.js';
import type { LocalImage } from '../image/local-image.js';
import { familiarName, parseReference } from '../image/reference.js';
import { digestHex, isDigest, shortId } from '../util/digest.js';
import { humanDuration, humanSize } from '../util/units.js';
import { booleanFilter, matchesAny, matchesLabels, type Filters } from './filters.js';
import type { Column } from './table.js';

const NONE = '<none>';

interface Name {
  repository: string;
  tag: string;
  digest: string;
}

function nameOf({ canonical, repoDigest }: LocalImage): Name {
  if (isDigest(canonical)) return { repository: NONE, tag: NONE, digest: NONE };
  const reference = parseReference(canonical);
  return {
    repository: familiarName(reference),
    tag: reference.digest === undefined ? (reference.tag ?? NONE) : NONE,
    digest: reference.digest ?? repoDigest ?? NONE,
  };
}

export function imageColumns({
  full,
  now = Date.now(),
}: {
  full: boolean;
  now?: number;
}): Record<string, Column<LocalImage>> {
  return {
    Repository: { header: 'REPOSITORY', value: (image) => nameOf(image).repository },
    Tag: { header: 'TAG', value: (image) => nameOf(image).tag },
    Digest: { header: 'DIGEST', value: (image) => nameOf(image).digest },
    ID: { header: 'IMAGE ID', value: ({ id }) => (full ? id : shortId(id)) },
    CreatedSince: { header: 'CREATED', value: (image) => createdSince(image, now) },
    CreatedAt: {
      header: 'CREATED AT',
      value: (image) => (createdMs(image) === undefined ? 'N/A' : goTime(image.created ?? '')),
    },
    Size: { header: 'SIZE', value: ({ sizeBytes }) => humanSize(sizeBytes) },
    VirtualSize: { header: 'SIZE', value: ({ sizeBytes }) => humanSize(sizeBytes) },
    Containers: { header: 'CONTAINERS', value: () => 'N/A' },
    SharedSize: { header: 'SHARED SIZE', value: () => 'N/A' },
    UniqueSize: { header: 'UNIQUE SIZE', value: () => 'N/A' },
  };
}

function createdMs({ created }: LocalImage): number | undefined {
  const time = Date.parse(created ?? '');
  // Reproducible builds write the year 0 or 1 for "unknown".
  return Number.isNaN(time) || time < 0 ? undefined : time;
}

function createdSince(image: LocalImage, now: number): string {
  const created = createdMs(image);
  return created === undefined ? 'N/A' : `${humanDuration(now - created)} ago`;
}

/** Those that all filters and the argument let through, the newest first. */
export function filterImages(images: readonly LocalImage[], filters: Filters, argument?: string): LocalImage[] {
  const isDangling = booleanFilter(filters, 'dangling');
  const before = limit(images, filters, 'before');
  const since = limit(images, filters, 'since');
  const tagged = new Set(images.filter((image) => nameOf(image).tag !== NONE).map(repositoryAndId));
  return images
    .filter(
      (image) =>
        // As with Docker: a name by digest is no row of its own beside a tag that means the same.
        (nameOf(image).tag !== NONE || isDigest(image.canonical) || !tagged.has(repositoryAndId(image))) &&
        (isDangling === undefined || isDigest(image.canonical) === isDangling) &&
        (argument === undefined || matchesArgument(image, argument)) &&
        matchesAny(filters, 'reference', (pattern) => matchesPattern(image, pattern)) &&
        matchesLabels(filters, image.config.config.Labels ?? {}) &&
        (before === undefined || (createdMs(image) ?? 0) < before) &&
        (since === undefined || (createdMs(image) ?? 0) > since),
    )
    .sort((a, b) => (createdMs(b) ?? 0) - (createdMs(a) ?? 0) || compare(a.canonical, b.canonical));
}

function repositoryAndId(image: LocalImage): string {
  return `${nameOf(image).repository} ${image.id}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function limit(images: readonly LocalImage[], filters: Filters, key: string): number | undefined {
  const name = filters.get(key)?.at(-1);
  if (name === undefined) return undefined;
  const found = images.find((image) => isNamed(image, name));
  if (found === undefined)
    throw new RrunError('NOT_FOUND', `cannot filter by "${key}=${name}": no such image in the store`);
  return createdMs(found) ?? 0;
}

function isNamed(image: LocalImage, name: string): boolean {
  const hex = name.replace(/^sha256:/, '');
  if (/^[a-f0-9]+$/.test(hex) && digestHex(image.id).startsWith(hex)) return true;
  return (
    !isDigest(image.canonical) && matchesArgument(image, name) && (name.includes(':') || nameOf(image).tag === 'latest')
  );
}

/** "alpine" fits all its tags, "alpine:3.20" that one; "*" as in --filter reference. */
function matchesArgument(image: LocalImage, argument: string): boolean {
  if (isDigest(image.canonical)) return false;
  if (matchesPattern(image, argument)) return true;
  try {
    const wanted = parseReference(argument);
    const name = nameOf(image);
    const isTagTyped = argument.slice(argument.lastIndexOf('/') + 1).includes(':');
    return (
      familiarName(wanted) === name.repository &&
      (!isTagTyped || wanted.tag === name.tag || wanted.digest === name.digest)
    );
  } catch {
    return false;
  }
}

/** Docker's reference filter: path.Match on "name:tag" and on "name" alone; "*" stops at "/". */
function matchesPattern(image: LocalImage, pattern: string): boolean {
  if (isDigest(image.canonical)) return false;
  const { repository, tag, digest } = nameOf(image);
  const regexp = globRegExp(pattern);
  const full = tag === NONE ? `${repository}@${digest}` : `${repository}:${tag}`;
  return regexp.test(full) || regexp.test(repository);
}

function globRegExp(pattern: string): RegExp {
  const source = pattern.replace(/\*+|\?|\[[^\]]*\]|[\\^$.|+(){}[\]]/g, (part) => {
    if (part.startsWith('*')) return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.startsWith('[') && part.length > 2) return part.replace(/\\/g, '\\\\').replace(/^\[!/, '[^');
    return `\\${part}`;
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    throw new RrunError('USAGE', `cannot filter by "reference=${pattern}": it is not a pattern`);
  }
}

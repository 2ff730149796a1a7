// Names of layer members. A path here is a "byte string": each character is one byte (latin1), because file names
// are bytes and need not be UTF-8. Components are separated by one slash; the root of the layer is ''.

import { memberInvalid, memberUnsafe } from './layer-error.js';

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_NAME = '.wh..wh..opq';
/** Other names with this prefix are AUFS's own files (.wh..wh.plnk, .wh..wh.aufs): Docker skips them. */
const AUFS_PREFIX = '.wh..wh.';

/** linux/limits.h; the final NUL counts. */
const PATH_MAX = 4096;

/** Components of what `name` means below the root: "./", "//" and a leading "/" fall away, ".." is taken by text as Docker does. */
export function cleanPath(name: string): string {
  if (isClean(name)) return name;
  if (name.includes('\0')) throw memberInvalid(name, 'its name contains NUL');
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw memberUnsafe(name, 'it climbs out of the rootfs with ".."');
  }
  const path = parts.join('/');
  if (path.length + 1 >= PATH_MAX) throw memberInvalid(name, `its name is longer than ${PATH_MAX - 2} bytes`);
  return path;
}

/* Nearly every name is relative, has no "." component and needs no work. */
function isClean(name: string): boolean {
  return name.length < PATH_MAX - 1 && /^(?!\.\.?(?:\/|$))[^/\0]+(?:\/(?!\.\.?(?:\/|$))[^/\0]+)*$/.test(name);
}

export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

/** What a cleaned path asks for (image-spec layer.md, "Whiteouts"). */
export type MemberRole =
  { kind: 'entry' } | { kind: 'whiteout'; hides: string } | { kind: 'opaque'; directory: string } | { kind: 'ignored' };

export function classifyMember(path: string): MemberRole {
  if (!path.startsWith(WHITEOUT_PREFIX) && !path.includes(`/${WHITEOUT_PREFIX}`)) return { kind: 'entry' };
  const parts = path.split('/');
  const at = parts.findIndex((part) => part.startsWith(WHITEOUT_PREFIX));
  const name = parts[at] ?? '';
  const parent = parts.slice(0, at).join('/');
  if (name === OPAQUE_NAME && at === parts.length - 1) return { kind: 'opaque', directory: parent };
  if (name.startsWith(AUFS_PREFIX)) return { kind: 'ignored' };
  if (at !== parts.length - 1) throw memberInvalid(path, 'it lies in a directory that has the name of a whiteout');
  const hidden = name.slice(WHITEOUT_PREFIX.length);
  if (hidden === '') throw memberInvalid(path, 'it is a whiteout without a name');
  if (hidden === '.' || hidden === '..') throw memberUnsafe(path, `it is a whiteout of "${hidden}"`);
  return { kind: 'whiteout', hides: joinPath(parent, hidden) };
}

/** The form for system calls inside the layer's root: text where the bytes are ASCII, since Node is faster with it. */
export function systemPath(path: string): string | Buffer {
  const absolute = `/${path}`;

  return /^[\x01-\x7f]*$/.test(absolute) ? absolute : Buffer.from(absolute, 'latin1');
}

/** A byte string as text for JSON, and back: bytes other than printable ASCII are %XX. */
export function encodeName(path: string): string {
  return path.replace(/[^!-$&-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

export function decodeName(text: string): string {
  return text.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

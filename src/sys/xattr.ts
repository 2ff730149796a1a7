// Extended attributes, never through a symbolic link. Paths are text or bytes, values are bytes.

import { checked, lastErrno, libc } from './native.js';
import { cString, shown } from './path-bytes.js';

const lsetxattr = libc('int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)');
const lgetxattr = libc('int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)');
const llistxattr = libc('int64_t llistxattr(const void *path, void *list, size_t size)');
const lremovexattr = libc('int lremovexattr(const void *path, const void *name)');

/** Kernel limits (xattr(7)): 64 KiB for one value, 64 KiB for the list of names. */
const LARGEST = 65536;

export function setXattr(path: string | Buffer, name: string | Buffer, value: Buffer): void {
  const result = lsetxattr(cString(path), cString(name), value, value.length, 0);
  checked(result, 'lsetxattr', `set attribute "${shown(name)}" of "${shown(path)}"`);
}

/** As setXattr(), but answers with the errno name instead of throwing. */
export function trySetXattr(path: string | Buffer, name: string | Buffer, value: Buffer): string | undefined {
  return lsetxattr(cString(path), cString(name), value, value.length, 0) === 0 ? undefined : lastErrno();
}

/** The value, or undefined where the file has no such attribute or the file system has none at all. */
export function getXattr(path: string | Buffer, name: string | Buffer): Buffer | undefined {
  const value = Buffer.allocUnsafe(LARGEST);
  const size = lgetxattr(cString(path), cString(name), value, value.length);
  if (size === -1 && ['ENODATA', 'ENOTSUP'].includes(lastErrno())) return undefined;
  checked(size, 'lgetxattr', `read attribute "${shown(name)}" of "${shown(path)}"`);
  return Buffer.from(value.subarray(0, size));
}

/** Names of all attributes that the caller may see; empty where the file system has none. */
export function listXattrs(path: string | Buffer): Buffer[] {
  const list = Buffer.allocUnsafe(LARGEST);
  const size = llistxattr(cString(path), list, list.length);
  if (size === -1 && lastErrno() === 'ENOTSUP') return [];
  checked(size, 'llistxattr', `list the attributes of "${shown(path)}"`);
  const names: Buffer[] = [];
  for (let start = 0; start < size;) {
    const end = list.indexOf(0, start);
    names.push(Buffer.from(list.subarray(start, end)));
    start = end + 1;
  }
  return names;
}

/** Removes the attribute where there is one. */
export function removeXattr(path: string | Buffer, name: string): void {
  const result = lremovexattr(cString(path), cString(name));
  if (result === -1 && ['ENODATA', 'ENOTSUP'].includes(lastErrno())) return;
  checked(result, 'lremovexattr', `remove attribute "${name}" of "${shown(path)}"`);
}

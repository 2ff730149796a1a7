// Paths as C wants them: file names are bytes, not text, and end with NUL.

/** NUL-terminated bytes. A NUL inside would cut the path short without a word, so it is refused. */
export function cString(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (bytes.includes(0)) throw new TypeError('bug: a path or name for a system call contains NUL');
  const result = Buffer.alloc(bytes.length + 1);
  bytes.copy(result);
  return result;
}

/** For messages only. */
export function shown(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString();
}

// The one door to koffi: loads its binary when the first call is bound, and turns errno into SyscallError. No policy.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as Koffi from 'koffi';
import { SyscallError } from '../errors.js';
import { errnoName } from '../util/errno.js';

/** A C function of libc; strings go in as `const char *`, bytes (NUL-terminated where C wants it) as `const void *`. */
export type NativeFunction = (...args: (number | bigint | string | Buffer | null)[]) => number;

interface Native {
  koffi: Pick<typeof Koffi, 'errno' | 'load'>;
  libc: Koffi.LibraryHandle;
}

let native: Native | undefined;
/** Binds a function of libc by its C prototype; nothing is loaded before the first call. */
export function libc(prototype: string): NativeFunction {
  let bound: NativeFunction | undefined;
  return (...args) => (bound ??= loadNative().libc.func(prototype) as NativeFunction)(...args);
}

/** Loads koffi's binary now; for those who will not be able to open files later. */
export function loadNative(): Native {
  if (native === undefined) {
    const koffi = loadKoffi();
    native = { koffi, libc: koffi.load(null) };
  }
  return native;
}

/** Loads another shared library (libseccomp); throws koffi's own error when it is missing. */
export function loadLibrary(name: string): Koffi.LibraryHandle {
  return loadNative().koffi.load(name);
}

/** errno of the call just made, as a name. To be read before anything else is called. */
export function lastErrno(): string {
  return errnoName(loadNative().koffi.errno());
}

/** The result, or a SyscallError where it is -1. `action` completes "cannot …". */
export function checked(result: number, syscall: string, action: string): number {
  if (result === -1) throw new SyscallError(action, syscall, lastErrno());
  return result;
}

/* The binary itself, not koffi's index.js: that reads the ELF headers of Node to find the same file, for 8 ms.
   In the shipped bundle it lies beside this file. */
function loadKoffi(): Native['koffi'] {
  const require = createRequire(import.meta.url);
  if (existsSync(fileURLToPath(new URL('./koffi.node', import.meta.url))))
    return require('./koffi.node') as Native['koffi'];
  return require(`@koromix/koffi-linux-${process.arch}`) as Native['koffi'];
}

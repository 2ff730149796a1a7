// linux.seccomp → a BPF program in the cache. A hit needs no library: the key holds the rules and which libseccomp file there is.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { RrunError } from '../errors.js';
import type { HostPath } from '../util/brand.js';
import { makeFilter, wantsEnosysStub } from './seccomp-filter.js';
import { enosysStub } from './seccomp-stub.js';
import type { SpecSeccomp } from './spec.wire.js';

/** Raised when the same rules would compile to something else. */
const COMPILER_VERSION = 1;
const SONAME = 'libseccomp.so.2';
const BPF_INSTRUCTION_BYTES = 8;
/** BPF_MAXINSNS: the kernel takes no longer program. */
const MAX_INSTRUCTIONS = 4096;
/** A file being written by a process that was killed; what is younger may still be at work. */
const RUBBISH_AGE_MS = 3_600_000;

/** The compiled program, made if the cache under `cacheDir` does not have it. */
export async function loadSeccomp(seccomp: SpecSeccomp, cacheDir: HostPath): Promise<HostPath> {
  const library = findLibrary();
  const dir = path.join(cacheDir, 'seccomp');
  const file = path.join(dir, `${cacheKey(seccomp, library)}.bpf`) as HostPath;
  if (isProgram(file)) return file;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await sweep(dir);
  await writeProgram(file, seccomp, library);
  return file;
}

function cacheKey(seccomp: SpecSeccomp, library: string): string {
  const { size, mtimeMs } = statSync(library);
  const identity = [COMPILER_VERSION, process.arch, path.basename(library), size, mtimeMs];
  return createHash('sha256')
    .update(JSON.stringify([identity, canonical(seccomp)]))
    .digest('hex');
}

/** The same value whatever the order of members. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, entry]) => [key, canonical(entry)]);
}

function isProgram(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.size > 0 && found.size % BPF_INSTRUCTION_BYTES === 0;
}

async function writeProgram(file: string, seccomp: SpecSeccomp, library: string): Promise<void> {
  const temp = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temp, 'wx+', 0o600);
  try {
    await compile(handle, seccomp, library);
    await handle.close();
    await rename(temp, file);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temp, { force: true });
    throw error;
  }
}

async function compile(handle: FileHandle, seccomp: SpecSeccomp, library: string): Promise<void> {
  const { compileFilter } = await import('../sys/seccomp.js');
  const architectures = compileFilter(library, makeFilter(seccomp), handle.fd);
  const { size } = await handle.stat();
  const program = Buffer.alloc(size);
  await handle.read(program, 0, size, 0);
  const whole = wantsEnosysStub(seccomp) ? Buffer.concat([enosysStub(architectures), program]) : program;
  const count = whole.length / BPF_INSTRUCTION_BYTES;
  if (count > MAX_INSTRUCTIONS) {
    throw new RrunError(
      'CONFIG_INVALID',
      `cannot use the seccomp profile: it compiles to ${count} instructions, the kernel takes ${MAX_INSTRUCTIONS}`,
    );
  }
  await handle.truncate(0);
  await handle.write(whole, 0, whole.length, 0);
}

async function sweep(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.endsWith('.tmp')) continue;
    const file = path.join(dir, name);
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > RUBBISH_AGE_MS) await rm(file, { force: true });
  }
}

/** The file that the loader would take: a multiarch directory, lib64, lib. */
function findLibrary(): string {
  const machine = {
    x64: 'x86_64',
    arm64: 'aarch64',
    arm: 'arm',
    ppc64: 'powerpc64le',
    s390x: 's390x',
    riscv64: 'riscv64',
    loong64: 'loongarch64',
  }[process.arch as string];
  const multiarch =
    machine === undefined
      ? []
      : [`/usr/lib/${machine}-linux-gnu${machine === 'arm' ? 'eabihf' : ''}`, `/lib/${machine}-linux-gnu`];
  const dirs = [
    ...(process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((dir) => dir !== ''),
    ...multiarch,
    '/usr/lib64',
    '/lib64',
    '/usr/lib',
    '/lib',
    '/usr/local/lib',
  ];
  const found = dirs.map((dir) => path.join(dir, SONAME)).find((file) => existsSync(file));
  if (found !== undefined) return realpathSync(found);
  throw new RrunError('PROGRAM_MISSING', `cannot compile the seccomp filter: ${SONAME} not found`, {
    hint: 'install the package libseccomp2 (Debian) or libseccomp (Fedora, Alpine), or use --security-opt seccomp=unconfined',
  });
}

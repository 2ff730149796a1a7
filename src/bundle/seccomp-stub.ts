// Instructions before the filter: a system call newer than any that the profile names gets ENOSYS, so that a C library falls
// back to the older call (runc does the same). With the profile's EPERM it would give up instead.

import { endianness } from 'node:os';
import type { FilterArchitecture } from '../sys/seccomp.js';

/** linux/filter.h: class, size, mode and jump bits put together. */
const LD_W_ABS = 0x20;
const JMP_JA = 0x05;
const JMP_JEQ_K = 0x15;
const JMP_JGE_K = 0x35;
const JMP_JGT_K = 0x25;
const RET_K = 0x06;
/** struct seccomp_data: int nr; __u32 arch; … */
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const RET_ENOSYS = 0x00050000 | 38;
/** x32 calls come as AUDIT_ARCH_X86_64 with this bit in the number. */
const X32_BIT = 0x40000000;
const X86_64_TOKEN = 0xc000003e;

interface Instruction {
  code: number;
  jt?: number;
  jf?: number;
  k: number;
}

export function enosysStub(architectures: readonly FilterArchitecture[]): Buffer {
  const x32 = architectures.find(({ name, highestCall }) => name === 'x32' && highestCall >= 0);
  const blocks = architectures
    .filter(({ name, highestCall }) => name !== 'x32' && highestCall >= 0)
    .map((architecture) => ({ token: architecture.token, compare: compareNumber(architecture, x32) }));
  const program: Instruction[] = [{ code: LD_W_ABS, k: OFFSET_ARCH }];
  let behind = blocks.reduce((sum, block) => sum + block.compare.length + 2, 0);
  for (const { token, compare } of blocks) {
    behind -= compare.length + 2;
    // Another architecture: the next block, where the accumulator still holds it. Done: over all that follow, into the filter.
    program.push({ code: JMP_JEQ_K, k: token, jt: 0, jf: compare.length + 1 }, ...compare, { code: JMP_JA, k: behind });
  }
  return Buffer.concat(program.map(encode));
}

/** Falls out at the end if the number is one to be filtered. */
function compareNumber({ token, highestCall }: FilterArchitecture, x32: FilterArchitecture | undefined): Instruction[] {
  const native: Instruction[] = [
    { code: JMP_JGT_K, k: highestCall, jt: 0, jf: 1 },
    { code: RET_K, k: RET_ENOSYS },
  ];
  const number: Instruction = { code: LD_W_ABS, k: OFFSET_NR };
  if (token !== X86_64_TOKEN) return [number, ...native];
  // Without x32 among the filtered ones, refusing it is the filter's business.
  if (x32 === undefined) return [number, { code: JMP_JGE_K, k: X32_BIT, jt: 2, jf: 0 }, ...native];
  return [
    number,
    { code: JMP_JGE_K, k: X32_BIT, jt: 0, jf: 1 },
    { code: JMP_JGT_K, k: x32.highestCall, jt: 1, jf: 2 },
    ...native,
  ];
}

function encode({ code, jt = 0, jf = 0, k }: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const little = endianness() === 'LE';
  view.setUint16(0, code, little);
  view.setUint8(2, jt);
  view.setUint8(3, jf);
  view.setUint32(4, k >>> 0, little);
  return bytes;
}

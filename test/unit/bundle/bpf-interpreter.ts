// Runs a compiled seccomp program on one system call and names what it answers: the part of classic BPF that filters use.

import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';

export interface CallData {
  nr: number;
  arch?: number;
  args?: (number | bigint)[];
}

export const AUDIT_ARCH = { x86_64: 0xc000003e, i386: 0x40000003, aarch64: 0xc00000b7 };

/** "allow", "errno 38", "kill", "kill-process", "trap", "trace 7", "log". */
export function runFilter(file: string, { nr, arch = AUDIT_ARCH.x86_64, args = [] }: CallData): string {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(nr >>> 0, 0);
  data.writeUInt32LE(arch, 4);
  args.forEach((arg, index) => data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(arg)), 16 + 8 * index));
  return nameAnswer(interpret(readFileSync(file), data));
}

function interpret(program: Buffer, data: Buffer): number {
  if (endianness() !== 'LE') throw new Error('the interpreter reads little-endian programs');
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = program.readUInt16LE(at * 8);
    const k = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean) => program.readUInt8(at * 8 + (holds ? 2 : 3));
    switch (code) {
      case 0x20: accumulator = data.readUInt32LE(k); break;
      case 0x54: accumulator = (accumulator & k) >>> 0; break;
      case 0x05: at += k; break;
      case 0x15: at += jump(accumulator === k); break;
      case 0x25: at += jump(accumulator > k); break;
      case 0x35: at += jump(accumulator >= k); break;
      case 0x06: return k;
      default: throw new Error(`instruction ${at} has code 0x${code.toString(16)}`);
    } // prettier-ignore
  }
  throw new Error('the program runs off its end');
}

function nameAnswer(answer: number): string {
  const value = answer & 0xffff;
  const names: Record<number, string> = {
    0x7fff: 'allow',
    0x8000: 'kill-process',
    0: 'kill',
    3: 'trap',
    0x7ffc: 'log',
  };
  const high = answer >>> 16;
  if (high === 5) return `errno ${value}`;
  if (high === 0x7ff0) return `trace ${value}`;
  return names[high] ?? `0x${answer.toString(16)}`;
}

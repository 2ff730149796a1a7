// Records of a PAX extended header, "LENGTH KEY=VALUE\n" (pax(1)). Values stay bytes: attributes are binary.

import { layerInvalid } from './layer-error.js';
import type { Timestamp } from '../sys/file.js';

/** Records in their order; GNU sparse 0.0 repeats keys. */
export type PaxRecords = [key: string, value: Buffer][];

export function parsePax(data: Buffer): PaxRecords {
  const records: PaxRecords = [];
  for (let at = 0; at < data.length;) {
    if (data[at] === 0) break; // some writers fill up with NUL
    const blank = data.indexOf(0x20, at);
    const digits = blank === -1 ? '' : data.toString('latin1', at, blank);
    const length = /^[0-9]{1,10}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = data.indexOf(0x3d, blank);
    if (length === 0 || end > data.length || data[end - 1] !== 0x0a || equals === -1 || equals >= end) {
      throw layerInvalid('a PAX record is malformed');
    }
    records.push([data.toString('latin1', blank + 1, equals), Buffer.from(data.subarray(equals + 1, end - 1))]);
    at = end;
  }
  return records;
}

/** A whole number of 0 or more. */
export function paxNumber(key: string, value: string): number {
  const result = /^[0-9]{1,16}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(result)) throw layerInvalid(`PAX record "${key}" is no number`);
  return result;
}

/** Decimal seconds with a fraction; the fraction counts upwards also before 1970, as timespec does. */
export function paxTime(key: string, value: string): Timestamp {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw layerInvalid(`PAX record "${key}" is no time`);
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').padEnd(9, '0').slice(0, 9));
  if (match[1] !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

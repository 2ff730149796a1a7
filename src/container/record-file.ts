// container.json as text: written once, checked when it is read.

import { RrunError } from '../errors.js';
import type { ContainerId } from '../util/brand.js';
import type { ContainerRecord } from './record.js';

export function isContainerId(text: string): text is ContainerId {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Checks the parts that everything rests on; `file` is for the message. */
export function parseRecord(text: string, file: string): ContainerRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(file, (error as Error).message, error);
  }
  if (typeof value !== 'object' || value === null) throw damaged(file, 'not an object');
  const record = value as Partial<ContainerRecord>;
  if (record.version !== 1) throw damaged(file, `its version is ${JSON.stringify(record.version)}, this rrun knows 1`);
  if (typeof record.id !== 'string' || !isContainerId(record.id)) throw damaged(file, 'it has no id');
  if (typeof record.name !== 'string' || typeof record.created !== 'string')
    throw damaged(file, 'name or time of creation is missing');
  if (typeof record.options !== 'object' || !Array.isArray(record.lower) || !Array.isArray(record.args)) {
    throw damaged(file, 'options, layers or arguments are missing');
  }
  return record as ContainerRecord;
}

export function recordText(record: ContainerRecord): string {
  return `${JSON.stringify(record)}\n`;
}

function damaged(file: string, why: string, cause?: unknown): RrunError {
  return new RrunError('STORE_UNUSABLE', `cannot read container record "${file}": ${why}`, { cause });
}

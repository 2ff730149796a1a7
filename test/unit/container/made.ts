// Containers on disk as createContainer() leaves them, without an image: for what only reads and removes them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

import { newContainerId } from '../../../src/container/names.js';
import { damagedRecord, recordText } from '../../../src/container/record-file.js';
import type { ContainerRecord } from '../../../src/container/record.js';
import { openStore, type Store } from '../../../src/store/store.js';
import type { HostPath } from '../../../src/util/brand.js';
import { rrunProgram } from '../../support/paths.js';

// heldLocks() asks the built program.
process.env['RRUN_EXE'] ??= rrunProgram;

export async function makeStore(t: Pick<TestContext, 'after'>): Promise<Store> {
  const root = mkdtempSync(path.join(tmpdir(), 'rrun-store-')) as HostPath;
  t.after(() => rmSync(root, { recursive: true }));
  return await openStore(root);
}

export interface Made {
  record: ContainerRecord;
  dir: string;
}

let count = 0;

/** Puts a container into the store; each is a second newer than the one before. */
export function makeContainer(store: Store, name: string, change: Partial<ContainerRecord> = {}): Made {
  count += 1;
  const created = new Date(Date.parse('2024-05-01T10:00:00Z') + count * 1000).toISOString();
  const record = { ...damagedRecord(newContainerId(), name, created), args: ['sh'], imageName: 'alpine', ...change };
  const dir = path.join(store.containersDir, record.id);
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'container.json'), recordText(record));
  writeFileSync(path.join(dir, 'config.json'), JSON.stringify({ ociVersion: '1.2.0', root: { path: 'rootfs' } }));
  writeFileSync(path.join(dir, 'lock'), '');
  writeFileSync(path.join(store.namesDir, name), `${record.id} maker\n`);
  return { record, dir };
}

/** As the monitor of a start that has ended leaves it. */
export function markExited({ dir }: Made, code: number): void {
  writeFileSync(path.join(dir, 'lock'), '1 2024-05-01T10:00:00Z\n');
  writeFileSync(path.join(dir, 'exit'), `${code} 2024-05-01T10:00:00Z 2024-05-01T10:00:01Z\n`);
}

// Makes unpacked layers outlive a crash of the host. Unpacking syncs nothing, for speed; once the kernel has had time to write a
// layer back by itself, one cheap syncfs makes sure of it, and a file beside the layer says so.

import { closeSync, existsSync, openSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { COVERED, currentBootId, tryLoadTreeRecord, type LayerPlaces } from './layer-record.js';

/** Four times the age at which the kernel writes back on its own (vm.dirty_expire_centisecs). */
const WRITTEN_BACK_MS = 120_000;

/** Covers what was unpacked during this boot and is old enough; gives how many. To be called where nobody waits. */
export async function coverLayers(store: LayerPlaces, olderThanMs = WRITTEN_BACK_MS): Promise<number> {
  const latest = Date.now() - olderThanMs;
  const open = readdirSync(store.layersDir)
    .map((name) => path.join(store.layersDir, name))
    .filter((dir) => !existsSync(path.join(dir, COVERED)) && isOlder(path.join(dir, 'layer.json'), latest))
    // A layer of an earlier boot may be damaged: it is unpacked again when it is wanted, never declared good.
    .filter((dir) => tryLoadTreeRecord(path.join(dir, 'fs'))?.bootId === currentBootId());
  if (open.length === 0) return 0;
  const { syncFileSystem } = await import('../sys/file.js');
  const fd = openSync(store.layersDir, 'r');
  try {
    syncFileSystem(fd);
  } finally {
    closeSync(fd);
  }
  for (const dir of open) writeFileSync(path.join(dir, COVERED), '');
  return open.length;
}

function isOlder(file: string, latest: number): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && stats.mtimeMs < latest;
}

// The process that prepares a root file system as root of the mapped user namespace: directories with foreign owners, and
// copies of layers where nothing can be mounted. It has chrooted into the store: no link in an image leads further.

import * as fs from 'node:fs';

import { RrunError } from '../errors.js';
import { decodeName, joinPath, systemPath } from '../layer/member-path.js';
import { chroot } from '../sys/file.js';
import { loadNative } from '../sys/native.js';
import { LayerCopier } from './layer-copier.js';
import { RESULT_FD, type SnapshotAnswer, type SnapshotRequest } from './snapshot-protocol.js';

/** Runs the child; gives its exit code. */
export function snapshotChild(): number {
  const answer = answerTo(JSON.parse(fs.readFileSync(0, 'utf8')) as SnapshotRequest);
  fs.writeSync(RESULT_FD, `${JSON.stringify(answer)}\n`);
  return answer.ok ? 0 : 1;
}

function answerTo(request: SnapshotRequest): SnapshotAnswer {
  try {
    loadNative();
    process.umask(0);
    chroot(request.root);
    carryOut(request);
    return { ok: true };
  } catch (error) {
    if (error instanceof RrunError) return { ok: false, code: error.code, message: error.message };
    const { code = '', syscall = '', message } = error as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    return {
      ok: false,
      code: full ? 'STORE_FULL' : 'STORE_UNUSABLE',
      message: `cannot prepare the root file system: ${syscall === '' ? message : `${syscall}: ${code}`}`,
    };
  }
}

function carryOut({ target, directories, layers, shift }: SnapshotRequest): void {
  for (const { path, mode, uid, gid } of directories) {
    const place = systemPath(joinPath(toBytes(target), decodeName(path)));
    fs.mkdirSync(place); // parents come first, and the target was empty
    fs.lchownSync(place, uid, gid);
    fs.chmodSync(place, mode);
  }
  if (layers.length === 0) return;
  const copier = new LayerCopier(shift);
  for (const { tree, implied } of layers) copier.copy(toBytes(tree), toBytes(target), new Set(implied.map(decodeName)));
  copier.ownRoot(toBytes(target));
}

/* Store paths arrive as text; paths of images are bytes, one a character. */
function toBytes(path: string): string {
  return Buffer.from(path).toString('latin1');
}

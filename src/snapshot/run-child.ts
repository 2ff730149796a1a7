// Starts the child that prepares a root file system (snapshot-child.ts) in the mapped user namespace.

import type { Readable, Writable } from 'node:stream';

import { RrunError } from '../errors.js';
import { runFailed, runInUserns } from '../helper/userns-run.js';
import { nodeEntry } from '../util/node-entry.js';
import type { UsernsMapping } from '../util/id-mapping.js';
import { RESULT_FD, SNAPSHOT_COMMAND, type SnapshotAnswer, type SnapshotRequest } from './snapshot-protocol.js';

export async function runSnapshotChild(mapping: UsernsMapping, request: SnapshotRequest): Promise<void> {
  const { child, done } = runInUserns({
    mapping,
    argv: [process.execPath, nodeEntry(), SNAPSHOT_COMMAND],
    env: {},
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  const stdin = child.stdio[0] as Writable;
  stdin.on('error', () => undefined); // a child that dies says so in other ways
  stdin.end(JSON.stringify(request));
  const [text, complaint, result] = await Promise.all([
    readText(child.stdio[RESULT_FD] as Readable),
    readText(child.stdio[2] as Readable),
    done,
  ]);
  if (!text.endsWith('\n')) {
    const failed = runFailed('prepare the root file system', result);
    throw complaint === ''
      ? failed
      : new RrunError(failed.code, `${failed.message}: ${complaint.trim()}`, { cause: failed });
  }
  const answer = JSON.parse(text) as SnapshotAnswer;
  if (!answer.ok) throw new RrunError(answer.code, answer.message);
}

async function readText(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

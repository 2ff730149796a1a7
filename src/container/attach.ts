// Joins the streams of a container that runs: the plan of a client of its monitor.

import path from 'node:path';

import { step, type Plan } from '../helper/plan.js';
import type { Store } from '../store/store.js';
import type { HostPath } from '../util/brand.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../util/detach-keys.js';
import type { Container } from './list.js';
import { notRunning } from './signal.js';

export interface AttachOptions {
  runRoot: HostPath;
  stdin: boolean;
  sigProxy: boolean;
  detachKeys: string | undefined;
}

/** Makes the plan. Throws NOT_RUNNING. */
export function planAttach(store: Store, { record, state }: Container, options: AttachOptions): Plan {
  if (state.status !== 'running') throw notRunning('attach to', record.name);
  const keys = options.detachKeys ?? record.options.detachKeys ?? DEFAULT_DETACH_KEYS;
  return {
    monitor: [
      step('mode', 'attach'),
      step('socket', path.join(options.runRoot, record.id, 'attach')),
      ...(record.options.tty ? [step('tty' as const)] : []),
      ...(options.stdin && record.options.interactive ? [step('attach-stdin' as const)] : []),
      step('detach-keys', Buffer.from(parseDetachKeys(keys) ?? []).toString('hex')),
      ...(options.sigProxy ? [] : [step('no-sig-proxy' as const)]),
      step('on-failure', store.root, record.id, 'attach'),
    ],
    keeper: [],
    init: [],
    cleanup: [],
  };
}

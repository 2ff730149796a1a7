// A further process in a container that runs → plan: join its namespaces, then become the process as the container's own did.

import { INIT_ANNOTATION } from '../bundle/build-spec.js';
import { loadSeccomp } from '../bundle/seccomp.js';
import type { Spec } from '../bundle/spec.wire.js';
import { step, type MonitorOp, type Plan, type PlanStep } from '../helper/plan.js';
import type { HostPath } from '../util/brand.js';
import type { LaunchMode } from './compile.js';
import { processSteps } from './process-steps.js';

export interface ExecRequest {
  id: string;
  /** Host pid of the container process. */
  pid: number;
  /** Namespaces of it that are not ours already. */
  namespaces: readonly string[];
  /** The container's, with the process that is to run. */
  spec: Spec;
  singleId: boolean;
  cacheDir: HostPath;
  mode: LaunchMode;
  stdin: 'pipe' | 'null';
  detachKeys: readonly number[];
  onFailure: readonly string[];
}

export async function compileExec(request: ExecRequest): Promise<Plan> {
  const spec = processOnly(request.spec);
  const seccomp = spec.linux?.seccomp;
  const seccompFile = seccomp === undefined ? undefined : await loadSeccomp(seccomp, request.cacheDir);
  return {
    monitor: monitorSteps(request),
    keeper: [step('clone-init')],
    init: [
      // /dev/console is the terminal of the container's own process.
      ...(spec.process?.terminal === true ? [step('console' as const, 'alone')] : []),
      ...processSteps(spec, { singleId: request.singleId, seccompFile, makesCwd: false }),
    ],
    cleanup: [],
  };
}

function monitorSteps(request: ExecRequest): PlanStep<MonitorOp>[] {
  const { mode, stdin } = request;
  return [
    step('mode', mode),
    step('id', request.id),
    step('stdio', stdin, mode === 'detached' ? 'null' : 'pipe'),
    ...(request.spec.process?.terminal === true ? [step('tty' as const)] : []),
    ...(stdin === 'pipe' ? [step('attach-stdin' as const)] : []),
    step('detach-keys', Buffer.from(request.detachKeys).toString('hex')),
    step('join', request.pid, ...request.namespaces),
    step('clone'),
    step('on-failure', ...request.onFailure),
  ];
}

/** What the container's start did to its file system and its PID 1 is not done again. */
function processOnly(spec: Spec): Spec {
  const annotations = Object.entries(spec.annotations ?? {}).filter(([name]) => name !== INIT_ANNOTATION);
  return { ...spec, root: { ...spec.root, readonly: false }, annotations: Object.fromEntries(annotations) };
}

// Which namespaces are new, joined or the host's: --network, --pid, --ipc, --uts, --userns.

import { RrunError } from '../errors.js';
import type { Decision } from '../util/decision.js';
import type { SpecContext } from './context.js';
import type { ContainerOptions } from './options.js';
import type { SpecNamespace } from './spec.wire.js';

export type IpcMode = 'private' | 'shareable' | 'none' | 'host' | 'container';

export interface NamespaceChoice {
  list: SpecNamespace[];
  ownNetwork: boolean;
  /** A PID namespace that our user namespace owns, so that proc can be mounted. */
  ownPid: boolean;
  ipc: IpcMode;
  ownUts: boolean;
}

type Modes = Pick<ContainerOptions, 'pid' | 'ipc' | 'uts' | 'hostname' | 'domainname'>;
type NamespaceContext = Pick<SpecContext, 'network' | 'joined'>;

export function chooseNamespaces(options: Modes, context: NamespaceContext, decisions: Decision[]): NamespaceChoice {
  const { network, joined = {} } = context;
  const pid = parseMode('--pid', options.pid, ['private', 'host']);
  const ipc = parseMode('--ipc', options.ipc, ['private', 'shareable', 'none', 'host']) as IpcMode;
  const uts = parseMode('--uts', options.uts, ['private', 'host']);
  if (uts === 'host' && (options.hostname !== undefined || options.domainname !== undefined)) {
    throw new RrunError('CONFIG_INVALID', 'cannot set a host name: conflicting options: hostname and --uts=host');
  }
  const list: SpecNamespace[] = [{ type: 'user' }, { type: 'mount' }];
  if (network.kind !== 'host')
    list.push(network.path === undefined ? { type: 'network' } : { type: 'network', path: network.path });
  if (pid !== 'host') list.push(ownOrJoined('pid', pid, joined.pid));
  if (ipc !== 'host') list.push(ownOrJoined('ipc', ipc, joined.ipc));
  if (uts !== 'host') list.push({ type: 'uts' });
  list.push({ type: 'cgroup' });

  if (pid === 'host')
    decisions.push({
      topic: 'pid namespace',
      choice: "the host's",
      why: '--pid=host; processes of the container then outlive a killed monitor',
    });
  for (const [kind, mode] of [
    ['ipc', ipc],
    ['uts', uts],
  ] as const) {
    if (mode === 'host') decisions.push({ topic: `${kind} namespace`, choice: "the host's", why: `--${kind}=host` });
  }
  return {
    list,
    ownNetwork: network.kind !== 'host' && network.path === undefined,
    ownPid: pid !== 'host',
    ipc,
    ownUts: uts !== 'host',
  };
}

function ownOrJoined(type: 'pid' | 'ipc', mode: string, hostPid: number | undefined): SpecNamespace {
  if (mode !== 'container') return { type };
  if (hostPid === undefined) throw new Error(`bug: no pid given for --${type}=container:`);
  return { type, path: `/proc/${hostPid}/ns/${type}` };
}

/** Undefined and '' are the first mode; "container:X" is "container". */
function parseMode(option: string, typed: string | undefined, modes: readonly [string, ...string[]]): string {
  if (typed === undefined || typed === '') return modes[0];
  if (option !== '--uts' && /^container:./.test(typed)) return 'container';
  if (modes.includes(typed)) return typed;
  throw new RrunError(
    'CONFIG_INVALID',
    `cannot use ${option} "${typed}": want ${modes.join(', ')}${option === '--uts' ? '' : ' or container:NAME'}`,
  );
}

// container.json as text: written once, checked when it is read.

import type { ContainerOptions } from '../bundle/options.js';
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

/** Stands for a record that cannot be read: enough to list the container and to remove it. */
export function damagedRecord(id: ContainerId, name: string, created: string): ContainerRecord {
  return {
    version: 1,
    id,
    name,
    created,
    lower: [],
    storageDriver: 'vfs',
    userns: { kind: 'ranges', uidMappings: [], gidMappings: [] },
    network: 'none',
    options: noOptions(),
    args: [],
    stopSignal: 'SIGTERM',
    labels: {},
    volumes: [],
    rootfsDirs: [],
    image: { entrypoint: null, cmd: null, user: '', exposedPorts: [], volumes: [], onBuild: null },
  };
}

function noOptions(): ContainerOptions {
  const lists = {
    command: [],
    env: [],
    volumes: [],
    mounts: [],
    tmpfs: [],
    dns: [],
    dnsSearch: [],
    dnsOption: [],
    addHost: [],
    capAdd: [],
    capDrop: [],
    securityOpt: [],
    ulimits: [],
    devices: [],
    groupAdd: [],
  };
  const switches = {
    interactive: false,
    tty: false,
    detach: false,
    rm: false,
    readOnly: false,
    init: false,
    privileged: false,
    noHosts: false,
    noHostname: false,
    httpProxy: false,
    sigProxy: false,
    quiet: false,
  };
  const maps = { labels: {}, annotations: {}, sysctls: {}, logOpts: {} };
  return { ...lists, ...switches, ...maps, pull: 'missing', logDriver: 'json-file' };
}

function damaged(file: string, why: string, cause?: unknown): RrunError {
  return new RrunError('STORE_UNUSABLE', `cannot read container record "${file}": ${why}`, { cause });
}

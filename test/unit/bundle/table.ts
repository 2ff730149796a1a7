// Shared by the tests of bundle/: complete options and a context that touches nothing of this machine.

import assert from 'node:assert/strict';
import type { SpecContext } from '../../../src/bundle/context.js';
import type { ContainerOptions } from '../../../src/bundle/options.js';
import { RrunError, type ErrorCode } from '../../../src/errors.js';
import type { HostPath } from '../../../src/util/brand.js';
import type { UsernsMapping } from '../../../src/util/id-mapping.js';

export function makeOptions(more: Partial<ContainerOptions> = {}): ContainerOptions {
  return {
    command: [], interactive: false, tty: false, detach: false, rm: false, env: [], volumes: [], mounts: [], tmpfs: [],
    readOnly: false, init: false, dns: [], dnsSearch: [], dnsOption: [], addHost: [], labels: {}, annotations: {}, capAdd: [],
    capDrop: [], privileged: false, securityOpt: [], ulimits: [], sysctls: {}, devices: [], groupAdd: [], pull: 'missing',
    noHosts: false, noHostname: false, httpProxy: false, logDriver: 'json-file', logOpts: {}, sigProxy: true, quiet: false,
    ...more,
  }; // prettier-ignore
}

/** Root inside is 1000 outside, 1… are 100000… */
export const RANGES: UsernsMapping = {
  kind: 'ranges',
  uidMappings: [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100000, size: 65536 },
  ],
  gidMappings: [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100000, size: 65536 },
  ],
};
export const SINGLE: UsernsMapping = {
  kind: 'single',
  uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
  gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
};

export const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'bin:x:1:1::/bin:/sbin/nologin',
  'joe:x:1000:1001:Joe:/home/joe:/bin/sh',
  '',
].join('\n');
export const GROUP = [
  'root:x:0:root',
  'bin:x:1:root,bin',
  'wheel:x:10:root,joe',
  'joe:x:1001:',
  'audio:x:29:joe',
  '',
].join('\n');

export function makeContext(more: Partial<SpecContext> = {}): SpecContext {
  return {
    id: 'a'.repeat(64),
    hostname: 'aaaaaaaaaaaa',
    mapping: RANGES,
    kernelArch: 'x64',
    userLookup: { passwd: PASSWD, group: GROUP },
    volumesDir: '/nonexistent/volumes' as HostPath,
    network: { kind: 'slirp4netns' },
    files: {},
    callerGroups: [1000, 44],
    caller: { uid: 1000, gid: 1000 },
    cwd: '/home/ana',
    callerEnv: {},
    facts: {
      kernelRelease: '6.1.0',
      lastCap: 40,
      oomScoreAdj: 0,
      hardLimits: {},
      hasCgroup2: true,
      seccompProfiles: [],
    },
    ...more,
  };
}

/** The body throws an RrunError of this code whose text and hint match. */
export function assertRefused(body: () => unknown, code: ErrorCode, text?: RegExp): void {
  assert.throws(body, (error: unknown) => {
    assert.ok(error instanceof RrunError, String(error));
    assert.equal(error.code, code);
    if (text !== undefined) assert.match(`${error.message}\n${error.hint ?? ''}`, text);
    return true;
  });
}

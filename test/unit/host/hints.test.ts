import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ErrorCode } from '../../../src/errors.js';
import type { HelperFailure } from '../../../src/helper/report.js';
import { loadHostFacts, type HostFacts } from '../../../src/host/facts.js';
import { explainFailure, needsFacts } from '../../../src/host/hints.js';

/** A machine on which all is well. */
const GOOD: HostFacts = {
  ...(await loadHostFacts({ versions: false })),
  nested: false,
  maxUserNamespaces: 10000,
  apparmorRestrictsUserns: false,
  seccompActions: ['allow'],
  devices: [{ path: '/dev/fuse' }, { path: '/dev/net/tun' }],
};
delete GOOD.container;
delete GOOD.unprivilegedUsernsClone;

type FailureFields = [stage: string, syscall: string, errno: string, action: string, detail?: string];

function failure(...[stage, syscall, errno, action, detail = '']: FailureFields): HelperFailure {
  return { stage, syscall, errno, action, detail };
}

interface Row {
  what: string;
  failure: HelperFailure;
  facts?: Partial<HostFacts>;
  code: ErrorCode;
  message: string;
  hint: RegExp | undefined;
  exitCode?: number;
}

const clone = (errno: string): HelperFailure => failure('userns', 'clone', errno, 'create a user namespace');
const NO_USERNS = 'cannot create a user namespace: clone(CLONE_NEWUSER): ';
const START = 'cannot start container "web": ';
const slirp = (detail: string): HelperFailure =>
  failure('spawn', 'slirp4netns', 'ECANCELED', 'it ended before it was ready', detail);
const mapper = (detail: string): HelperFailure => failure('idmap', 'exit', 'EPERM', 'run "/usr/bin/newuidmap"', detail);

const ROWS: Row[] = [
  {
    what: 'no user namespaces by limit',
    failure: clone('ENOSPC'),
    facts: { maxUserNamespaces: 0 },
    code: 'USERNS_UNAVAILABLE',
    message: `${NO_USERNS}ENOSPC`,
    hint: /^set user\.max_user_namespaces above 0/,
  },
  {
    what: 'a used up limit',
    failure: clone('ENOSPC'),
    code: 'USERNS_UNAVAILABLE',
    message: `${NO_USERNS}ENOSPC`,
    hint: /used up/,
  },
  {
    what: "Debian's switch",
    failure: clone('EPERM'),
    facts: { unprivilegedUsernsClone: 0 },
    code: 'USERNS_UNAVAILABLE',
    message: `${NO_USERNS}EPERM`,
    hint: /kernel\.unprivileged_userns_clone=1/,
  },
  {
    what: "Ubuntu's AppArmor",
    failure: clone('EPERM'),
    facts: { apparmorRestrictsUserns: true },
    code: 'USERNS_UNAVAILABLE',
    message: `${NO_USERNS}EPERM`,
    hint: /AppArmor/,
  },
  {
    what: 'an outer container',
    failure: clone('EPERM'),
    facts: { container: 'docker' },
    code: 'USERNS_UNAVAILABLE',
    message: `${NO_USERNS}EPERM`,
    hint: /inside a docker container/,
  },
  {
    what: 'a kernel without',
    failure: clone('EINVAL'),
    code: 'USERNS_UNAVAILABLE',
    message: `${NO_USERNS}EINVAL`,
    hint: /CONFIG_USER_NS/,
  },
  {
    what: 'a limit of another namespace',
    failure: failure('namespaces', 'clone', 'ENOSPC', "create the container's namespaces"),
    code: 'USERNS_UNAVAILABLE',
    message: `${START}create the container's namespaces: clone: ENOSPC`,
    hint: /max_net_namespaces/,
  },
  {
    what: 'newuidmap without rights',
    failure: mapper('newuidmap: write to uid_map failed: Operation not permitted\n'),
    code: 'IDMAP_UNAVAILABLE',
    message: 'cannot map the ids of the container: newuidmap: write to uid_map failed: Operation not permitted',
    hint: /not setuid/,
  },
  {
    what: 'a range that is not allowed',
    failure: mapper('newuidmap: uid range [1-65537) -> [100000-165536) not allowed\n'),
    code: 'IDMAP_UNAVAILABLE',
    message: 'cannot map the ids of the container: newuidmap: uid range [1-65537) -> [100000-165536) not allowed',
    hint: /\/etc\/subuid/,
  },
  {
    what: 'newgrp',
    failure: mapper('newgidmap: Target 5 is owned by a different user: uid:1 pw_uid:1\n'),
    code: 'IDMAP_UNAVAILABLE',
    message: 'cannot map the ids of the container: newgidmap: Target 5 is owned by a different user: uid:1 pw_uid:1',
    hint: /newgrp/,
  },
  {
    what: 'a mapper that vanished',
    failure: failure('idmap', 'execve', 'ENOENT', 'run "/usr/bin/newuidmap"'),
    code: 'PROGRAM_MISSING',
    message: 'cannot write a map of ids with ranges: newuidmap: ENOENT',
    hint: /uidmap \(Debian\)/,
  },
  {
    what: 'nested root without capabilities',
    failure: failure('idmap', 'write', 'EPERM', 'write "0 0 1\n" to /proc/5/uid_map'),
    facts: { nested: true },
    code: 'IDMAP_UNAVAILABLE',
    message: 'cannot map the ids of the container: write "0 0 1\n" to /proc/5/uid_map: write: EPERM',
    hint: /CAP_SETUID/,
  },
  {
    what: 'proc in a container that hides parts of it',
    failure: failure('mounts', 'mount', 'EPERM', 'mount proc on "/proc"'),
    code: 'SYSCALL',
    message: `${START}mount proc on "/proc": mount: EPERM`,
    hint: /--pid=host/,
  },
  {
    what: 'sysfs without a network namespace',
    failure: failure('mounts', 'mount', 'EPERM', 'mount sysfs on "/sys"'),
    code: 'SYSCALL',
    message: `${START}mount sysfs on "/sys": mount: EPERM`,
    hint: /network namespace/,
  },
  {
    what: 'too many mounts',
    failure: failure('mounts', 'mount', 'ENOSPC', 'mount tmpfs on "/tmp"'),
    code: 'HELPER_FAILED',
    message: `${START}the limit of mounts is reached (mount: ENOSPC)`,
    hint: /fs\.mount-max/,
  },
  {
    what: 'a bind source that is absent',
    failure: failure('mounts', 'open_tree', 'ENOENT', 'bind "/data" on "/mnt"'),
    code: 'NOT_FOUND',
    message: `${START}bind "/data" on "/mnt": open_tree: ENOENT`,
    hint: /"\/data" does not exist on the host/,
  },
  {
    what: 'a bind source that cannot be reached',
    failure: failure('mounts', 'open_tree', 'EACCES', 'bind "/root/x" on "/mnt"'),
    code: 'SYSCALL',
    message: `${START}bind "/root/x" on "/mnt": open_tree: EACCES`,
    hint: /may not be entered/,
  },
  {
    what: 'overlapping layers',
    failure: failure('rootfs', 'mount', 'ELOOP', 'mount an overlay of 3 layers'),
    code: 'SYSCALL',
    message: `${START}mount an overlay of 3 layers: mount: ELOOP`,
    hint: /inside one another/,
  },
  {
    what: 'an old kernel for overlay',
    failure: failure('rootfs', 'mount', 'EPERM', 'mount an overlay of 3 layers'),
    code: 'SYSCALL',
    message: `${START}mount an overlay of 3 layers: mount: EPERM`,
    hint: /fuse-overlayfs/,
  },
  {
    what: 'a full disk',
    failure: failure('lock', 'write', 'ENOSPC', 'write "lock"'),
    code: 'STORE_FULL',
    message: `${START}write "lock": write: ENOSPC`,
    hint: /make room/,
  },
  {
    what: 'slirp4netns without tun',
    failure: slirp('open("/dev/net/tun"): No such file or directory\nchild failed(1)\n'),
    code: 'DEVICE_MISSING',
    message: 'cannot set up the network: slirp4netns: open("/dev/net/tun"): No such file or directory; child failed(1)',
    hint: /modprobe tun/,
  },
  {
    what: 'slirp4netns that says nothing',
    failure: slirp('sent tapfd=5 for tap0\n'),
    code: 'NETWORK_FAILED',
    message: 'cannot set up the network: slirp4netns: it ended before it was ready',
    hint: undefined,
  },
  {
    what: 'fuse-overlayfs without fuse',
    failure: failure('spawn', 'fuse-overlayfs', 'ECANCELED', 'it failed', 'fuse: device not found\n'),
    facts: { devices: [{ path: '/dev/fuse', problem: 'ENOENT' }] },
    code: 'DEVICE_MISSING',
    message:
      'cannot mount the root of the container: fuse-overlayfs: fuse: device not found (open "/dev/fuse": ENOENT)',
    hint: /vfs/,
  },
  {
    what: 'a working directory that is absent',
    failure: failure('cwd', 'chdir', 'ENOENT', 'enter directory "/nope"'),
    code: 'CONFIG_INVALID',
    message: `${START}working directory "/nope" is not in the container: chdir: ENOENT`,
    hint: /-w/,
  },
  {
    what: 'an id that is not mapped',
    failure: failure('process', 'setresuid', 'EINVAL', 'become user 100000'),
    code: 'IDMAP_UNAVAILABLE',
    message: `${START}become user 100000: setresuid: EINVAL`,
    hint: /not mapped/,
  },
  {
    what: 'a limit above the hard one',
    failure: failure('process', 'setrlimit', 'EPERM', 'set limit nofile to 1:9999999'),
    code: 'SYSCALL',
    message: `${START}set limit nofile to 1:9999999: setrlimit: EPERM`,
    hint: /ulimit -H/,
  },
  {
    what: 'no seccomp',
    failure: failure('seccomp', 'prctl', 'EINVAL', 'install the seccomp filter'),
    facts: { seccompActions: [] },
    code: 'SYSCALL',
    message: `${START}install the seccomp filter: prctl: EINVAL`,
    hint: /seccomp=unconfined/,
  },
  {
    what: 'a container to join that has ended',
    failure: failure('join', 'pidfd_open', 'ESRCH', 'find process 5'),
    code: 'NOT_FOUND',
    message: `${START}find process 5: pidfd_open: ESRCH`,
    hint: /has ended/,
  },
  {
    what: 'a plan of another version',
    failure: failure('plan', 'parse', 'EINVAL', 'read the launch plan: version 2'),
    code: 'HELPER_FAILED',
    message: `${START}read the launch plan: version 2: parse: EINVAL`,
    hint: /install or build/,
  },
  {
    what: 'a stage that is not in the table',
    failure: failure('umbrella', 'open', 'EIO', 'open it'),
    code: 'SYSCALL',
    message: `${START}open it: open: EIO`,
    hint: undefined,
  },
  {
    what: 'a command that is not there',
    failure: failure('exec', 'execve', 'ENOENT', 'bsh'),
    code: 'COMMAND_NOT_FOUND',
    message: 'cannot run "bsh": not found in the container',
    hint: /PATH/,
    exitCode: 127,
  },
  {
    what: 'a script whose interpreter is not there',
    failure: failure('exec', 'execve', 'ENOENT', '/run.sh'),
    code: 'COMMAND_NOT_FOUND',
    message: 'cannot run "/run.sh": not found in the container',
    hint: /"#!" interpreter/,
    exitCode: 127,
  },
  {
    what: 'a command that may not be run',
    failure: failure('exec', 'execve', 'EACCES', '/etc/passwd'),
    code: 'COMMAND_NOT_EXECUTABLE',
    message: 'cannot run "/etc/passwd": permission denied',
    hint: /noexec/,
    exitCode: 126,
  },
  {
    what: 'another architecture',
    failure: failure('exec', 'execve', 'ENOEXEC', '/bin/sh'),
    code: 'COMMAND_NOT_EXECUTABLE',
    message: 'cannot run "/bin/sh": exec format error',
    hint: /architecture/,
    exitCode: 126,
  },
  {
    what: 'arguments that are too long',
    failure: failure('exec', 'execve', 'E2BIG', 'echo'),
    code: 'COMMAND_NOT_EXECUTABLE',
    message: 'cannot run "echo": its arguments and environment are too long',
    hint: /128 KiB in one word/,
    exitCode: 126,
  },
];

for (const { what, failure: given, facts, code, message, hint, exitCode } of ROWS) {
  test(`explainFailure() explains ${what}`, () => {
    const error = explainFailure(given, { ...GOOD, ...facts }, { container: 'web' });
    assert.equal(error.message, message);
    assert.equal(error.code, code);
    if (hint === undefined) assert.equal(error.hint, undefined);
    else assert.match(error.hint ?? '', hint);
    assert.equal(error.exitCode, exitCode ?? 125);
  });
}

test('explainFailure() gives no hint about a machine that it does not know', () => {
  const error = explainFailure(clone('EPERM'), undefined, {});
  assert.deepEqual([error.message, error.hint], [`${NO_USERNS}EPERM`, undefined]);
});

test('every sentence and hint keeps to one form', () => {
  for (const { failure: given, facts } of ROWS) {
    const { message, hint = '' } = explainFailure(given, { ...GOOD, ...facts }, { container: 'web' });
    assert.match(message, /^cannot /);
    assert.doesNotMatch(`${message}|${hint}`, /\.$|n't\b/);
  }
});

test('needsFacts() spares the look at the machine for a command that is not there', () => {
  assert.equal(needsFacts(failure('exec', 'execve', 'ENOENT', 'x')), false);
  assert.equal(needsFacts(clone('EPERM')), true);
});

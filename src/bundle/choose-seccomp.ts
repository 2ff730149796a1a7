// Which seccomp rules a container gets: --security-opt seccomp=, the host's default profile, ours, and the fakes of single-id mode.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { RrunError } from '../errors.js';
import type { Decision } from '../util/decision.js';
import { defaultSeccompProfile, SECCOMP_ARCHITECTURES } from './default-seccomp.js';
import {
  nativeArchitecture,
  parseSeccompProfile,
  resolveSeccompProfile,
  type ProfileConditions,
} from './seccomp-profile.js';
import { singleIdFilter } from './single-id.js';
import type { SpecSeccomp } from './spec.wire.js';

export interface SeccompRequest extends ProfileConditions {
  /** "builtin", "unconfined" or a path. */
  choice: string;
  /** A relative path begins here. */
  cwd: string;
  privileged: boolean;
  singleId: boolean;
  /** Default profiles of the host, by preference. */
  profiles: readonly string[];
}

/** Undefined: no filter. */
export function chooseSeccomp(request: SeccompRequest, decisions: Decision[]): SpecSeccomp | undefined {
  const base = baseFilter(request, decisions);
  if (!request.singleId) return base;
  decisions.push({
    topic: 'single-id filter',
    choice: 'chown, set*id, setgroups and mknod of devices do nothing and succeed',
    why: 'one id is mapped: package managers would fail on the others',
  });
  const native = nativeArchitecture(request.kernelArch).scmp;
  return singleIdFilter(base, SECCOMP_ARCHITECTURES.find(([name]) => name === native) ?? [native]);
}

function baseFilter(request: SeccompRequest, decisions: Decision[]): SpecSeccomp | undefined {
  const { choice, privileged } = request;
  const decide = (chosen: string, why: string) => decisions.push({ topic: 'seccomp', choice: chosen, why });
  if (choice === 'unconfined') {
    decide('none', '--security-opt seccomp=unconfined');
    return undefined;
  }
  if (choice !== 'builtin') {
    decide(choice, '--security-opt seccomp=');
    return parseSeccompProfile(readProfile(path.resolve(request.cwd, choice)), choice, request);
  }
  if (privileged) {
    decide('none', '--privileged');
    return undefined;
  }
  return hostProfile(request, decide) ?? ownProfile(request, decide);
}

type Decide = (choice: string, why: string) => void;

/** A default profile that is damaged is passed over: ours is as strict, and no launch should fail for it. */
function hostProfile(request: SeccompRequest, decide: Decide): SpecSeccomp | undefined {
  for (const file of request.profiles) {
    const source = tryRead(file);
    if (source === undefined) continue;
    try {
      const filter = parseSeccompProfile(source, file, request);
      decide(file, "the host's default profile");
      return withoutKeyctl(filter);
    } catch (error) {
      if (!(error instanceof RrunError)) throw error;
      decide('not the one of the host', error.message);
    }
  }
  return undefined;
}

/**
 * Podman's profile allows keyctl, since podman makes a session keyring for each container; as a user may have only 200 keys we do not, and
 * forbid it as Docker's profile does.
 */
function withoutKeyctl(filter: SpecSeccomp): SpecSeccomp {
  const syscalls = (filter.syscalls ?? []).map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => name !== 'keyctl'),
  }));
  return { ...filter, syscalls: syscalls.filter(({ names }) => names.length > 0) };
}

function ownProfile(request: SeccompRequest, decide: Decide): SpecSeccomp {
  decide("Docker's default rules", 'the host ships no default profile');
  return resolveSeccompProfile(defaultSeccompProfile(), request);
}

function readProfile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new RrunError('CONFIG_INVALID', `cannot read seccomp profile "${file}": ${code}`, { cause: error });
  }
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

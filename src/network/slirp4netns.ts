// Public wrapper of slirp4netns, exported as "rrun/slirp4netns": options, start, readiness, API, end.
// A launch does not use the class: there the C program starts slirp4netns from the arguments that are made here.

import type { Readable, Writable } from 'node:stream';
import { RrunError } from '../errors.js';
import { findProgram } from '../idmap/programs.js';
import { spawn, type ChildProcess } from '../util/spawn.js';
import { Slirp4netnsApi } from './slirp4netns-api.js';
import { slirp4netnsArgs, type Slirp4netnsOptions } from './slirp4netns-args.js';

export { Slirp4netnsApi, type HostForward, type HostForwardEntry } from './slirp4netns-api.js';
export {
  DEFAULT_CIDR,
  parseCidr,
  SLIRP4NETNS_MAX_MTU,
  slirp4netnsArgs,
  type Slirp4netnsFeature,
  type Slirp4netnsNetwork,
  type Slirp4netnsOptions,
  type Slirp4netnsTarget,
} from './slirp4netns-args.js';
export {
  loadSlirp4netnsFeatures,
  loadSlirp4netnsVersion,
  parseSlirp4netnsFeatures,
  parseSlirp4netnsVersion,
  type Slirp4netnsVersion,
} from './slirp4netns-program.js';

export interface Slirp4netnsStart extends Omit<Slirp4netnsOptions, 'readyFd' | 'exitFd' | 'configure'> {
  /** Absolute path; default: found in PATH. */
  program?: string;
  /** How long it may take until the interface is there; default 10 s. */
  readyTimeoutMs?: number;
}

const READY_FD = 3;
const EXIT_FD = 4;
/** What is kept of its messages, to be quoted in an error. */
const MAX_MESSAGE_BYTES = 16 * 1024;

/** A running slirp4netns. It ends when stop() is called, and with this process. */
export class Slirp4netns {
  /** Present where `apiSocket` was given. */
  readonly api: Slirp4netnsApi | undefined;
  /** Settles when it has ended, with the exit code or the signal's name. */
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly #child: ChildProcess;
  readonly #messages: () => string;

  private constructor(
    child: ChildProcess,
    exited: Promise<number | NodeJS.Signals>,
    messages: () => string,
    apiSocket: string | undefined,
  ) {
    this.#child = child;
    this.#messages = messages;
    this.exited = exited;
    this.api = apiSocket === undefined ? undefined : new Slirp4netnsApi(apiSocket);
  }

  /** Starts it and returns when the interface is configured. */
  static async start(options: Slirp4netnsStart): Promise<Slirp4netns> {
    const { program, readyTimeoutMs, ...rest } = options;
    const args = slirp4netnsArgs({ ...rest, configure: true, readyFd: READY_FD, exitFd: EXIT_FD });
    const path = program ?? findProgram('slirp4netns');
    if (path === undefined) {
      throw new RrunError('PROGRAM_MISSING', 'cannot start slirp4netns: not found in PATH', {
        hint: 'install the package slirp4netns',
      });
    }
    const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
    const messages = collect(child.stderr as Readable);
    const exited = new Promise<number | NodeJS.Signals>((resolve) => {
      child.once('close', (code, signal) => {
        resolve(code ?? signal ?? 1);
      });
    });
    // Its end of the pair may be closed any time; an EPIPE here tells nothing that `exited` does not.
    (child.stdio[EXIT_FD] as Writable).on('error', () => undefined);
    const slirp = new Slirp4netns(child, exited, messages, options.apiSocket);
    await slirp.#untilReady(path, readyTimeoutMs ?? 10_000);
    return slirp;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Lets it end and waits; the kernel takes some 15–50 ms to take the interface away. */
  async stop(): Promise<void> {
    (this.#child.stdio[EXIT_FD] as Writable).destroy();
    this.#child.kill('SIGTERM');
    await this.exited;
  }

  async #untilReady(path: string, timeoutMs: number): Promise<void> {
    const ready = this.#child.stdio[READY_FD] as Readable;
    const reason = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => {
        resolve(`the interface was not ready within ${timeoutMs} ms`);
      }, timeoutMs);
      const settle = (answer: string | undefined): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      ready.once('data', () => {
        settle(undefined);
      });
      this.#child.once('error', (error: NodeJS.ErrnoException) => {
        settle(error.code ?? error.message);
      });
      void this.exited.then((status) => {
        settle(describeEnd(status, this.#messages()));
      });
    });
    ready.destroy();
    if (reason === undefined) return;
    this.#child.kill('SIGKILL');
    throw new RrunError('NETWORK_FAILED', `cannot start "${path}": ${reason}`);
  }
}

function describeEnd(status: number | NodeJS.Signals, messages: string): string {
  const lines = messages
    .split('\n')
    .filter((line) => line !== '' && !/^(WARNING: Support|sent tapfd|received tapfd)/.test(line));
  return [`it ended with ${status}`, ...lines.slice(-3)].join(': ');
}

function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-MAX_MESSAGE_BYTES);
  });
  return () => text;
}

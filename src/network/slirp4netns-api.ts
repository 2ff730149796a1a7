// Client of the API socket of slirp4netns: forwards from the host into the namespace, while it runs.

import { connect } from 'node:net';
import { RrunError } from '../errors.js';

export interface HostForward {
  proto: 'tcp' | 'udp';
  /** Address on the host to listen on; default 0.0.0.0. */
  hostAddress?: string;
  hostPort: number;
  /** Address inside; default: the one that --configure gives. */
  guestAddress?: string;
  guestPort: number;
}

export interface HostForwardEntry extends Required<HostForward> {
  id: number;
}

/** Its answers are short; more than this is no answer. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * One request a connection, ended by closing our side, as slirp4netns reads until then.
 * A restarted slirp4netns knows no forwards: keep the list and add them again.
 */
export class Slirp4netnsApi {
  readonly socketPath: string;
  readonly timeoutMs: number;

  constructor(socketPath: string, options: { timeoutMs?: number } = {}) {
    this.socketPath = socketPath;
    this.timeoutMs = options.timeoutMs ?? 5000;
  }

  /**
   * Starts forwarding and gives the id to remove it by. slirp4netns has one message for all that can go wrong
   * (port taken, port below 1024, listed already): test the port to name the cause.
   */
  async addHostForward(forward: HostForward): Promise<number> {
    const answer = await this.request('add_hostfwd', {
      proto: forward.proto,
      ...(forward.hostAddress === undefined ? {} : { host_addr: forward.hostAddress }),
      host_port: forward.hostPort,
      ...(forward.guestAddress === undefined ? {} : { guest_addr: forward.guestAddress }),
      guest_port: forward.guestPort,
    });
    const { id } = answer as { id?: unknown };
    if (typeof id !== 'number') throw this.failure('add_hostfwd', 'the answer has no id');
    return id;
  }

  async listHostForwards(): Promise<HostForwardEntry[]> {
    const { entries } = (await this.request('list_hostfwd')) as { entries?: unknown };
    if (!Array.isArray(entries)) throw this.failure('list_hostfwd', 'the answer has no entries');
    return entries.map((entry) => this.parseEntry(entry));
  }

  async removeHostForward(id: number): Promise<void> {
    await this.request('remove_hostfwd', { id });
  }

  /**
   * Sends any request; returns what stands under "return", or the whole answer (list_hostfwd has "entries" at the top,
   * against slirp4netns(1)); throws on "error".
   */
  async request(execute: string, args?: Record<string, unknown>): Promise<unknown> {
    const text = await this.exchange(
      execute,
      JSON.stringify(args === undefined ? { execute } : { execute, arguments: args }),
    );
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (cause) {
      throw this.failure(execute, 'the answer is not JSON', cause);
    }
    const { error, return: result } = (answer ?? {}) as { error?: { desc?: unknown }; return?: unknown };
    if (error !== undefined) throw this.failure(execute, String(error.desc ?? 'no description'));
    return result ?? answer ?? {};
  }

  private exchange(execute: string, request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      // Half-open: our end() must not close the side that the answer comes from.
      const socket = connect({ path: this.socketPath, allowHalfOpen: true });
      const chunks: Buffer[] = [];
      let size = 0;
      const fail = (reason: string, cause?: unknown): void => {
        reject(this.failure(execute, reason, cause));
        socket.destroy();
      };
      socket.setTimeout(this.timeoutMs, () => {
        fail(`no answer within ${this.timeoutMs} ms`);
      });
      socket.on('error', (cause: NodeJS.ErrnoException) => {
        fail(cause.code ?? cause.message, cause);
      });
      socket.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) fail('the answer is too long');
        else chunks.push(chunk);
      });
      socket.on('end', () => {
        resolve(Buffer.concat(chunks).toString('utf8'));
        socket.destroy();
      });
      socket.end(request);
    });
  }

  private parseEntry(value: unknown): HostForwardEntry {
    const entry = (value ?? {}) as Record<string, unknown>;
    const {
      id,
      proto,
      host_addr: hostAddress,
      host_port: hostPort,
      guest_addr: guestAddress,
      guest_port: guestPort,
    } = entry;
    if (
      typeof id !== 'number' ||
      (proto !== 'tcp' && proto !== 'udp') ||
      typeof hostAddress !== 'string' ||
      typeof hostPort !== 'number' ||
      typeof guestAddress !== 'string' ||
      typeof guestPort !== 'number'
    ) {
      throw this.failure('list_hostfwd', 'an entry is not of the documented form');
    }
    return { id, proto, hostAddress, hostPort, guestAddress, guestPort };
  }

  private failure(execute: string, reason: string, cause?: unknown): RrunError {
    return new RrunError('NETWORK_FAILED', `cannot ask slirp4netns at "${this.socketPath}" for ${execute}: ${reason}`, {
      cause,
    });
  }
}

// Runs the built program in a home of its own (data, run and configuration directories), and cleans that up with a check.

import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

import { leaks } from './leaks.js';
import { rrunProgram } from './paths.js';

export interface RunResult {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string | Buffer;
  env?: Record<string, string | undefined>;
  cwd?: string;
  timeoutMs?: number;
  stdio?: SpawnOptions['stdio'];
}

/** A user's home with its store, reachable registries and run directory. */
export class Home {
  readonly dir: string;
  readonly env: Record<string, string>;
  readonly #closers: (() => void | Promise<void>)[] = [];

  constructor(dir: string) {
    this.dir = dir;
    // Root's containers run with subordinate ids, which must be able to pass on the way to their layers.
    const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
    chmodSync(dir, mode);
    for (const name of ['h', 'c', 'd']) mkdirSync(path.join(dir, name), { mode, recursive: true });
    mkdirSync(path.join(dir, 'r'), { mode: 0o700, recursive: true });
    this.env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      USER: userInfo().username,
      LANG: 'C.UTF-8',
      HOME: path.join(dir, 'h'),
      XDG_RUNTIME_DIR: path.join(dir, 'r'),
      XDG_CONFIG_HOME: path.join(dir, 'c'),
      XDG_DATA_HOME: path.join(dir, 'd'),
      TMPDIR: process.env['TMPDIR'] ?? '/tmp',
    };
  }

  /** The store: what the contract of the commands calls the data root. */
  get store(): string {
    return path.join(this.dir, 'd/rrun');
  }

  get runRoot(): string {
    return path.join(this.dir, 'r/rrun');
  }

  /** docker.io is the registry at `address` ("127.0.0.1:5000"). */
  useRegistry(address: string): void {
    const folder = path.join(this.dir, 'c/containers');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      path.join(folder, 'registries.conf'),
      `unqualified-search-registries = ["docker.io"]\n[[registry]]\nprefix = "docker.io"\nlocation = "${address}"\ninsecure = true\n`,
    );
  }

  /** Starts `rrun ARGS…`; the caller waits. */
  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    return spawn(rrunProgram, args, {
      env: mergeEnv(this.env, options.env),
      cwd: options.cwd ?? this.dir,
      stdio: options.stdio ?? ['pipe', 'pipe', 'pipe'],
    });
  }

  /** Runs `rrun ARGS…` to its end. A run that does not end in time is a failure that says what it printed. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const child = this.start(args, options);
    const timeoutMs = options.timeoutMs ?? 60_000;
    child.stdin?.on('error', () => {}); // a command may end before it has read everything
    child.stdin?.end(options.input ?? '');
    const result = await finish(child, timeoutMs);
    if (result === undefined) throw new Error(`rrun ${args.join(' ')}: not finished after ${timeoutMs} ms`);
    return result;
  }

  /** As `run`, but must succeed; returns stdout without the last newline. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    if (result.status !== 0) throw new Error(describe(args, result));
    return result.stdout.replace(/\n$/, '');
  }

  /** Has something of the test's own ended before the look for what was left behind (hooks of node:test run in order). */
  beforeCheck(close: () => void | Promise<void>): void {
    this.#closers.unshift(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
  }

  /** Ids of all containers, short. */
  async containers(): Promise<string[]> {
    return (await this.ok(['ps', '-aq'])).split('\n').filter((line) => line !== '');
  }

  /** Names under store/tmp: what an unfinished command has left. */
  temporaries(): string[] {
    try {
      return readdirSync(path.join(this.store, 'tmp'));
    } catch {
      return [];
    }
  }

  /** Removes everything. Layers belong to subordinate ids: only their own user namespace can remove them. */
  remove(): void {
    const remover = [
      '--map-auto',
      '--map-root-user',
      'rm',
      '-rf',
      '--',
      ...['d', 'r', 'h', 'c'].map((name) => path.join(this.dir, name)),
    ];
    if (process.getuid?.() !== 0) spawnSync('unshare', remover, { stdio: 'ignore' });
    chmodSync(this.dir, 0o700);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Makes a home that the end of the test removes, after a look for what was left behind: processes, mounts, half-made things. */
export function openHome(context: Pick<TestContext, 'after'>): Home {
  const home = new Home(mkdtempSync(path.join(tmpdir(), 'h-')));
  context.after(async () => {
    await home.close();
    const left = await leaks(home);
    home.remove();
    if (left.length > 0) throw new Error(`left behind:\n${left.join('\n')}`);
  });
  return home;
}

/** What the run was and said, for the message of a failed assertion. */
export function describe(args: readonly string[], result: RunResult): string {
  const { status, signal, stdout, stderr } = result;
  return `rrun ${args.join(' ')}\nstatus ${status ?? signal ?? '?'}\nstdout: ${stdout}\nstderr: ${stderr}`;
}

/** Waits for a child and gathers its output; undefined when it had to be killed after `timeoutMs`. */
export async function finish(child: ChildProcess, timeoutMs = 60_000): Promise<RunResult | undefined> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, timeoutMs);
  try {
    const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, name) => {
        resolve([code, name]);
      });
    });
    if (late) return undefined;
    return { status, signal, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') };
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `condition` gives a value; polls, since what is waited for is another program's doing. */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Reads a file that may not be there. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function mergeEnv(base: Record<string, string>, more: Record<string, string | undefined> = {}): Record<string, string> {
  const merged = { ...base, ...more };
  return Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Pulls quietly, and gives the id of the image that its name then means. */
export async function pullForId(home: Home, words: readonly string[], options: RunOptions = {}): Promise<string> {
  const name = await home.ok(['pull', '-q', ...words], options);
  return await home.ok(['inspect', '--type', 'image', '-f', '{{.Id}}', name]);
}

// A real terminal: a tmux server of the test's own, keys typed into it and the screen read back.

import { execFileSync } from 'node:child_process';
import path from 'node:path';

import { waitFor, type Home } from './run-rrun.js';

export class Terminal {
  readonly #socket: string;
  readonly #env: Record<string, string>;

  constructor(socket: string, env: Record<string, string>) {
    this.#socket = socket;
    this.#env = env;
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '30', 'env PS1="host> " sh');
  }

  /** Types text and Enter. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.#tmux('send-keys', 'Enter');
  }

  /** Presses a key by tmux's name for it ("C-c", "Up"). */
  press(key: string): void {
    this.#tmux('send-keys', key);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The modes of the terminal, as stty prints them. */
  modes(): string {
    const device = this.#tmux('display-message', '-p', '#{pane_tty}').trim();
    return execFileSync('stty', ['-a', '-F', device], { encoding: 'utf8' });
  }

  /** The screen as text, without empty lines at the end. */
  screen(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-1000').trimEnd();
  }

  /** Waits until the screen matches; the failure shows the screen. */
  async expect(pattern: RegExp, timeoutMs = 30_000): Promise<string> {
    try {
      return await waitFor(String(pattern), () => (pattern.test(this.screen()) ? this.screen() : undefined), timeoutMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}\nscreen:\n${this.screen()}`, { cause: error });
    }
  }

  close(): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // its shell has ended, and the server with it
    }
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], {
      encoding: 'utf8',
      env: { ...this.#env, TERM: 'xterm-256color' },
    });
  }
}

/** Opens a terminal of 100 by 30 with a shell that has the home's environment. */
export function openTerminal(home: Home): Terminal {
  const terminal = new Terminal(path.join(home.dir, 'tmux'), home.env);
  home.beforeCheck(() => {
    terminal.close();
  });
  return terminal;
}

// Shows a pull: on a terminal the layers that are moving in a few lines that are drawn again, elsewhere one plain line for each
// thing that happened.

import type { OnProgress, ProgressEvent } from '../image/progress.js';
import { ellipsis, humanSize } from '../util/units.js';
import type { Output } from './command.js';

const REDRAW_MS = 80;
const BAR_WIDTH = 24;
const DEFAULT_COLUMNS = 80;
/** Docker's words. */
const STATES = {
  waiting: 'Waiting',
  downloading: 'Downloading',
  unpacking: 'Extracting',
  done: 'Pull complete',
  exists: 'Already exists',
} as const;

export interface PullProgress {
  onProgress: OnProgress;
  /** Takes the moving lines away; to be called however the pull ends. */
  end(): void;
}

type LayerEvent = Extract<ProgressEvent, { kind: 'layer' }>;

export function createPullProgress(output: Output, env: Env): PullProgress {
  return output.isTTY && canMove(env) ? new TerminalProgress(output) : new PlainProgress(output);
}

type Env = Readonly<Record<string, string | undefined>>;

/** Whether the cursor can go up: not in an editor's shell window, not where nothing says what the terminal is. */
function canMove({ TERM }: Env): boolean {
  return TERM !== undefined && TERM !== '' && TERM !== 'dumb';
}

/** For commands that pull on the way to something else; the moving lines go when the pull is done. */
export function makeProgress(output: Output, env: Env): OnProgress {
  let progress: PullProgress | undefined;
  return (event) => {
    progress ??= createPullProgress(output, env);
    progress.onProgress(event);
  };
}

/** Lines that stay, the same on a terminal and in a file; undefined for what only moves. */
function permanentLine(event: ProgressEvent): string | undefined {
  switch (event.kind) {
    case 'missing':
      return `Unable to find image '${event.reference}' locally`;
    case 'pulling':
      return `${event.tag}: Pulling from ${event.path}`;
    case 'skipped':
      return `${event.host}: ${event.why}`;
    case 'layer':
      return event.state === 'done' || event.state === 'exists' ? `${event.layer}: ${STATES[event.state]}` : undefined;
    case 'done':
      return `Digest: ${event.digest}\nStatus: ${event.isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${event.reference}`;
    case 'resolve':
      return undefined;
  }
}

class PlainProgress implements PullProgress {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  onProgress = (event: ProgressEvent): void => {
    const line = permanentLine(event);
    if (line !== undefined) this.#output.write(`${line}\n`);
  };

  end(): void {
    // Nothing moves here.
  }
}

class TerminalProgress implements PullProgress {
  readonly #output: Output;
  readonly #moving = new Map<string, LayerEvent>();
  #waiting = new Set<string>();
  #resolving: string | undefined;
  #drawnLines = 0;
  #drawnAt = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  onProgress = (event: ProgressEvent): void => {
    this.#resolving = event.kind === 'resolve' ? `${event.reference}: Asking ${event.host}` : undefined;
    if (event.kind === 'layer') this.#follow(event);
    const line = permanentLine(event);
    const isDue = Date.now() - this.#drawnAt >= REDRAW_MS;
    if (line !== undefined || isDue || event.kind !== 'layer') this.#draw(line);
  };

  end(): void {
    this.#moving.clear();
    this.#waiting.clear();
    this.#resolving = undefined;
    this.#draw(undefined);
  }

  #follow(event: LayerEvent): void {
    this.#waiting.delete(event.layer);
    this.#moving.delete(event.layer);
    if (event.state === 'waiting') this.#waiting.add(event.layer);
    else if (event.state === 'downloading' || event.state === 'unpacking') this.#moving.set(event.layer, event);
  }

  #draw(permanent: string | undefined): void {
    const width = (this.#output.columns ?? DEFAULT_COLUMNS) - 1;
    const lines = [...this.#moving.values()]
      .sort((a, b) => (a.layer < b.layer ? -1 : 1))
      .map((event) => movingLine(event, width));
    if (this.#resolving !== undefined) lines.push(this.#resolving);
    if (this.#waiting.size > 0)
      lines.push(`${this.#waiting.size} more ${this.#waiting.size === 1 ? 'layer' : 'layers'} waiting`);
    const shown = lines.map((line) => `${ellipsis(line, width)}\n`).join('');
    const erase = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A\x1b[J` : '';
    this.#output.write(`${erase}${permanent === undefined ? '' : `${permanent}\n`}${shown}`);
    this.#drawnLines = lines.length;
    this.#drawnAt = Date.now();
  }
}

/** As much as there is room for; how far it is comes before what it is. */
function movingLine({ layer, state, doneBytes, totalBytes }: LayerEvent, width: number): string {
  const words = `${layer}: ${STATES[state].padEnd(STATES.downloading.length)}`;
  if (state !== 'downloading' || doneBytes === undefined || totalBytes === undefined || totalBytes === 0) return words;
  const filled = Math.min(BAR_WIDTH, Math.floor((doneBytes / totalBytes) * BAR_WIDTH));
  const bar = `${'='.repeat(filled)}>`.slice(0, BAR_WIDTH).padEnd(BAR_WIDTH);
  const sizes = `${humanSize(doneBytes)}/${humanSize(totalBytes)}`;
  const percent = `${Math.floor((doneBytes / totalBytes) * 100)}%`;
  const forms = [`${words}  [${bar}]  ${sizes}`, `${layer}: ${sizes}`, `${layer}: ${percent}`];
  return forms.find((form) => form.length <= width) ?? `${percent} ${layer}`;
}

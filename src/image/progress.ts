// What a pull tells while it runs. Showing it is up to cli/.

export type LayerState = 'waiting' | 'downloading' | 'unpacking' | 'done' | 'exists';

export type ProgressEvent =
  /** The manifest of `reference` is being asked for. */
  | { kind: 'resolve'; reference: string; host: string }
  /** The image is known; its layers follow. */
  | { kind: 'pulling'; reference: string; layers: readonly string[] }
  | { kind: 'layer'; layer: string; state: LayerState; doneBytes?: number; totalBytes?: number }
  /** A place that did not have it; another one is asked next. */
  | { kind: 'skipped'; host: string; why: string }
  | { kind: 'done'; reference: string; canonical: string; digest: string; isNew: boolean };

export type OnProgress = (event: ProgressEvent) => void;

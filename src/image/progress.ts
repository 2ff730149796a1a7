// What a pull tells while it runs. Showing it is up to cli/.

export type LayerState = 'waiting' | 'downloading' | 'unpacking' | 'done' | 'exists';

export type ProgressEvent =
  /** It is not in the store, and will be pulled. */
  | { kind: 'missing'; reference: string }
  /** The manifest of `reference` is being asked for. */
  | { kind: 'resolve'; reference: string; host: string }
  /** The image is known, by the path of its repository in the registry and its tag or digest; its layers follow. */
  | { kind: 'pulling'; path: string; tag: string; layers: readonly string[] }
  | { kind: 'layer'; layer: string; state: LayerState; doneBytes?: number; totalBytes?: number }
  /** A place that did not have it; another one is asked next. */
  | { kind: 'skipped'; host: string; why: string }
  | { kind: 'done'; reference: string; canonical: string; digest: string; isNew: boolean };

export type OnProgress = (event: ProgressEvent) => void;

// What passes between copy.ts and its child inside the container's root: the request as an argument, lines of JSON back on RESULT_FD, the
// tar on standard input or output.

import type { ErrorCode } from '../errors.js';
import type { CopySource } from './copy-target.js';

/** Internal command of the bundle that runs the child. */
export const COPY_COMMAND = '@copy';
export const RESULT_FD = 3;
/** Root directory of a running container, opened outside. */
export const ROOT_FD = 4;

export type CopyRequest = {
  /** The directory that becomes the root; '' for the one on ROOT_FD. */
  root: string;
  /** Absolute in the container; a final slash counts. As a byte string. */
  path: string;
  /** As typed, for messages. */
  typed: string;
} & (
  | { direction: 'out'; followLink: boolean; rootName: string }
  | {
      direction: 'in';
      /** 'archive': members keep their names. */
      source: CopySource | 'archive';
      /** Keep owners, else all is root's. */
      keepOwner: boolean;
      rootName: string;
    }
);

/** First line: `out`: what the source is; `in`: ready for the tar. Last line: how it went. */
export type CopyAnswer =
  | { state: 'ready'; isDirectory: boolean }
  | { state: 'done'; bytes: number; skipped: number }
  | { state: 'failed'; code: ErrorCode; message: string; hint?: string };

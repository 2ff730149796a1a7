// What passes between unpackLayer() and its child: the request as an argument, one line of JSON back on RESULT_FD.

import type { ErrorCode } from '../errors.js';
import type { IdMapping } from '../util/id-mapping.js';
import type { LayerFacts } from './layer-writer.js';

/** Internal command of the bundle that runs the child. */
export const UNPACK_COMMAND = '@unpack';
export const RESULT_FD = 3;

export interface UnpackRequest {
  /** Empty directory that becomes the root directory of the child. */
  root: string;
  kind: 'ranges' | 'single';
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
}

export type UnpackAnswer =
  { ok: true; diffId: string; facts: LayerFacts } | { ok: false; code: ErrorCode; message: string; hint?: string };

// Sentences about layers that cannot be applied. A member's name is shown with what a terminal would act on escaped.

import { RrunError, type RrunErrorOptions } from '../errors.js';

/** The archive is not what the formats allow. */
export function layerInvalid(what: string, options?: RrunErrorOptions): RrunError {
  return new RrunError('LAYER_INVALID', `cannot read layer: ${what}`, options);
}

/** A member that the formats do not allow. `path` holds bytes, one a character. */
export function memberInvalid(path: string, what: string, options?: RrunErrorOptions): RrunError {
  return new RrunError('LAYER_INVALID', `cannot apply layer member ${quoteName(path)}: ${what}`, options);
}

/** A member that would reach out of the layer. */
export function memberUnsafe(path: string, what: string): RrunError {
  return new RrunError('LAYER_UNSAFE', `cannot apply layer member ${quoteName(path)}: ${what}`);
}

/** For STORE_FULL. */
export const FULL_HINT = 'free space there, remove images with "rrun rmi", or choose another place with --root';

const LONGEST_SHOWN = 200;

/** The name in quotes, as text where its bytes are UTF-8, without control characters, cut where it is long. */
export function quoteName(path: string): string {
  const cut = path.length > LONGEST_SHOWN ? `${path.slice(0, LONGEST_SHOWN)}…` : path;
  const text = path.length > LONGEST_SHOWN ? cut : Buffer.from(cut, 'latin1').toString('utf8');
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escapeUnicode);
}

function escapeUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

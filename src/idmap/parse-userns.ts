// The grammar of --userns, as podman and Docker write it.

import { RrunError } from '../errors.js';
import { MAX_ID } from './ranges.js';

export type UsernsMode = 'default' | 'keep-id' | 'nomap' | 'single';

export interface UsernsOption {
  mode: UsernsMode;
  /** keep-id: what the caller is inside; default: the caller's own ids. */
  uid?: number;
  gid?: number;
  /** keep-id: how many ids the container has in all. */
  size?: number;
  /** What was typed, where it is taken as the default. */
  takenAsDefault?: string;
}

const WANT = 'want "default", "keep-id[:uid=N,gid=N,size=N]", "nomap" or "single"';

/** Words of others that mean, without root, what rrun does anyway. */
const DEFAULT_WORDS = new Set(['', 'default', 'host', 'private']);

export function parseUserns(text: string | undefined): UsernsOption {
  if (text === undefined || DEFAULT_WORDS.has(text)) {
    return {
      mode: 'default',
      ...(text !== undefined && text !== '' && text !== 'default' ? { takenAsDefault: text } : {}),
    };
  }
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  const options = colon === -1 ? undefined : text.slice(colon + 1);
  if (word === 'keep-id') return { mode: 'keep-id', ...parseKeepId(options ?? '') };
  if (word === 'auto') {
    // It promises ids that no other container has: to take it for the default would be less than that.
    throw new RrunError('USAGE', `cannot use --userns=${text}: ids of its own for each container are not supported`, {
      hint: 'use --userns=nomap for a container without the ids of the caller',
    });
  }
  if (word === 'nomap' || word === 'single') {
    if (options !== undefined) throw new RrunError('USAGE', `cannot use --userns=${text}: "${word}" takes no options`);
    return { mode: word };
  }
  if (word === 'container' || word === 'ns') {
    throw new RrunError('USAGE', `cannot use --userns=${text}: joining a user namespace is not supported yet`, {
      hint: 'leave --userns out: the container gets a user namespace of its own',
    });
  }
  throw new RrunError('USAGE', `cannot use --userns=${text}: ${WANT}`);
}

function parseKeepId(options: string): { uid?: number; gid?: number; size?: number } {
  const result: { uid?: number; gid?: number; size?: number } = {};
  for (const option of options.split(',').filter((part) => part !== '')) {
    const [key, value = ''] = option.split('=', 2);
    if (key !== 'uid' && key !== 'gid' && key !== 'size') {
      throw new RrunError(
        'USAGE',
        `cannot use --userns=keep-id: unknown option "${option}", want uid=N, gid=N or size=N`,
      );
    }
    if (!/^\d{1,10}$/.test(value) || Number(value) > MAX_ID || (key === 'size' && Number(value) === 0)) {
      throw new RrunError('USAGE', `cannot use --userns=keep-id: "${option}" is not a number of an id`);
    }
    result[key] = Number(value);
  }
  return result;
}

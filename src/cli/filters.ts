// --filter KEY=VALUE of ps, images and others: values of one key are alternatives, keys add up; labels add up too.

import { RrunError } from '../errors.js';
import { alternatives, closestWord, quote } from '../util/text.js';

/** Values by key, in order. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** Parses the words of --filter; `known` are the keys that `called` ("rrun ps") has. */
export function parseFilters(words: readonly string[], known: readonly string[], called: string): Filters {
  const filters = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at === -1) throw new RrunError('USAGE', `cannot filter by ${quote(word)}: want KEY=VALUE`);
    const key = word.slice(0, at).trim().toLowerCase();
    if (!known.includes(key)) {
      const close = closestWord(key, known);
      throw new RrunError('USAGE', `cannot filter by ${quote(word)}: "${called}" has no filter ${quote(key)}`, {
        hint:
          close === undefined
            ? `the filters are ${alternatives(known).replace(/ or /, ' and ')}`
            : `did you mean "${close}"?`,
      });
    }
    filters.set(key, [...(filters.get(key) ?? []), word.slice(at + 1).trim()]);
  }
  return filters;
}

/** Whether the key is not filtered by, or one of its values fits. */
export function matchesAny(filters: Filters, key: string, fits: (value: string) => boolean): boolean {
  const values = filters.get(key);
  return values === undefined || values.some(fits);
}

/** label=KEY and label=KEY=VALUE, all of which must hold. */
export function matchesLabels(filters: Filters, labels: Readonly<Record<string, string>>, key = 'label'): boolean {
  return (filters.get(key) ?? []).every((wanted) => {
    const at = wanted.indexOf('=');
    const name = at === -1 ? wanted : wanted.slice(0, at);
    return Object.hasOwn(labels, name) && (at === -1 || labels[name] === wanted.slice(at + 1));
  });
}

/** A filter that is true or false, as dangling=; undefined where it was not given. */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key);
  if (values === undefined) return undefined;
  const parsed = values.map((value) => parseBoolean(value));
  const bad = values.find((_, at) => parsed[at] === undefined);
  if (bad !== undefined) throw new RrunError('USAGE', `cannot filter by ${quote(`${key}=${bad}`)}: want true or false`);
  return parsed[parsed.length - 1];
}

function parseBoolean(text: string): boolean | undefined {
  if (['1', 't', 'true'].includes(text.toLowerCase())) return true;
  return ['0', 'f', 'false'].includes(text.toLowerCase()) ? false : undefined;
}

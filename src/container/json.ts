// What the documents of `inspect` are made of.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Record<string, Json>;

/** Go's zero time. */
export const NEVER = '0001-01-01T00:00:00Z';

/** A map of Go, as against a struct: templates get "no value" for a key that it does not have, instead of failing. */
export function goMap<T extends Json>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, record);
}

// The words of --detach-keys: "ctrl-p,ctrl-q", "ctrl-@", "a,b" (moby/term, ascii.go).

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** The bytes that detach when they are typed one after the other, none for ""; undefined: a word is no key. */
export function parseDetachKeys(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes = text.split(',').map(parseKey);
  return bytes.every((byte) => byte !== undefined) ? bytes : undefined;
}

function parseKey(key: string): number | undefined {
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
  const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  // ASCII: "@" is NUL, "a" is 1, … "_" is 31.
  return control === undefined ? undefined : control.toUpperCase().charCodeAt(0) - 64;
}

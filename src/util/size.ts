// Sizes as Docker's options take them: "64m", "1.5g", "1024", "2GiB"; powers of 1024.

const UNITS = 'bkmgtp';

/** Bytes, or undefined if the text is no size. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?b?|b)?$/i.exec(text.trim());
  if (found === null) return undefined;
  const power = found[2] === undefined ? 0 : UNITS.indexOf(found[2].toLowerCase());
  const bytes = Math.floor(Number(found[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

// Words for people: distance between words, quoting, lists. Pure functions.

/** Longest word that is compared; what is longer is no typing slip. */
const MAX_COMPARED = 64;

/** Number of inserted, removed, changed or swapped neighbouring letters that turn `a` into `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (previous[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (previous[column - 1] as number) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforePrevious[column - 2] as number) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] as number;
}

/** The candidate that `word` was probably meant to be: at most one slip in three letters, never more than two. */
export function closestWord(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length < 2 || word.length > MAX_COMPARED) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(2, Math.max(1, Math.floor(word.length / 3))) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `a`, `a or b`, `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? '';
  return `${words.slice(0, -1).join(', ')} or ${words[words.length - 1] as string}`;
}

/** In double quotes as messages show what was typed; control characters become visible, the rest stays as it is. */
export function quote(text: string): string {
  return /[\u0000-\u001f\u007f"\\]/.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** "1 container", "2 containers". */
export function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A word as a shell would have to be given it, for command lines in hints. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

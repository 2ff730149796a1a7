// WWW-Authenticate as registries send it (RFC 9110 section 11.6.1; distribution-spec token authentication).

export interface Challenge {
  /** Lower case: "bearer", "basic". */
  scheme: string;
  parameters: Record<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SEPARATOR = /[ \t]*,?[ \t]*/y;
const MAX_HEADER = 8192;

/** Reads one or several challenges; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  if (header.length > MAX_HEADER) return challenges;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };

  while (at < header.length) {
    take(SEPARATOR);
    const word = take(TOKEN);
    if (word === null) break;
    if (header[at] !== '=' || challenges.length === 0) {
      challenges.push({ scheme: word[0].toLowerCase(), parameters: {} });
      continue;
    }
    at += 1;
    const quoted = take(QUOTED);
    const value = quoted !== null ? (quoted[1] ?? '').replace(/\\(.)/g, '$1') : (take(TOKEN)?.[0] ?? '');
    const current = challenges.at(-1);
    if (current !== undefined) current.parameters[word[0].toLowerCase()] = value;
  }
  return challenges;
}

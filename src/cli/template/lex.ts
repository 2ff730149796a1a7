// Words of a Go template (text/template/parse, lex.go): text, and what stands between {{ and }}.

import { TemplateError } from './error.js';

export type TokenKind =
  | 'text'
  | 'open' // {{
  | 'close' // }}
  | 'space'
  | 'identifier' // keywords too
  | 'field' // .Name
  | 'variable' // $name or $
  | 'dot'
  | 'string'
  | 'number'
  | 'declare' // :=
  | 'assign' // =
  | 'pipe'
  | 'comma'
  | 'left' // (
  | 'right' // )
  | 'end';

export interface Token {
  kind: TokenKind;
  /** As written; for `string` and `text` the value. */
  text: string;
  pos: number;
}

/** Longer than any command line; what is longer is a mistake. */
const MAX_LENGTH = 256 * 1024;

const SYMBOLS: Readonly<Record<string, TokenKind>> = {
  '|': 'pipe',
  ',': 'comma',
  '(': 'left',
  ')': 'right',
  '=': 'assign',
};

export function lexTemplate(source: string): Token[] {
  if (source.length > MAX_LENGTH) throw new TemplateError(source, 0, `longer than ${String(MAX_LENGTH / 1024)} KiB`);
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    const trimThis = open !== -1 && /^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4));
    let text = source.slice(at, open === -1 ? source.length : open);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, '');
    if (trimThis) text = text.replace(/[ \t\r\n]+$/, '');
    if (text !== '') tokens.push({ kind: 'text', text, pos: at });
    if (open === -1) break;
    const inside = lexAction(source, open, trimThis, tokens);
    at = inside.end;
    trimNext = inside.trim;
  }
  tokens.push({ kind: 'end', text: '', pos: source.length });
  return tokens;
}

/** One action, or a comment; returns where the text goes on. */
function lexAction(source: string, open: number, trimmed: boolean, tokens: Token[]): { end: number; trim: boolean } {
  let at = open + 2 + (trimmed ? 1 : 0);
  const comment = /^[ \t\r\n]*\/\*/.exec(source.slice(at, at + 64));
  if (comment !== null && (trimmed || comment[0] === '/*')) return skipComment(source, at);
  tokens.push({ kind: 'open', text: '{{', pos: open });
  let parens = 0;
  for (;;) {
    if (at >= source.length) throw new TemplateError(source, open, 'unclosed action');
    const close = /^(?:[ \t\r\n]+-)?\}\}/.exec(source.slice(at, at + 256));
    if (close !== null) {
      if (parens > 0) throw new TemplateError(source, at, 'unclosed left paren');
      tokens.push({ kind: 'close', text: '}}', pos: at });
      return { end: at + close[0].length, trim: close[0].length > 2 };
    }
    const token = lexWord(source, at);
    tokens.push(token.token);
    if (token.token.kind === 'left') parens += 1;
    if (token.token.kind === 'right' && --parens < 0) throw new TemplateError(source, at, 'unexpected right paren');
    at = token.end;
  }
}

function skipComment(source: string, at: number): { end: number; trim: boolean } {
  const end = source.indexOf('*/', at);
  if (end === -1) throw new TemplateError(source, at, 'unclosed comment');
  const close = /^(?:[ \t\r\n]+-)?\}\}/.exec(source.slice(end + 2, end + 258));
  if (close === null) throw new TemplateError(source, at, 'comment ends before closing delimiter');
  return { end: end + 2 + close[0].length, trim: close[0].length > 2 };
}

function lexWord(source: string, at: number): { token: Token; end: number } {
  const char = source[at] as string;
  const make = (kind: TokenKind, length: number) => ({
    token: { kind, text: source.slice(at, at + length), pos: at },
    end: at + length,
  });
  const match = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0].length ?? 0;
  };
  if (/[ \t\r\n]/.test(char)) return make('space', match(/[ \t\r\n]+?(?=[ \t\r\n]+-\}\})|[ \t\r\n]+/y));
  if (source.startsWith(':=', at)) return make('declare', 2);
  const symbol = SYMBOLS[char];
  if (symbol !== undefined) return make(symbol, 1);
  if (char === '"' || char === '`') return lexString(source, at);
  if (char === "'") return lexChar(source, at);
  const number = match(
    /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+(?![.\d])|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?)/y,
  );
  if (number > 0) {
    const tail = match(/[+-]?[\w.]+/y);
    if (tail > number)
      throw new TemplateError(source, at, `bad number syntax: ${JSON.stringify(source.slice(at, at + tail))}`);
    return make('number', number);
  }
  if (char === '.') {
    const field = match(/\.[\p{L}_][\p{L}\p{Nd}_]*/uy);
    return field > 0 ? make('field', field) : make('dot', 1);
  }
  if (char === '$') return make('variable', match(/\$[\p{L}\p{Nd}_]*/uy));
  const identifier = match(/[\p{L}_][\p{L}\p{Nd}_]*/uy);
  if (identifier > 0) return make('identifier', identifier);
  if (/[\x21-\x7e]/.test(char)) throw new TemplateError(source, at, `unexpected ${JSON.stringify(char)} in operand`);
  const code = (source.codePointAt(at) as number).toString(16).toUpperCase().padStart(4, '0');
  throw new TemplateError(source, at, `unrecognized character in action: U+${code}`);
}

function lexString(source: string, at: number): { token: Token; end: number } {
  const pattern = source[at] === '"' ? /"((?:[^"\\\n]|\\[^\n])*)"/y : /`([^`]*)`/y;
  pattern.lastIndex = at;
  const found = pattern.exec(source);
  if (found === null)
    throw new TemplateError(
      source,
      at,
      source[at] === '"' ? 'unterminated quoted string' : 'unterminated raw quoted string',
    );
  const body = found[1] as string;
  const text = source[at] === '"' ? unquote(body, source, at) : body;
  return { token: { kind: 'string', text, pos: at }, end: at + found[0].length };
}

/** A character constant is a number: 'a' is 97. */
function lexChar(source: string, at: number): { token: Token; end: number } {
  const pattern = /'((?:[^'\\\n]|\\[^\n])*)'/y;
  pattern.lastIndex = at;
  const found = pattern.exec(source);
  if (found === null) throw new TemplateError(source, at, 'unterminated character constant');
  const text = unquote(found[1] as string, source, at);
  if ([...text].length !== 1) throw new TemplateError(source, at, `malformed character constant: ${found[0]}`);
  return { token: { kind: 'number', text: String(text.codePointAt(0)), pos: at }, end: at + found[0].length };
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', '"': '"', "'": "'" },
};

/** Go's escapes in a quoted string. */
function unquote(body: string, source: string, at: number): string {
  return body.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs, (whole, code: string) => {
    if (/^[0-7]{3}$/.test(code)) return String.fromCharCode(parseInt(code, 8));
    const point = code.length > 1 ? parseInt(code.slice(1), 16) : undefined;
    const text = point === undefined ? ESCAPES[code] : point <= 0x10ffff ? String.fromCodePoint(point) : undefined;
    if (text === undefined) throw new TemplateError(source, at, `invalid syntax in string: ${whole}`);
    return text;
  });
}

// Go template → tree. The grammar of text/template without named templates (define, template, block).

import { TemplateError } from './error.js';
import { lexTemplate } from './lex.js';
import type { Token, TokenKind } from './lex.js';

/** Where words stand in the source. `at` is where messages point to, if not to the start: Go points to the second field of a chain. */
export interface Place {
  pos: number;
  end: number;
  at?: number;
}

export type Term = Place &
  (
    | { kind: 'dot' }
    | { kind: 'nil' }
    | { kind: 'constant'; value: string | number | boolean }
    | { kind: 'field'; names: string[] }
    | { kind: 'variable'; name: string; names: string[] }
    | { kind: 'function'; name: string }
    | { kind: 'chain'; of: Term; names: string[] }
    | { kind: 'pipe'; pipe: Pipe }
  );

/** Words of one call: the first is called with the others. */
export interface Call extends Place {
  terms: Term[];
}

export interface Pipe extends Place {
  /** Names before := or =. */
  variables: string[];
  assign: boolean;
  calls: Call[];
}

export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'action'; pipe: Pipe }
  | { kind: 'if' | 'with' | 'range'; pipe: Pipe; body: Node[]; otherwise: Node[] | undefined }
  | { kind: 'break' | 'continue' };

export interface Tree {
  source: string;
  nodes: Node[];
}

/** Deeper than anybody writes; keeps a hostile template from overflowing the stack. */
const MAX_DEPTH = 100;

const KEYWORDS = new Set(['if', 'else', 'end', 'range', 'with', 'break', 'continue', 'define', 'template', 'block']);

/** Parses; `functions` are the names that may be called. */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Tree {
  return { source, nodes: new Parser(source, functions).parse() };
}

class Parser {
  readonly #source: string;
  readonly #functions: ReadonlySet<string>;
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;
  #ranges = 0;
  /** Names in scope, innermost last. */
  #variables: string[] = ['$'];

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source;
    this.#functions = functions;
    this.#tokens = lexTemplate(source);
  }

  parse(): Node[] {
    const { nodes, ended } = this.#list();
    if (ended !== 'end of text') throw this.#fail(`unexpected {{${ended}}}`);
    return nodes;
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #tryTake(kind: TokenKind): Token | undefined {
    return this.#peek().kind === kind ? this.#next() : undefined;
  }

  #skipSpace(): void {
    while (this.#tryTake('space') !== undefined);
  }

  #fail(problem: string): TemplateError {
    return new TemplateError(this.#source, this.#peek().pos, problem);
  }

  #deeper<T>(inside: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#fail(`nested more than ${String(MAX_DEPTH)} deep`);
    const result = inside();
    this.#depth -= 1;
    return result;
  }

  /** Nodes up to {{end}}, {{else …}} (whose word is taken) or the end of the text. */
  #list(): { nodes: Node[]; ended: 'end' | 'else' | 'end of text' } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === 'end') return { nodes, ended: 'end of text' };
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text });
        continue;
      }
      this.#skipSpace();
      const word = this.#peek();
      if (word.kind === 'identifier' && KEYWORDS.has(word.text)) {
        this.#next();
        if (word.text === 'end' || word.text === 'else') return { nodes, ended: word.text };
        nodes.push(this.#deeper(() => this.#keyword(word)));
      } else {
        const pipe = this.#pipe('close', 'command');
        nodes.push({ kind: 'action', pipe });
      }
    }
  }

  #keyword(word: Token): Node {
    switch (word.text) {
      case 'if':
      case 'with':
      case 'range':
        return this.#control(word.text);
      case 'break':
      case 'continue':
        this.#close();
        if (this.#ranges === 0) throw this.#fail(`{{${word.text}}} outside {{range}}`);
        return { kind: word.text };
      default:
        throw new TemplateError(this.#source, word.pos, `{{${word.text}}} is not supported`);
    }
  }

  #control(kind: 'if' | 'with' | 'range'): Node {
    const scope = this.#variables.length;
    const pipe = this.#pipe('close', kind, kind === 'range');
    if (kind === 'range') this.#ranges += 1;
    const { nodes: body, ended } = this.#list();
    if (kind === 'range') this.#ranges -= 1;
    let otherwise: Node[] | undefined;
    if (ended === 'else') otherwise = this.#otherwise(kind);
    else if (ended === 'end') this.#close();
    else throw this.#fail('unexpected EOF');
    this.#variables.length = scope;
    return { kind, pipe, body, otherwise };
  }

  /** After the word "else": "}}" and a list, or another "if" or "with", which shares the {{end}}. */
  #otherwise(kind: 'if' | 'with' | 'range'): Node[] {
    this.#skipSpace();
    const word = this.#peek();
    if (word.kind === 'identifier' && word.text === kind && kind !== 'range') {
      this.#next();
      return [this.#deeper(() => this.#control(kind))];
    }
    this.#close();
    const { nodes, ended } = this.#list();
    if (ended === 'else') throw this.#fail('expected end; found {{else}}');
    if (ended === 'end of text') throw this.#fail('unexpected EOF');
    this.#close();
    return nodes;
  }

  #close(): void {
    this.#skipSpace();
    if (this.#tryTake('close') === undefined) throw this.#unexpected(this.#peek(), 'end of action');
  }

  #unexpected(token: Token, where: string): TemplateError {
    const what = token.kind === 'end' ? 'EOF' : token.kind === 'close' ? '"}}"' : `<${token.text}>`;
    return new TemplateError(this.#source, token.pos, `unexpected ${what} in ${where}`);
  }

  #pipe(until: 'close' | 'right', where: string, range = false): Pipe {
    this.#skipSpace();
    const pos = this.#peek().pos;
    const { variables, assign } = this.#declaration(range);
    const calls: Call[] = [];
    for (;;) {
      calls.push(this.#call(until, where));
      const token = this.#next();
      if (token.kind === 'pipe') continue;
      if (token.kind !== until) throw this.#unexpected(token, where);
      if (
        calls
          .slice(1)
          .some(({ terms: [first] }) => first?.kind === 'constant' || first?.kind === 'dot' || first?.kind === 'nil')
      ) {
        throw new TemplateError(this.#source, pos, 'non executable command in pipeline stage 2');
      }
      if (!assign) this.#variables.push(...variables);
      return { variables, assign, calls, pos, end: token.pos };
    }
  }

  /** "$x :=", "$x =", and in a range "$i, $x :=". */
  #declaration(range: boolean): { variables: string[]; assign: boolean } {
    const start = this.#at;
    const variables: string[] = [];
    for (;;) {
      this.#skipSpace();
      const variable = this.#tryTake('variable');
      if (variable === undefined) break;
      variables.push(variable.text);
      this.#skipSpace();
      const sign = this.#peek().kind;
      if (sign === 'declare' || sign === 'assign') {
        this.#next();
        if (sign === 'assign') for (const name of variables) this.#checkVariable(name);
        return { variables, assign: sign === 'assign' };
      }
      if (sign !== 'comma' || !range || variables.length === 2) break;
      this.#next();
    }
    this.#at = start;
    return { variables: [], assign: false };
  }

  #checkVariable(name: string): void {
    if (!this.#variables.includes(name)) throw this.#fail(`undefined variable ${JSON.stringify(name)}`);
  }

  #call(until: 'close' | 'right', where: string): Call {
    this.#skipSpace();
    const pos = this.#peek().pos;
    const terms: Term[] = [];
    for (;;) {
      const term = this.#operand();
      if (term !== undefined) terms.push(term);
      const before = this.#peek();
      if (before.kind === 'space') {
        this.#skipSpace();
        if (term !== undefined || terms.length === 0) continue;
      }
      const token = this.#peek();
      if (token.kind === until || token.kind === 'pipe') {
        if (terms.length === 0)
          throw this.#fail(
            where === 'command' || token.kind === 'pipe' ? 'missing value for command' : `missing value for ${where}`,
          );
        return { terms, pos, end: (terms[terms.length - 1] as Term).end };
      }
      throw this.#unexpected(token, 'operand');
    }
  }

  /** A term and the fields that follow it without a blank. */
  #operand(): Term | undefined {
    const term = this.#term();
    if (term === undefined) return undefined;
    const names: string[] = [];
    const at = this.#peek().pos;
    let end = term.end;
    for (let field = this.#tryTake('field'); field !== undefined; field = this.#tryTake('field')) {
      names.push(field.text.slice(1));
      end = field.pos + field.text.length;
    }
    if (names.length === 0) return term;
    switch (term.kind) {
      case 'field':
      case 'variable':
        return { ...term, names: [...term.names, ...names], end, at };
      case 'constant':
      case 'nil':
      case 'dot':
        throw this.#fail(`unexpected . after term ${JSON.stringify(this.#source.slice(term.pos, term.end))}`);
      default:
        return { kind: 'chain', of: term, names, pos: term.pos, end, at };
    }
  }

  #term(): Term | undefined {
    const token = this.#peek();
    const { pos } = token;
    const end = this.#tokens[this.#at + 1]?.pos ?? pos;
    switch (token.kind) {
      case 'identifier':
        this.#next();
        return this.#word(token, end);
      case 'dot':
        this.#next();
        return { kind: 'dot', pos, end };
      case 'field':
        this.#next();
        return { kind: 'field', names: [token.text.slice(1)], pos, end };
      case 'variable':
        this.#checkVariable(token.text);
        this.#next();
        return { kind: 'variable', name: token.text, names: [], pos, end };
      case 'string':
        this.#next();
        return { kind: 'constant', value: token.text, pos, end };
      case 'number':
        this.#next();
        return {
          kind: 'constant',
          value: numberOf(token.text),
          pos,
          end,
        };
      case 'left': {
        this.#next();
        const pipe = this.#deeper(() => this.#pipe('right', 'parenthesized pipeline'));
        return { kind: 'pipe', pipe, pos, end: pipe.end + 1 };
      }
      default:
        return undefined;
    }
  }

  #word(token: Token, end: number): Term {
    const { text, pos } = token;
    if (text === 'true' || text === 'false') return { kind: 'constant', value: text === 'true', pos, end };
    if (text === 'nil') return { kind: 'nil', pos, end };
    if (!this.#functions.has(text))
      throw new TemplateError(this.#source, pos, `function ${JSON.stringify(text)} not defined`);
    return { kind: 'function', name: text, pos, end };
  }
}

/** Number() knows all of Go's forms but 017 and signs before 0x. */
function numberOf(text: string): number {
  const digits = text
    .replaceAll('_', '')
    .replace(/^[+-]/, '')
    .replace(/^0(?=[0-7])/, '0o');
  return text.startsWith('-') ? -Number(digits) : Number(digits);
}

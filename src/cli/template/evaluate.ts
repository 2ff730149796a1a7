// Runs a parsed template on data, as text/template's exec.go. Bounded in steps and output: formats come from anybody's scripts.

import { closestWord } from '../../util/text.js';
import { TemplateError } from './error.js';
import { FUNCTIONS, SHORT_CIRCUIT } from './functions.js';
import type { TemplateFunction } from './functions.js';
import type { Call, Node, Pipe, Place, Term, Tree } from './parse.js';
import { isMap, isObject, isTrue, print, sortedKeys, typeName } from './values.js';
import type { Value } from './values.js';

const MAX_STEPS = 2_000_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

export interface Evaluation {
  /** Functions that replace those of the same name: for headers. */
  functions?: ReadonlyMap<string, TemplateFunction>;
}

export function evaluateTemplate(tree: Tree, data: Value, evaluation: Evaluation = {}): string {
  return new Evaluator(tree.source, data, evaluation).run(tree.nodes);
}

interface Variable {
  name: string;
  value: Value;
}

type Flow = 'next' | 'break' | 'continue';

class Evaluator {
  readonly #source: string;
  readonly #functions: ReadonlyMap<string, TemplateFunction>;
  readonly #data: Value;
  readonly #variables: Variable[];
  readonly #output: string[] = [];
  #outputSize = 0;
  #steps = 0;

  constructor(source: string, data: Value, evaluation: Evaluation) {
    this.#source = source;
    this.#functions = evaluation.functions ?? new Map();
    this.#data = data;
    this.#variables = [{ name: '$', value: data }];
  }

  run(nodes: readonly Node[]): string {
    this.#walk(nodes, this.#data);
    return this.#output.join('');
  }

  #fail(place: Place, problem: string): TemplateError {
    return new TemplateError(
      this.#source,
      place.at ?? place.pos,
      problem,
      this.#source.slice(place.pos, place.end).trim(),
    );
  }

  #write(text: string): void {
    this.#outputSize += text.length;
    if (this.#outputSize > MAX_OUTPUT) throw new TemplateError(this.#source, 0, 'the output is too long', '…');
    this.#output.push(text);
  }

  #walk(nodes: readonly Node[], dot: Value): Flow {
    for (const node of nodes) {
      if (++this.#steps > MAX_STEPS) throw new TemplateError(this.#source, 0, 'it takes too many steps', '…');
      const flow = this.#node(node, dot);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  #node(node: Node, dot: Value): Flow {
    switch (node.kind) {
      case 'text':
        this.#write(node.text);
        return 'next';
      case 'action': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.#write(print(value));
        return 'next';
      }
      case 'break':
      case 'continue':
        return node.kind;
      case 'range':
        return this.#inScope(() => this.#range(node, dot));
      case 'if':
      case 'with':
        return this.#inScope(() => {
          const value = this.#pipe(node.pipe, dot);
          if (isTrue(value)) return this.#walk(node.body, node.kind === 'with' ? value : dot);
          return node.otherwise === undefined ? 'next' : this.#walk(node.otherwise, dot);
        });
    }
  }

  #inScope<T>(inside: () => T): T {
    const mark = this.#variables.length;
    const result = inside();
    this.#variables.length = mark;
    return result;
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Value): Flow {
    const { pipe } = node;
    const value = this.#pipe({ ...pipe, variables: [] }, dot);
    const items = this.#items(value, pipe);
    for (const [key, item] of items) {
      const flow = this.#inScope(() => {
        this.#bindRange(pipe, key, item);
        return this.#walk(node.body, item);
      });
      if (flow === 'break') return 'next';
    }
    return items.length === 0 && node.otherwise !== undefined ? this.#walk(node.otherwise, dot) : 'next';
  }

  #bindRange(pipe: Pipe, key: Value, item: Value): void {
    const [first, second] = pipe.variables;
    if (first === undefined) return;
    if (second === undefined) this.#bind(first, item, pipe.assign);
    else {
      this.#bind(first, key, pipe.assign);
      this.#bind(second, item, pipe.assign);
    }
  }

  #items(value: Value, pipe: Pipe): [Value, Value][] {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return value.map((item, at) => [at, item]);
    if (isMap(value)) return sortedKeys(value).map((key) => [key, value[key]]);
    if (typeof value === 'number' && Number.isInteger(value)) {
      if (value > MAX_STEPS) throw this.#fail(pipe, 'it takes too many steps');
      return Array.from({ length: Math.max(0, value) }, (_, at) => [at, at]);
    }
    throw this.#fail(pipe, `range can't iterate over ${print(value)}`);
  }

  #bind(name: string, value: Value, assign: boolean): void {
    const found = assign ? this.#variables.findLast((variable) => variable.name === name) : undefined;
    if (found === undefined) this.#variables.push({ name, value });
    else found.value = value;
  }

  #pipe(pipe: Pipe, dot: Value): Value {
    let value: Value;
    for (const [at, call] of pipe.calls.entries()) value = this.#call(call, dot, at === 0 ? undefined : { value });
    const [name] = pipe.variables;
    if (name !== undefined) this.#bind(name, value, pipe.assign);
    return value;
  }

  /** `last`: the value that a pipeline hands over as the last argument. */
  #call(call: Call, dot: Value, last: { value: Value } | undefined): Value {
    const [first, ...rest] = call.terms as [Term, ...Term[]];
    switch (first.kind) {
      case 'function':
        return this.#function(first, rest, dot, last);
      case 'field':
        return this.#fields({ value: dot, names: first.names, rest, last }, first, dot);
      case 'variable':
        return this.#fields({ value: this.#variable(first.name), names: first.names, rest, last }, first, dot);
      case 'chain':
        return this.#fields({ value: this.#term(first.of, dot), names: first.names, rest, last }, first, dot);
      case 'nil':
        throw this.#fail(first, 'nil is not a command');
      default:
        if (rest.length > 0 || last !== undefined)
          throw this.#fail(
            first,
            `can't give argument to non-function ${this.#source.slice(first.pos, first.end).trim()}`,
          );
        return this.#term(first, dot);
    }
  }

  #term(term: Term, dot: Value): Value {
    switch (term.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return null;
      case 'constant':
        return term.value;
      case 'pipe':
        return this.#pipe(term.pipe, dot);
      default:
        return this.#call({ terms: [term], pos: term.pos, end: term.end }, dot, undefined);
    }
  }

  #variable(name: string): Value {
    return this.#variables.findLast((variable) => variable.name === name)?.value;
  }

  #fields(
    chain: { value: Value; names: string[]; rest: Term[]; last: { value: Value } | undefined },
    at: Term,
    dot: Value,
  ): Value {
    const args = (): Value[] => [
      ...chain.rest.map((term) => this.#term(term, dot)),
      ...(chain.last === undefined ? [] : [chain.last.value]),
    ];
    const wanted = chain.rest.length + (chain.last === undefined ? 0 : 1);
    if (chain.names.length === 0 && wanted > 0)
      throw this.#fail(at, `can't give argument to non-function ${this.#source.slice(at.pos, at.end).trim()}`);
    return chain.names.reduce<Value>(
      (value, name, step) => this.#field(value, name, step === chain.names.length - 1 ? args : () => [], at),
      chain.value,
    );
  }

  #field(value: Value, name: string, args: () => Value[], at: Term): Value {
    if (value === null || value === undefined) throw this.#fail(at, `nil pointer evaluating interface {}.${name}`);
    if (!isObject(value)) throw this.#fail(at, `can't evaluate field ${name} in type ${typeName(value)}`);
    if (!Object.hasOwn(value, name)) {
      if (isMap(value)) return undefined;
      const close =
        closestWord(name, Object.keys(value)) ??
        Object.keys(value).find((key) => key.toLowerCase() === name.toLowerCase());
      throw this.#fail(at, `can't evaluate field ${name}${close === undefined ? '' : `, did you mean .${close}?`}`);
    }
    const found = value[name];
    const given = args();
    if (typeof found !== 'function') {
      if (given.length > 0) throw this.#fail(at, `${name} has arguments but cannot be invoked as function`);
      return found;
    }
    if (found.length !== given.length)
      throw this.#fail(
        at,
        `wrong number of args for ${name}: want ${String(found.length)} got ${String(given.length)}`,
      );
    return this.#guard(at, name, () => (found as (...words: Value[]) => Value)(...given));
  }

  #function(
    term: Extract<Term, { kind: 'function' }>,
    rest: Term[],
    dot: Value,
    last: { value: Value } | undefined,
  ): Value {
    const { name } = term;
    const found = (this.#functions.get(name) ?? FUNCTIONS.get(name)) as TemplateFunction;
    const count = rest.length + (last === undefined ? 0 : 1);
    if (count < found.min || count > found.max) {
      const wanted = found.min === found.max ? String(found.min) : `at least ${String(found.min)}`;
      throw this.#fail(term, `wrong number of args for ${name}: want ${wanted} got ${String(count)}`);
    }
    if (SHORT_CIRCUIT.has(name)) {
      for (const each of rest) {
        const value = this.#term(each, dot);
        if (isTrue(value) === (name === 'or') || (each === rest[rest.length - 1] && last === undefined)) return value;
      }
      return last?.value;
    }
    const args = rest.map((each) => this.#term(each, dot));
    if (last !== undefined) args.push(last.value);
    return this.#guard({ pos: term.pos, end: rest.at(-1)?.end ?? term.end }, name, () => found.call(...args));
  }

  #guard(at: Place, name: string, call: () => Value): Value {
    try {
      return call();
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      throw this.#fail(at, `error calling ${name}: ${(error as Error).message}`);
    }
  }
}

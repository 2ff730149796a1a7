// The functions of templates: Go's own, and Docker's (json, join, split, title, lower, upper, pad, truncate).

import { sprintf } from './printf.js';
import { compareBytes, isMap, isObject, isTrue, print, toJson, typeName } from './values.js';
import type { Value } from './values.js';

export interface TemplateFunction {
  min: number;
  max: number;
  call: (...args: Value[]) => Value;
}

/** Longer strings are never made: `pad` and `printf` take widths from the command line. */
export const MAX_WIDTH = 1_000_000;

function str(value: Value): string {
  if (typeof value !== 'string') throw new Error(`wrong type for value; expected string; got ${typeName(value)}`);
  return value;
}

function int(value: Value): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new Error(`wrong type for value; expected int; got ${typeName(value)}`);
  return value;
}

function fixed(count: number, call: (...args: Value[]) => Value): TemplateFunction {
  return { min: count, max: count, call };
}

function atLeast(count: number, call: (...args: Value[]) => Value): TemplateFunction {
  return { min: count, max: Infinity, call };
}

/** `and` and `or` stop early, so evaluate.ts calls them itself; here they are for names and counts. */
export const SHORT_CIRCUIT: ReadonlySet<string> = new Set(['and', 'or']);

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['and', atLeast(1, (...args) => args.find((arg) => !isTrue(arg)) ?? args[args.length - 1])],
  ['or', atLeast(1, (...args) => args.find((arg) => isTrue(arg)) ?? args[args.length - 1])],
  ['not', fixed(1, (value) => !isTrue(value))],
  ['eq', atLeast(2, (first, ...others) => others.some((other) => equal(first, other)))],
  ['ne', fixed(2, (a, b) => !equal(a, b))],
  ['lt', fixed(2, (a, b) => order(a, b) < 0)],
  ['le', fixed(2, (a, b) => order(a, b) <= 0)],
  ['gt', fixed(2, (a, b) => order(a, b) > 0)],
  ['ge', fixed(2, (a, b) => order(a, b) >= 0)],
  ['len', fixed(1, length)],
  ['index', atLeast(1, (value, ...keys) => keys.reduce(index, value))],
  ['slice', { min: 1, max: 4, call: slice }],
  ['print', atLeast(0, (...args) => sprint(args))],
  ['println', atLeast(0, (...args) => `${args.map((arg) => print(arg, 1)).join(' ')}\n`)],
  ['printf', atLeast(1, (format, ...args) => sprintf(str(format), args))],
  ['html', atLeast(0, (...args) => escapeHtml(sprint(args)))],
  ['js', atLeast(0, (...args) => escapeJs(sprint(args)))],
  ['urlquery', atLeast(0, (...args) => encodeURIComponent(sprint(args)).replaceAll('%20', '+'))],
  ['json', fixed(1, toJson)],
  ['join', fixed(2, (list, separator) => strings(list).join(str(separator)))],
  ['split', fixed(2, (text, separator) => str(text).split(str(separator)))],
  ['lower', fixed(1, (text) => str(text).toLowerCase())],
  ['upper', fixed(1, (text) => str(text).toUpperCase())],
  [
    'title',
    fixed(1, (text) =>
      str(text).replace(
        /(^|[^\p{L}\p{Nd}_'])(\p{Ll})/gu,
        (_, before: string, letter: string) => before + letter.toUpperCase(),
      ),
    ),
  ],
  ['pad', fixed(3, (text, before, after) => pad(str(text), int(before), int(after)))],
  ['truncate', fixed(2, (text, count) => truncate(str(text), int(count)))],
]);

function basic(value: Value): 'string' | 'number' | 'bool' | undefined {
  if (typeof value === 'string' || typeof value === 'number') return typeof value as 'string' | 'number';
  return typeof value === 'boolean' ? 'bool' : undefined;
}

function isNil(value: Value): boolean {
  return value === null || value === undefined;
}

function equal(a: Value, b: Value): boolean {
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (basic(a) === undefined || basic(b) === undefined)
    throw new Error(`non-comparable type: ${typeName(basic(a) === undefined ? a : b)}`);
  if (basic(a) !== basic(b)) throw new Error('incompatible types for comparison');
  return a === b;
}

function order(a: Value, b: Value): number {
  const kind = basic(a);
  if (kind === undefined || kind === 'bool') throw new Error('invalid type for comparison');
  if (kind !== basic(b)) throw new Error('incompatible types for comparison');
  return kind === 'string' ? compareBytes(a as string, b as string) : (a as number) - (b as number);
}

function length(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  throw new Error(isNil(value) ? 'len of nil pointer' : `len of type ${typeName(value)}`);
}

function index(value: Value, key: Value): Value {
  if (isNil(value)) throw new Error('index of untyped nil');
  if (Array.isArray(value)) return value[inside(key, value.length)] as Value;
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return bytes[inside(key, bytes.length)];
  }
  if (!isObject(value)) throw new Error(`cannot index item of type ${typeName(value)}`);
  if (!isMap(value)) throw new Error('cannot index item of type struct');
  if (Object.hasOwn(value, str(key))) return value[str(key)];
  // The zero value of a map of strings is the empty string.
  return Object.values(value).every((item) => typeof item === 'string') ? '' : undefined;
}

function inside(key: Value, size: number): number {
  if (typeof key !== 'number' || !Number.isInteger(key))
    throw new Error(`cannot index slice/array with type ${typeName(key)}`);
  if (key < 0 || key >= size) throw new Error(`index out of range: ${String(key)}`);
  return key;
}

function slice(value: Value, ...bounds: Value[]): Value {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new Error(`slice of type ${typeName(value)}`);
  if (typeof value === 'string' && bounds.length > 2) throw new Error('cannot 3-index slice a string');
  const whole = typeof value === 'string' ? Buffer.from(value) : value;
  const [from = 0, to = whole.length] = bounds.map((bound) => {
    if (int(bound) < 0 || int(bound) > whole.length) throw new Error(`index out of range: ${String(bound)}`);
    return int(bound);
  });
  if (from > to) throw new Error(`invalid slice index: ${String(from)} > ${String(to)}`);
  return Buffer.isBuffer(whole) ? whole.subarray(from, to).toString() : whole.slice(from, to);
}

/** fmt.Sprint: a blank only between two operands that are no strings. */
function sprint(args: readonly Value[]): string {
  return args.reduce<string>((text, arg, at) => {
    const blank = at > 0 && typeof arg !== 'string' && typeof args[at - 1] !== 'string';
    return text + (blank ? ' ' : '') + print(arg, 1);
  }, '');
}

function strings(list: Value): string[] {
  if (isNil(list)) return [];
  if (!Array.isArray(list)) throw new Error(`wrong type for value; expected []string; got ${typeName(list)}`);
  return list.map((item) => print(item, 1));
}

function pad(text: string, before: number, after: number): string {
  if (before > MAX_WIDTH || after > MAX_WIDTH) throw new Error(`padding of more than ${String(MAX_WIDTH)}`);
  if (before < 0 || after < 0) throw new Error('negative padding');
  return text === '' ? '' : ' '.repeat(before) + text + ' '.repeat(after);
}

function truncate(text: string, count: number): string {
  const chars = [...text];
  return chars.length <= count || count < 0 ? text : chars.slice(0, count).join('');
}

function escapeJs(text: string): string {
  return text.replace(/[\\'"]|[<>&=\u0000-\u001f\u2028\u2029]/g, (char) => {
    if (/[\\'"]/.test(char)) return `\\${char}`;
    return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&#34;',
    "'": '&#39;',
    '\0': '\uFFFD',
  };
  return text.replace(/[&<>"'\0]/g, (char) => names[char] ?? char);
}

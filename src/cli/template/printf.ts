// fmt.Sprintf as far as templates for people use it: %s %v %d %q %t %x %X %o %b %c %f %e %g %U %T, flags, width and precision.

import { print, typeName } from './values.js';
import type { Value } from './values.js';

/** fmt takes no more either (its "too large" is 1e6). */
const MAX_WIDTH = 1_000_000;

const VERB = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.)?/gsu;

interface Directive {
  flags: string;
  width: number | undefined;
  precision: number | undefined;
  verb: string;
}

export function sprintf(format: string, args: readonly Value[]): string {
  let next = 0;
  let bad = '';
  const number = (text: string | undefined, what: string): number | undefined => {
    if (text === undefined) return undefined;
    const value = text === '*' ? args[next++] : Number(text);
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= MAX_WIDTH) return value;
    bad += `%!(BAD${what})`;
    return undefined;
  };
  const text = format.replace(VERB, (...found: string[]) => {
    const [, flags = '', wide, precise, verb] = found as [string, string, string?, string?, string?];
    bad = '';
    const width = number(wide, 'WIDTH');
    const precision = number(precise, 'PREC');
    if (typeof verb !== 'string') return `${bad}%!(NOVERB)`;
    if (verb === '%') return `${bad}%`;
    if (next >= args.length) return `${bad}%!${verb}(MISSING)`;
    return bad + one({ flags, width, precision, verb }, args[next++]);
  });
  if (next >= args.length) return text;
  return `${text}%!(EXTRA ${args
    .slice(next)
    .map((arg) => `${typeName(arg)}=${print(arg, 1)}`)
    .join(', ')})`;
}

function one(directive: Directive, value: Value): string {
  const text = formatted(directive, value);
  if (text === undefined) return `%!${directive.verb}(${typeName(value)}=${print(value, 1)})`;
  const width = Math.abs(directive.width ?? 0);
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (directive.flags.includes('-') || (directive.width ?? 0) < 0) return text + ' '.repeat(missing);
  if (!directive.flags.includes('0') || typeof value === 'boolean') return ' '.repeat(missing) + text;
  const sign = typeof value === 'number' ? (/^[+ -]/.exec(text)?.[0] ?? '') : '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}

function formatted(directive: Directive, value: Value): string | undefined {
  const { verb, precision } = directive;
  if (verb === 'v') return print(value, 1);
  if (verb === 'T') return typeName(value);
  if (verb === 't') return typeof value === 'boolean' ? String(value) : undefined;
  if (typeof value === 'number') return formattedNumber(directive, value);
  if (Array.isArray(value)) return `[${value.map((item) => one({ ...directive, width: undefined }, item)).join(' ')}]`;
  if (typeof value !== 'string') return undefined;
  const text =
    precision === undefined || verb === 'x' || verb === 'X' ? value : [...value].slice(0, precision).join('');
  switch (verb) {
    case 's':
      return text;
    case 'q':
      return JSON.stringify(text);
    case 'x':
      return Buffer.from(text).toString('hex');
    case 'X':
      return Buffer.from(text).toString('hex').toUpperCase();
    default:
      return undefined;
  }
}

function formattedNumber(directive: Directive, value: number): string | undefined {
  const text = digits(directive, value);
  if (text === undefined || value < 0 || !'dfeg'.includes(directive.verb)) return text;
  if (directive.flags.includes('+')) return `+${text}`;
  return directive.flags.includes(' ') ? ` ${text}` : text;
}

const BASES: Readonly<Record<string, number>> = { d: 10, x: 16, X: 16, o: 8, b: 2 };

function digits({ flags, verb, precision }: Directive, value: number): string | undefined {
  const base = BASES[verb];
  if (base !== undefined) {
    if (!Number.isInteger(value)) return undefined;
    const prefix = flags.includes('#') ? ({ x: '0x', X: '0X', o: '0', b: '0b' }[verb] ?? '') : '';
    const text = Math.abs(value)
      .toString(base)
      .padStart(precision ?? 0, '0');
    return (value < 0 ? '-' : '') + prefix + (verb === 'X' ? text.toUpperCase() : text);
  }
  switch (verb) {
    case 'f':
      return value.toFixed(Math.min(precision ?? 6, 100));
    case 'e':
      return value.toExponential(Math.min(precision ?? 6, 100)).replace(/e([+-])(\d)$/, 'e$10$2');
    case 'g':
      return precision === undefined
        ? String(value)
        : String(Number(value.toPrecision(Math.min(Math.max(precision, 1), 100))));
    case 'c':
    case 'q':
    case 'U':
      if (!Number.isInteger(value) || value < 0 || value > 0x10ffff) return undefined;
      if (verb === 'U') return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`;
      return verb === 'c' ? String.fromCodePoint(value) : `'${String.fromCodePoint(value)}'`;
    default:
      return undefined;
  }
}

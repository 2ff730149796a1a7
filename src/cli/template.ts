// Go templates for --format, as Docker has them. The parts are in template/.

import { RrunError } from '../errors.js';
import { quote } from '../util/text.js';
import { TemplateError } from './template/error.js';
import { evaluateTemplate } from './template/evaluate.js';
import type { Evaluation } from './template/evaluate.js';
import { FUNCTIONS } from './template/functions.js';
import { parseTemplate } from './template/parse.js';
import type { Value } from './template/values.js';

export { asMap } from './template/values.js';

export interface Template {
  execute(data: Value, evaluation?: Evaluation): string;
}

const NAMES: ReadonlySet<string> = new Set(FUNCTIONS.keys());

/** Parses a template; both parsing and executing throw USAGE with Go's words for what is wrong. */
export function compileTemplate(source: string): Template {
  const tree = translate(source, () => parseTemplate(source, NAMES));
  return { execute: (data, evaluation) => translate(source, () => evaluateTemplate(tree, data, evaluation)) };
}

/** "\t" and "\n" as they are typed in single quotes become the characters. */
export function unescapeFormat(format: string): string {
  return format.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

function translate<T>(source: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    // Docker calls both of them parsing errors.
    throw new RrunError('USAGE', `cannot format with ${quote(source)}: template parsing error: ${cause.message}`, {
      cause,
    });
  }
}

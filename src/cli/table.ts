// Lists as Docker prints them: a table, a template for each row, JSON lines, or ids only. Shared by ps, images and others.

import type { TemplateFunction } from './template/functions.js';
import type { Value } from './template/values.js';
import { compileTemplate, unescapeFormat } from './template.js';

/** One field of a row: `{{.ID}}`, or with an argument `{{.Label "name"}}`. */
export type Column<T> =
  | { header: string; value: (item: T) => Value }
  | { header: (argument: string) => string; method: (item: T, argument: string) => Value };

export interface ListRequest<T> {
  items: readonly T[];
  columns: Readonly<Record<string, Column<T>>>;
  /** "{{.ID}}\t{{.Names}}…": what the table shows unless --format says otherwise. */
  table: string;
  /** --format: "table", "table TEMPLATE", "json", a template, or undefined. */
  format?: string | undefined;
  /** -q: the template of one line, used unless there is a template of the user's. */
  quiet?: string | undefined;
  /** Leave the line of headers out. */
  noHeading?: boolean;
}

/** The text of a list, with its final line end. */
export function formatList<T>(request: ListRequest<T>): string {
  const format = request.format ?? 'table';
  if (format === 'table' || format === '') {
    if (request.quiet !== undefined) return rowsText(request, request.quiet);
    return tableText(request, request.table);
  }
  if (/^table\s/.test(format))
    return tableText(request, unescapeFormat(format.slice('table'.length)).replace(/^ +| +$/g, ''));
  return rowsText(request, format === 'json' ? '{{json .}}' : unescapeFormat(format));
}

function rowsText<T>(request: ListRequest<T>, source: string): string {
  const template = compileTemplate(source);
  return request.items.map((item) => `${template.execute(makeRow(request.columns, item))}\n`).join('');
}

function tableText<T>(request: ListRequest<T>, source: string): string {
  const template = compileTemplate(source);
  const lines = request.items.map((item) => withoutControls(template.execute(makeRow(request.columns, item))));
  if (request.noHeading !== true) lines.unshift(headerLine(request.columns, template));
  return alignTabs(lines);
}

/** Fields are computed when they are named: sizes and dates of a thousand rows cost time. Sorted, as Docker's JSON is. */
function makeRow<T>(columns: ListRequest<T>['columns'], item: T): Record<string, unknown> {
  const entries = Object.entries(columns).map(([name, column]) => {
    if ('value' in column) return [name, () => column.value(item)] as const;
    return [name, (argument: string) => column.method(item, argument)] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** In the line of headers these leave the words as they are. */
const HEADER_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map(
  ['json', 'title', 'lower', 'upper', 'truncate', 'join', 'split', 'slice', 'index'].map((name) => [
    name,
    { min: 1, max: Infinity, call: (text: Value) => text },
  ]),
);

function headerLine<T>(columns: ListRequest<T>['columns'], template: ReturnType<typeof compileTemplate>): string {
  try {
    return template.execute(
      Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.header])),
      {
        functions: HEADER_FUNCTIONS,
      },
    );
  } catch {
    // A template that is fine for rows may make no sense of headers ("{{range .Ports}}"); Docker prints nothing then, too.
    return '';
  }
}

/** Docker's header for `{{.Label "com.example.some-name"}}`: the last part, "some name". */
export function labelHeader(name: string): string {
  return (name.split('.').at(-1) ?? '').replace(/[-_]/g, ' ');
}

/** Names and labels come from images: in a table for people they must not move the cursor. */
function withoutControls(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

const MIN_WIDTH = 10;
const PADDING = 3;

/**
 * Go's text/tabwriter as Docker sets it up (minimal width 10, padding 3): a cell is what a tab ends, a column is as wide as the
 * widest cell of the lines next to each other that have it.
 */
export function alignTabs(lines: readonly string[]): string {
  const rows = lines.flatMap((line) => line.split('\n')).map((line) => line.split('\t'));
  const widths = rows.map(() => [] as number[]);
  const columns = Math.max(0, ...rows.map((row) => row.length - 1));
  for (let column = 0; column < columns; column += 1) {
    for (let from = 0; from < rows.length; from += 1) {
      let to = from;
      let width = 0;
      for (; to < rows.length && (rows[to] as string[]).length - 1 > column; to += 1) {
        width = Math.max(width, [...((rows[to] as string[])[column] as string)].length);
      }
      for (let row = from; row < to; row += 1) (widths[row] as number[])[column] = Math.max(MIN_WIDTH, width + PADDING);
      from = Math.max(from, to);
    }
  }
  return rows
    .map((row, at) => `${row.map((cell, column) => padCell(cell, (widths[at] as number[])[column] ?? 0)).join('')}\n`)
    .join('');
}

function padCell(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - [...cell].length));
}

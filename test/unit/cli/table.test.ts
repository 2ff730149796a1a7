import assert from 'node:assert/strict';
import { test } from 'node:test';

import { alignTabs, formatList, labelHeader } from '../../../src/cli/table.js';
import type { Column, ListRequest } from '../../../src/cli/table.js';
import { RrunError } from '../../../src/errors.js';

interface Row {
  id: string;
  names: string[];
  labels: Record<string, string>;
}

const COLUMNS: Record<string, Column<Row>> = {
  Names: { header: 'NAMES', value: (row) => row.names },
  ID: { header: 'CONTAINER ID', value: (row) => row.id },
  Label: { header: labelHeader, method: (row, name) => row.labels[name] ?? '' },
};
const ITEMS: Row[] = [
  { id: 'a1', names: ['web'], labels: { 'com.example.some-name': 'one' } },
  { id: 'b2', names: ['a-very-long-name', 'x'], labels: {} },
];

function list(request: Partial<ListRequest<Row>>, items = ITEMS): string {
  return formatList({ items, columns: COLUMNS, table: '{{.ID}}\t{{join .Names ","}}', ...request });
}

/** --format, -q, what is printed. */
const LISTS: [string, Partial<ListRequest<Row>>, string][] = [
  ['nothing', {}, 'CONTAINER ID   NAMES\na1             web\nb2             a-very-long-name,x\n'],
  ['"table"', { format: 'table' }, 'CONTAINER ID   NAMES\na1             web\nb2             a-very-long-name,x\n'],
  ['-q', { quiet: '{{.ID}}' }, 'a1\nb2\n'],
  ['-q and "table"', { quiet: '{{.ID}}', format: 'table' }, 'a1\nb2\n'],
  ['-q and a template', { quiet: '{{.ID}}', format: '{{index .Names 0}}' }, 'web\na-very-long-name\n'],
  ['"json"', { format: 'json' }, '{"ID":"a1","Names":["web"]}\n{"ID":"b2","Names":["a-very-long-name","x"]}\n'],
  ['a template with a typed tab', { format: '{{.ID}}\\t{{len .Names}}' }, 'a1\t1\nb2\t2\n'],
  [
    'a table of the user',
    { format: 'table {{.ID}}\\t{{upper (index .Names 0)}}' },
    'CONTAINER ID   NAMES\na1             WEB\nb2             A-VERY-LONG-NAME\n',
  ],
  [
    'a table with a label',
    { format: 'table {{.ID}}\t{{.Label "com.example.some-name"}}' },
    'CONTAINER ID   some name\na1             one\nb2             \n',
  ],
  [
    'a table with functions',
    { format: 'table {{lower .ID}}\t{{join .Names "+"}}' },
    'CONTAINER ID   NAMES\na1             web\nb2             a-very-long-name+x\n',
  ],
  ['a table without headers', { noHeading: true }, 'a1        web\nb2        a-very-long-name,x\n'],
];

for (const [name, request, want] of LISTS) {
  test(`formatList() with ${name}`, () => {
    assert.equal(list(request), want);
  });
}

test('formatList() of nothing is the line of headers, or nothing', () => {
  assert.equal(list({}, []), 'CONTAINER ID   NAMES\n');
  assert.equal(list({ quiet: '{{.ID}}' }, []), '');
  assert.equal(list({ format: 'json' }, []), '');
});

test('formatList() refuses a bad template even without rows', () => {
  assert.throws(() => list({ format: '{{.ID' }, []), RrunError);
  assert.throws(() => list({ format: '{{.Nope}}' }), /can't evaluate field Nope/);
});

test('formatList() shows control characters in a table', () => {
  assert.equal(
    list({}, [{ id: 'a\x1b[31m', names: ['\x9b2J'], labels: {} }]),
    'CONTAINER ID   NAMES\na\\x1b[31m      \\x9b2J\n',
  );
});

/** Lines as text/tabwriter aligns them. */
const ALIGNED: [string[], string][] = [
  [['a\tb', 'ccccccccccc\td'], 'a             b\nccccccccccc   d\n'],
  [['a\tb\tc', '\t\tx'], 'a         b         c\n                    x\n'],
  [['a\t1', 'plain', 'a-long-first-cell\t2'], 'a         1\nplain\na-long-first-cell   2\n'],
  [['é\tx'], 'é         x\n'],
  [['one\ntwo\tx'], 'one\ntwo       x\n'],
  [[], ''],
];

for (const [lines, want] of ALIGNED) {
  test(`alignTabs() of ${JSON.stringify(lines)}`, () => {
    assert.equal(alignTabs(lines), want);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asMap, compileTemplate } from '../../../src/cli/template.js';
import { RrunError } from '../../../src/errors.js';

const DATA = {
  ID: 'abc',
  Names: ['web', 'db'],
  Empty: [],
  Size: 42,
  Ratio: 0.5,
  Negative: -3,
  On: true,
  Off: false,
  Nothing: null,
  State: { Running: true, Pid: 7, Deep: { Name: 'x' } },
  Labels: asMap({ b: '2', a: '1', 'com.example': 'dotted' }),
  NoLabels: asMap({}),
  Networks: asMap({ none: { IPAddress: '' }, slirp: { IPAddress: '10.0.2.100' } }),
  Lazy: () => 'computed',
  Label: (name: string) => `<${name}>`,
  Text: 'a <b> & "c"',
  Pairs: [
    { Key: 'k1', Value: 1 },
    { Key: 'k2', Value: 2 },
  ],
};

const GOOD: [string, string][] = [
  // Text and trimming
  ['', ''],
  ['plain', 'plain'],
  ['}} {', '}} {'],
  ['a {{.ID}} b', 'a abc b'],
  ['a {{- .ID -}} b', 'aabcb'],
  ['a {{- /* note */ -}} b', 'ab'],
  ['{{/* a {{ b */}}x', 'x'],
  ['{{ .ID }}', 'abc'],
  ['{{"{{"}}', '{{'],
  ['{{`a\\n`}}', 'a\\n'],
  ['{{"a\\n\\t\\x41\\u00e9\\101\\""}}', 'a\n\tAéA"'],
  // Fields
  ['{{.State.Pid}} {{.State.Deep.Name}}', '7 x'],
  ['{{.Lazy}}', 'computed'],
  ['{{.Label "a b"}}', '<a b>'],
  ['{{"x" | .Label}}', '<x>'],
  ['{{(.State).Pid}}', '7'],
  ['{{(index .Pairs 1).Key}}', 'k2'],
  ['{{.Labels.a}} {{.Labels.missing}}', '1 <no value>'],
  ['{{.Nothing}}', '<nil>'],
  [
    '{{.}}x',
    '{abc [web db] [] 42 0.5 -3 true false <nil> {true 7 {x}} map[a:1 b:2 com.example:dotted] map[] map[none:{} slirp:{10.0.2.100}] computed  a <b> & "c" [{k1 1} {k2 2}]}x',
  ],
  ['{{.Names}} {{.Labels}} {{.State}}', '[web db] map[a:1 b:2 com.example:dotted] {true 7 {x}}'],
  // Conditions
  ['{{if .On}}yes{{else}}no{{end}}', 'yes'],
  ['{{if .Off}}1{{else if .Empty}}2{{else if .On}}3{{else}}4{{end}}', '3'],
  ['{{if .NoLabels}}1{{end}}{{if .State}}2{{end}}{{if .Nothing}}3{{end}}{{if 0}}4{{end}}{{if ""}}5{{end}}', '2'],
  ['{{if and .On .Size}}a{{end}}{{if or .Off .Empty}}b{{end}}{{if not .Off}}c{{end}}', 'ac'],
  ['{{and .On 0 "x"}} {{or 0 "" "last"}} {{or "first" .Nope.Nope}}', '0 last first'],
  ['{{with .State}}{{.Pid}}{{end}}{{with .Nothing}}x{{else}}none{{end}}', '7none'],
  ['{{with .Nothing}}x{{else with .State}}{{.Pid}}{{end}}', '7'],
  ['{{if eq .ID "abc"}}1{{end}}{{if eq .Size 1 2 42}}2{{end}}{{if ne .ID "x"}}3{{end}}', '123'],
  ['{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge "b" "a"}}', 'truetruefalsetrue'],
  ['{{eq .Nothing nil}}', 'true'],
  // Loops
  ['{{range .Names}}{{.}},{{end}}', 'web,db,'],
  ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
  ['{{range $i, $name := .Names}}{{$i}}={{$name}} {{end}}', '0=web 1=db '],
  ['{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', 'a=1;b=2;com.example=dotted;'],
  ['{{range $k, $v := .Networks}}{{$k}} {{$v.IPAddress}};{{end}}', 'none ;slirp 10.0.2.100;'],
  ['{{range .Names}}{{$.ID}}{{end}}', 'abcabc'],
  ['{{range $x := .Names}}{{$x}}{{end}}', 'webdb'],
  ['{{range 3}}{{.}}{{end}}', '012'],
  ['{{range .Names}}{{if eq . "db"}}{{break}}{{end}}{{.}}{{end}}', 'web'],
  ['{{range .Names}}{{if eq . "web"}}{{continue}}{{end}}{{.}}{{end}}', 'db'],
  ['{{range .Pairs}}{{range $.Names}}{{.}}{{break}}{{end}}{{.Key}} {{end}}', 'webk1 webk2 '],
  // Variables
  ['{{$x := .ID}}{{$x}}{{$x = "new"}}{{$x}}', 'abcnew'],
  ['{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}', '21'],
  ['{{$x := 1}}{{range .Names}}{{$x = .}}{{end}}{{$x}}', 'db'],
  ['{{$x := .State}}{{$x.Deep.Name}}', 'x'],
  ['{{with $y := .Size}}{{$y}}{{end}}', '42'],
  // Functions
  [
    '{{json .Names}}{{json .Text}}{{json .Nothing}}{{json .Labels}}',
    '["web","db"]"a <b> & \\"c\\""null{"a":"1","b":"2","com.example":"dotted"}',
  ],
  ['{{.State | json}}', '{"Running":true,"Pid":7,"Deep":{"Name":"x"}}'],
  ['{{json .Lazy}} {{json .Pairs}}', '"computed" [{"Key":"k1","Value":1},{"Key":"k2","Value":2}]'],
  ['{{join .Names ", "}}|{{join .Nothing ","}}', 'web, db|'],
  ['{{range split "a:b" ":"}}[{{.}}]{{end}}', '[a][b]'],
  ['{{upper .ID}} {{lower "ABC"}} {{title "hello big world"}}', 'ABC abc Hello Big World'],
  ['{{len .Names}} {{len "é"}} {{len .Labels}}', '2 2 3'],
  ['{{index .Names 1}} {{index .Labels "com.example"}} {{index .Labels "x"}}| {{index "abc" 1}}', 'db dotted | 98'],
  ['{{index .Networks "slirp" | json}}', '{"IPAddress":"10.0.2.100"}'],
  ['{{slice .ID 1}} {{slice .ID 0 2}} {{slice .Names 1}}', 'bc ab [db]'],
  ['{{truncate .ID 2}} {{truncate .ID 9}}|{{pad .ID 1 2}}|{{pad "" 3 3}}|', 'ab abc| abc  ||'],
  ['{{print 1 2 "x" 3}}{{println .ID 1}}', '1 2x3abc 1\n'],
  ['{{printf "%s-%d-%v-%t" .ID .Size .Ratio .On}}', 'abc-42-0.5-true'],
  ['{{printf "%-5s|%5s|%05d|%+d|%x|%q|%%" "a" "b" 42 7 255 "z"}}', 'a    |    b|00042|+7|ff|"z"|%'],
  ['{{printf "%05s|%-05d|% d|%#x" "ab" 3 5 255}}', '000ab|3    | 5|0xff'],
  ['{{printf "%.2f %6.1f %e %g" 3.14159 2.5 1234.5 0.1}}', '3.14    2.5 1.234500e+03 0.1'],
  ['{{printf "%.2s|%c|%U|%o|%b" "abc" 65 65 8 5}}', 'ab|A|U+0041|10|101'],
  [
    '{{printf "%d" "x"}} {{printf "%s"}} {{printf "a" 1}} {{printf "%z" 1}}',
    '%!d(string=x) %!s(MISSING) a%!(EXTRA int=1) %!z(int=1)',
  ],
  ['{{printf "%*d" 4 7}}|{{printf "%s" .Names}}', '   7|[web db]'],
  ['{{printf "%9999999d" 1}}', '%!(BADWIDTH)1'],
  ['{{html "<a>"}} {{urlquery "a b&"}} {{js "a<"}}', '&lt;a&gt; a+b%26 a\\u003C'],
  ["{{'a'}} {{0x10}} {{1_000}} {{-5}} {{017}} {{1.5}}", '97 16 1000 -5 15 1.5'],
  ['{{.ID | printf "%s-%s" "x"}}', 'x-abc'],
  ['{{(printf "%d" 5) | printf "%s!"}}', '5!'],
  ['{{if (and (eq .ID "abc") (not .Off))}}ok{{end}}', 'ok'],
];

for (const [source, want] of GOOD) {
  test(`template ${JSON.stringify(source)}`, () => {
    assert.equal(compileTemplate(source).execute(DATA), want);
  });
}

/** Go's words, as `docker` prints them. */
const UNPARSABLE: [string, string][] = [
  ['{{.ID', 'template: :1: unclosed action'],
  ['a\n{{', 'template: :2: unclosed action'],
  ['{{}}', 'template: :1: missing value for command'],
  ['{{.ID | }}', 'template: :1: missing value for command'],
  ['{{if}}x{{end}}', 'template: :1: missing value for if'],
  ['{{foo .ID}}', 'template: :1: function "foo" not defined'],
  ['{{end}}', 'template: :1: unexpected {{end}}'],
  ['{{else}}', 'template: :1: unexpected {{else}}'],
  ['{{if .ID}}x', 'template: :1: unexpected EOF'],
  ['{{if .ID}}{{else}}{{else}}{{end}}', 'template: :1: expected end; found {{else}}'],
  ['{{$x}}', 'template: :1: undefined variable "$x"'],
  ['{{$x = 1}}', 'template: :1: undefined variable "$x"'],
  ['{{"abc}}', 'template: :1: unterminated quoted string'],
  ['{{`abc}}', 'template: :1: unterminated raw quoted string'],
  ["{{'ab'}}", "template: :1: malformed character constant: 'ab'"],
  ['{{/* x}}', 'template: :1: unclosed comment'],
  ['{{break}}', 'template: :1: {{break}} outside {{range}}'],
  ['{{1x}}', 'template: :1: bad number syntax: "1x"'],
  ['{{(.ID}}', 'template: :1: unclosed left paren'],
  ['{{.ID)}}', 'template: :1: unexpected right paren'],
  ['{{.ID & 1}}', 'template: :1: unexpected "&" in operand'],
  ['{{"x".Y}}', 'template: :1: unexpected . after term "\\"x\\""'],
  ['{{.ID | "x"}}', 'template: :1: non executable command in pipeline stage 2'],
  ['{{define "x"}}{{end}}', 'template: :1: {{define}} is not supported'],
  ['{{\u0001}}', 'template: :1: unrecognized character in action: U+0001'],
];

for (const [source, want] of UNPARSABLE) {
  test(`template ${JSON.stringify(source)} is refused`, () => {
    assert.throws(
      () => compileTemplate(source),
      (error) => {
        assert.ok(error instanceof RrunError);
        assert.equal(error.code, 'USAGE');
        assert.ok(error.message.startsWith('cannot format with '), error.message);
        assert.ok(error.message.endsWith(`: template parsing error: ${want}`), error.message);
        return true;
      },
    );
  });
}

const FAILING: [string, string][] = [
  ['{{.Id}}', 'template: :1:2: executing "" at <.Id>: can\'t evaluate field Id, did you mean .ID?'],
  ['ab\n  {{.Zzzzzz}}', 'template: :2:4: executing "" at <.Zzzzzz>: can\'t evaluate field Zzzzzz'],
  ['{{.toString}}', 'template: :1:2: executing "" at <.toString>: can\'t evaluate field toString'],
  ['{{.Nothing.X}}', 'template: :1:10: executing "" at <.Nothing.X>: nil pointer evaluating interface {}.X'],
  ['{{.ID.X}}', 'template: :1:5: executing "" at <.ID.X>: can\'t evaluate field X in type string'],
  ['{{.ID 1}}', 'template: :1:2: executing "" at <.ID>: ID has arguments but cannot be invoked as function'],
  ['{{.Label}}', 'template: :1:2: executing "" at <.Label>: wrong number of args for Label: want 1 got 0'],
  ['{{join .Names}}', 'template: :1:2: executing "" at <join>: wrong number of args for join: want 2 got 1'],
  [
    '{{index .Names 5}}',
    'template: :1:2: executing "" at <index .Names 5>: error calling index: index out of range: 5',
  ],
  [
    '{{join .ID ","}}',
    'template: :1:2: executing "" at <join .ID ",">: error calling join: wrong type for value; expected []string; got string',
  ],
  ['{{eq .ID 1}}', 'template: :1:2: executing "" at <eq .ID 1>: error calling eq: incompatible types for comparison'],
  ['{{range .On}}{{end}}', 'template: :1:8: executing "" at <.On>: range can\'t iterate over true'],
  ['{{nil}}', 'template: :1:2: executing "" at <nil>: nil is not a command'],
  ['{{. 1}}', 'template: :1:2: executing "" at <.>: can\'t give argument to non-function .'],
  [
    '{{pad .ID 99999999 0}}',
    'template: :1:2: executing "" at <pad .ID 99999999 0>: error calling pad: padding of more than 1000000',
  ],
];

for (const [source, want] of FAILING) {
  test(`template ${JSON.stringify(source)} fails on the data`, () => {
    const template = compileTemplate(source);
    assert.throws(
      () => template.execute(DATA),
      (error) => {
        assert.ok(error instanceof RrunError);
        assert.ok(error.message.endsWith(`: template parsing error: ${want}`), error.message);
        return true;
      },
    );
  });
}

test('templates are bounded in depth, length, steps and output', () => {
  const deep = '{{if 1}}'.repeat(2000) + '{{end}}'.repeat(2000);
  assert.throws(() => compileTemplate(deep), /nested more than 100 deep/);
  assert.throws(() => compileTemplate(`{{${'('.repeat(5000)}1${')'.repeat(5000)}}}`), /nested more than 100 deep/);
  assert.throws(() => compileTemplate('x'.repeat(300 * 1024)), /longer than 256 KiB/);
  assert.throws(() => compileTemplate('{{range 3000000}}{{end}}').execute({}), /too many steps/);
  assert.throws(() => compileTemplate('{{range 2000}}{{range 2000}}x{{end}}{{end}}').execute({}), /too many steps/);
  assert.throws(() => compileTemplate('{{range 1000}}{{pad "x" 1000000 0}}{{end}}').execute({}), /output is too long/);
});

test('templates of random pieces end, with a result or with a RrunError', () => {
  const pieces = [
    '{{',
    '}}',
    ' ',
    '.',
    '.ID',
    '.Names',
    '$x',
    ':=',
    '=',
    '|',
    '(',
    ')',
    'if',
    'else',
    'end',
    'range',
    'with',
    '"a"',
    '`',
    '"',
    "'",
    '1',
    '-',
    'json',
    'printf',
    ',',
    'text',
    '/*',
    '*/',
    '{{- ',
    ' -}}',
    '\n',
    'é',
    'nil',
    'eq',
    'index',
    '{{end}}',
    '{{if .On}}',
    '{{range .Names}}',
  ];
  let seed = 7;
  for (let round = 0; round < 20000; round += 1) {
    let source = '';
    for (let piece = 0; piece < 12; piece += 1) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      source += pieces[Math.floor((seed / 2 ** 31) * pieces.length)] as string;
    }
    try {
      compileTemplate(source).execute(DATA);
    } catch (error) {
      assert.ok(error instanceof RrunError, `${JSON.stringify(source)}: ${String(error)}`);
    }
  }
});

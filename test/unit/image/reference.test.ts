import assert from 'node:assert/strict';
import test from 'node:test';

import type { RrunError } from '../../../src/errors.js';
import {
  canonicalReference,
  familiarName,
  familiarReference,
  parseDigest,
  parseReference,
} from '../../../src/image/reference.js';

const HEX = 'a'.repeat(64);
const DIGEST = `sha256:${HEX}`;

const spellings: [typed: string, canonical: string, familiar: string][] = [
  ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['alpine:3.20', 'docker.io/library/alpine:3.20', 'alpine:3.20'],
  ['library/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['index.docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['docker.io/library/foo/bar', 'docker.io/library/foo/bar:latest', 'library/foo/bar:latest'],
  ['ana/tool', 'docker.io/ana/tool:latest', 'ana/tool:latest'],
  ['quay.io/ana/tool:v1', 'quay.io/ana/tool:v1', 'quay.io/ana/tool:v1'],
  ['quay.io/tool', 'quay.io/tool:latest', 'quay.io/tool:latest'],
  ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
  ['localhost:5000/x', 'localhost:5000/x:latest', 'localhost:5000/x:latest'],
  ['127.0.0.1:5000/a/b/c:t', '127.0.0.1:5000/a/b/c:t', '127.0.0.1:5000/a/b/c:t'],
  ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
  ['Registry/x', 'Registry/x:latest', 'Registry/x:latest'],
  [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
  [`alpine:3@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
  ['a.b_c__d-e---f', 'docker.io/library/a.b_c__d-e---f:latest', 'a.b_c__d-e---f:latest'],
  ['x:_T-1.2', 'docker.io/library/x:_T-1.2', 'x:_T-1.2'],
  [`x:${'t'.repeat(128)}`, `docker.io/library/x:${'t'.repeat(128)}`, `x:${'t'.repeat(128)}`],
];

test('parseReference() reads names as Docker does', () => {
  for (const [typed, canonical, familiar] of spellings) {
    const reference = parseReference(typed);
    assert.equal(canonicalReference(reference), canonical, typed);
    assert.equal(familiarReference(reference), familiar, typed);
    assert.equal(canonicalReference(parseReference(canonical)), canonical, `${canonical} again`);
  }
});

test('parseReference() keeps tag and digest apart', () => {
  const reference = parseReference(`alpine:3@${DIGEST}`);
  assert.deepEqual([reference.tag, reference.digest, familiarName(reference)], ['3', DIGEST, 'alpine']);
  assert.equal(parseReference(`alpine@${DIGEST}`).tag, undefined);
});

test('parseReference() remembers which names have no registry', () => {
  assert.equal(parseReference('alpine:3').shortName, 'alpine');
  assert.equal(parseReference('ana/tool').shortName, 'ana/tool');
  assert.equal(parseReference('docker.io/alpine').shortName, undefined);
});

const malformed: [typed: string, message: RegExp, hint?: RegExp][] = [
  ['', /it is empty/],
  ['a b', /white space/],
  ['a\n', /white space/],
  ['a\u0000', /white space/],
  ['https://quay.io/x', /a URL is not a reference/, /leave out "https:\/\/"/],
  ['Alpine', /must be lower-case/, /write "alpine"/],
  ['quay.io/Ana/tool', /must be lower-case/, /write "quay.io\/ana\/tool"/],
  ['alpine:', /the tag is empty/],
  ['alpine:-x', /is not a tag/],
  [`alpine:${'t'.repeat(129)}`, /is not a tag/],
  ['alpine@', /is not a digest/],
  ['alpine@sha256:abc', /is not a digest/],
  [`alpine@sha512:${HEX}${HEX}`, /is not a digest/],
  ['/alpine', /a part of the name is empty/],
  ['a//b', /a part of the name is empty/],
  ['alpine/', /a part of the name is empty/],
  ['-x', /"-x" is not a name/],
  ['x-', /"x-" is not a name/],
  ['a___b', /is not a name/],
  ['a..b', /is not a name/],
  ['../x', /is not a host name/],
  ['a.b/../../etc', /is not a name/],
  ['a_b.c/x', /"a_b.c" is not a host name/],
  ['host:port/x', /"host:port" is not a host name/],
  ['é', /is not a name/],
  [HEX, /are an image id/],
  [`a/${'b'.repeat(300)}`, /longer than 255/],
];

test('parseReference() says what is wrong with a name', () => {
  for (const [typed, message, hint] of malformed) {
    assert.throws(
      () => parseReference(typed),
      (error: RrunError) => {
        assert.equal(error.code, 'REFERENCE_INVALID', typed);
        assert.match(error.message, message, typed);
        if (hint !== undefined) assert.match(error.hint ?? '', hint, typed);
        return true;
      },
    );
  }
});

test('parseReference() reads a long hostile name in no time', () => {
  const started = Date.now();
  for (const typed of [
    'a-'.repeat(50_000),
    `${'a.'.repeat(50_000)}/x`,
    `x:${'-'.repeat(100_000)}`,
    '_'.repeat(100_000),
  ]) {
    assert.throws(() => parseReference(typed), { code: 'REFERENCE_INVALID' });
  }
  assert.ok(Date.now() - started < 1000);
});

test('parseDigest() takes sha256 only', () => {
  assert.equal(parseDigest(DIGEST), DIGEST);
  for (const text of ['', HEX, `sha256:${HEX.toUpperCase()}`, `sha256:${HEX}0`, `sha512:${HEX}`]) {
    assert.throws(() => parseDigest(text), { code: 'DIGEST_INVALID' });
  }
});

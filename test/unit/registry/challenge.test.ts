import assert from 'node:assert/strict';
import test from 'node:test';

import { parseChallenges } from '../../../src/registry/challenge.js';

test('parseChallenges() reads what registries send', () => {
  const cases: [header: string, want: ReturnType<typeof parseChallenges>][] = [
    ['Basic realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:a/b:pull,push',
          },
        },
      ],
    ],
    [
      'BEARER Realm=https, Basic realm="\\"q\\""',
      [
        { scheme: 'bearer', parameters: { realm: 'https' } },
        { scheme: 'basic', parameters: { realm: '"q"' } },
      ],
    ],
    ['Negotiate', [{ scheme: 'negotiate', parameters: {} }]],
    ['', []],
    ['"', []],
    ['= = =', []],
    ['Bearer realm="unclosed', [{ scheme: 'bearer', parameters: { realm: '' } }]],
  ];
  for (const [header, want] of cases) assert.deepEqual(parseChallenges(header), want, header);
});

test('parseChallenges() is bounded', () => {
  const started = Date.now();
  assert.deepEqual(parseChallenges(`Bearer realm="${'\\'.repeat(100_000)}`), []);
  parseChallenges(`Bearer realm="${'\\'.repeat(8000)}`);
  assert.ok(Date.now() - started < 500);
});

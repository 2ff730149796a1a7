import assert from 'node:assert/strict';
import test from 'node:test';

import type { RrunError } from '../../../src/errors.js';
import type { IndexEntry } from '../../../src/image/manifest.wire.js';
import {
  choosePlatform,
  formatPlatform,
  hostPlatform,
  isPlatformMatch,
  parsePlatform,
  platformNote,
} from '../../../src/image/platform.js';
import type { Digest } from '../../../src/util/brand.js';

const entry = (text: string, digit: string): IndexEntry => {
  const [os = '', architecture = '', variant] = text.split('/');
  const digest = `sha256:${digit.repeat(64)}` as Digest;
  return {
    mediaType: 'm',
    digest,
    size: 1,
    ...(text === '' ? {} : { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } }),
  };
};

test('platformNote() speaks only of what this machine does not run', () => {
  const host = { os: 'linux', architecture: 'amd64' };
  assert.equal(platformNote(host, host), undefined);
  assert.equal(platformNote({ ...host, variant: 'v3' }, host), undefined);
  assert.match(
    platformNote({ os: 'linux', architecture: 'arm64', variant: 'v8' }, host) ?? '',
    /^the image is for linux\/arm64\/v8, and this machine is linux\/amd64: /,
  );
});

test('parsePlatform() reads what people type', () => {
  const host = { os: 'linux', architecture: 'amd64' };
  const cases: [typed: string, want: string][] = [
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64/v8'],
    ['arm64', 'linux/arm64/v8'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['Linux/AMD64', 'linux/amd64'],
    ['linux', 'linux/amd64'],
    ['windows/amd64', 'windows/amd64'],
  ];
  for (const [typed, want] of cases) assert.equal(formatPlatform(parsePlatform(typed, host)), want, typed);
  for (const typed of ['', 'a/b/c/d', 'linux/', 'linux/a b', '/amd64'])
    assert.throws(() => parsePlatform(typed, host), { code: 'USAGE' });
});

test('hostPlatform() speaks the names of images', () => {
  assert.equal(formatPlatform(hostPlatform('x64')), 'linux/amd64');
  assert.equal(formatPlatform(hostPlatform('arm64')), 'linux/arm64/v8');
  assert.equal(formatPlatform(hostPlatform('riscv64')), 'linux/riscv64');
});

test('isPlatformMatch() lets a processor run what was made for its predecessors', () => {
  const cases: [offered: string, wanted: string, fits: boolean][] = [
    ['linux/amd64', 'linux/amd64', true],
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm/v6', 'linux/arm/v7', true],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/amd64', 'linux/amd64/v3', true],
    ['linux/amd64/v3', 'linux/amd64', false],
    ['windows/amd64', 'linux/amd64', false],
    ['linux/386', 'linux/amd64', false],
  ];
  for (const [offered, wanted, fits] of cases) {
    const platform = entry(offered, '0').platform;
    assert.ok(platform !== undefined);
    assert.equal(isPlatformMatch(platform, parsePlatform(wanted)), fits, `${offered} for ${wanted}`);
  }
});

test('choosePlatform() takes the best of those that fit', () => {
  const entries = [
    entry('linux/arm/v6', '1'),
    entry('linux/arm/v7', '2'),
    entry('linux/arm64', '3'),
    entry('unknown/unknown', '4'),
  ];
  assert.equal(choosePlatform(entries, parsePlatform('linux/arm/v7'), 'x').digest[7], '2');
  assert.equal(choosePlatform(entries, parsePlatform('linux/arm/v6'), 'x').digest[7], '1');
  assert.equal(choosePlatform(entries, parsePlatform('linux/arm64'), 'x').digest[7], '3');
  assert.equal(
    choosePlatform([entry('', '5'), entry('unknown/unknown', '6')], parsePlatform('linux/amd64'), 'x').digest[7],
    '5',
  );
});

test('choosePlatform() lists what there is when nothing fits', () => {
  const entries = [entry('linux/s390x', '1'), entry('linux/arm/v7', '2'), entry('unknown/unknown', '3')];
  assert.throws(
    () => choosePlatform(entries, parsePlatform('linux/amd64'), 'tool:1'),
    (error: RrunError) => {
      assert.equal(error.code, 'PLATFORM_UNAVAILABLE');
      assert.equal(error.message, 'cannot use "tool:1": no image for linux/amd64: it has linux/arm/v7, linux/s390x');
      return true;
    },
  );
  assert.throws(() => choosePlatform([], parsePlatform('linux/amd64'), 'x'), { code: 'PLATFORM_UNAVAILABLE' });
});

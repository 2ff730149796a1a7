import assert from 'node:assert/strict';
import test from 'node:test';

import { isLoopback, proxyFor } from '../../../src/registry/proxy.js';

const env = {
  HTTP_PROXY: 'http://p.lan:3128',
  https_proxy: 'sp.lan:8080',
  NO_PROXY: 'direct.lan, .sub.lan,10.0.0.0/8,exact.lan:5000,*.star.lan,fd00::/8',
};

test('proxyFor() follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go does', () => {
  const cases: [url: string, want: string | undefined][] = [
    ['http://a.lan/', 'http://p.lan:3128/'],
    ['https://a.lan/', 'http://sp.lan:8080/'],
    ['https://direct.lan/', undefined],
    ['https://x.direct.lan/', undefined],
    ['https://notdirect.lan/', 'http://sp.lan:8080/'],
    ['https://x.sub.lan/', undefined],
    ['https://sub.lan/', 'http://sp.lan:8080/'],
    ['https://x.star.lan/', undefined],
    ['https://10.1.2.3/', undefined],
    ['https://11.1.2.3/', 'http://sp.lan:8080/'],
    ['https://[fd00::1]/', undefined],
    ['https://exact.lan:5000/', undefined],
    ['https://exact.lan/', 'http://sp.lan:8080/'],
    ['http://127.0.0.1:5000/', undefined],
    ['http://localhost/', undefined],
    ['http://[::1]/', undefined],
  ];
  for (const [url, want] of cases) assert.equal(proxyFor(new URL(url), env)?.href, want, url);
});

test('proxyFor() goes directly without a setting, with "*" and with one that is no URL', () => {
  const url = new URL('https://a.lan/');
  assert.equal(proxyFor(url, {}), undefined);
  assert.equal(proxyFor(url, { HTTPS_PROXY: 'http://p', NO_PROXY: '*' }), undefined);
  assert.equal(proxyFor(url, { HTTPS_PROXY: 'http://[' }), undefined);
  assert.equal(proxyFor(url, { HTTP_PROXY: 'http://p' }), undefined);
  assert.equal(proxyFor(url, { ALL_PROXY: 'http://p' })?.href, 'http://p/');
});

test('isLoopback() knows this machine by its names', () => {
  for (const host of ['127.0.0.1', '127.1.2.3:5000', 'localhost', 'LOCALHOST:80', '::1', '[::1]', '[::1]:5000'])
    assert.ok(isLoopback(host), host);
  for (const host of ['127.0.0.1.example.com', '128.0.0.1', 'localhost.example.com', '[::2]:5000', 'x'])
    assert.ok(!isLoopback(host), host);
});

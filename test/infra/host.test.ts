// What host.json must keep, since nothing else would notice that it is missing.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const host = JSON.parse(readFileSync('host.json', 'utf8'));

test('the host logs warnings only, since its two lines per request would cost more than the service; the app logs all', () => {
  expect(host.logging.logLevel).toEqual({
    default: 'Warning',
    'Function.*.User': 'Information',
    'Host.Startup': 'Information',
  });
});

test('the host has room for more requests than run at once, and they wait', () => {
  const { maxConcurrentRequests, maxOutstandingRequests } = host.extensions.http;
  expect(maxConcurrentRequests).toBeLessThanOrEqual(maxOutstandingRequests);
});

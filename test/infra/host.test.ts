// What host.json must keep, since nothing else in the repository would notice a change of it.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

test('the host logs warnings only, since its two lines per request would cost more than the service; the app logs all', () => {
  expect(JSON.parse(readFileSync('host.json', 'utf8')).logging.logLevel).toEqual({
    default: 'Warning',
    'Function.*.User': 'Information',
    'Host.Startup': 'Information',
  });
});

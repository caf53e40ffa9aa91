import { expect, test } from '@jest/globals';
import { hostRefusal } from '../../../local/loopback.ts';

test.each<[host: string[], status: number | undefined]>([
  ...['localhost', 'LOCALHOST:7071', '127.0.0.1:80', '127.1.2.3', '[::1]:7071'].map((host): [string[], undefined] => [
    [host],
    undefined,
  ]),
  ...['evil.example', 'localhost.evil.example', 'a.localhost', '10.0.0.1', '127.0.0.1.evil.example', '[::2]', '0'].map(
    (host): [string[], number] => [[host], 421],
  ),
  ...['', 'a#b', 'localhost#', 'a b', 'a,b', 'a:', 'a:b', 'a@b', 'localhost:80:80', '[::1'].map(
    (host): [string[], number] => [[host], 400],
  ),
  [['localhost', 'localhost'], 400],
  [[], 400],
])('Host %j is answered %p', (host, status) => {
  expect(hostRefusal({ headersDistinct: { host } })).toBe(status);
});

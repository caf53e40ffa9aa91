import { expect, test } from '@jest/globals';
import { hostRefusal } from '../../../local/loopback.ts';

test.each([
  [undefined, ['localhost', 'LOCALHOST:7071', '127.0.0.1:80', '127.1.2.3', '[::1]:7071']],
  [421, ['evil.example', 'localhost.evil.example', 'a.localhost', '10.0.0.1', '127.0.0.1.evil.example', '[::2]', '0']],
  [400, ['', 'a#b', 'localhost#', 'a b', 'a,b', 'a:', 'a:b', 'a@b', 'localhost:80:80', '[::1']],
])('%p is the answer to each Host of %j', (status, hosts) => {
  for (const host of hosts) expect([host, hostRefusal({ headersDistinct: { host: [host] } })]).toEqual([host, status]);
  for (const host of [['localhost', 'localhost'], []]) expect(hostRefusal({ headersDistinct: { host } })).toBe(400);
  const refusalOf = (url: string) => hostRefusal({ headersDistinct: { host: ['localhost'] }, url });
  expect(['/', 'HTTP://a/', 'file:///a', '*'].map(refusalOf)).toEqual([undefined, undefined, 400, 400]);
});

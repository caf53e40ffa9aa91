// What the host makes of a request and its headers is in test/e2e/host.test.ts; here is what no client there can send.
import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { headersOf, urlOf } from '../../../local/hostRules.ts';

/** A request as Node.js parses it: acceptable unless `parts` differ. */
const aRequest = (parts: Partial<IncomingMessage> = {}) =>
  ({ url: '/', headers: { host: 'a' }, ...parts }) as IncomingMessage;

test('a front end names the scheme and the host on Flex Consumption only', () => {
  const headers = { host: 'a', 'x-forwarded-proto': 'HTTPS', 'disguised-host': 'b' };
  const urlOn = (WEBSITE_SKU: string) => urlOf(aRequest({ headers }), 'http', { WEBSITE_SKU })?.href;
  expect([urlOn('FlexConsumption'), urlOn('Dynamic')]).toEqual(['https://b/', 'http://a/']);
});

test('a target is a path, or a URL of the same host', () => {
  const pathOf = (url: string) => urlOf(aRequest({ url }), 'http', {})?.pathname;
  for (const url of ['/v1.0', 'http://a/v1.0', 'https://A/v1.0']) expect(pathOf(url)).toBe('/v1.0');
  for (const url of ['file:///etc/passwd', 'ftp://a/', '*', 'http://b/', 'http://c@a/', 'a:80'])
    expect(pathOf(url)).toBeUndefined();
});

test('the headers of a request are decoded as UTF-8', () => {
  expect(headersOf(aRequest({ headersDistinct: { x: ['caf\u00c3\u00a9', 'b'] } }))).toEqual({ x: 'caf\u00e9,b' });
});

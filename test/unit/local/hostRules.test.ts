import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { headersOf, isSendable, urlOf } from '../../../local/hostRules.ts';

/** A request as Node.js parses it: acceptable unless `parts` differ. */
const aRequest = (parts: Partial<IncomingMessage> = {}) =>
  ({
    url: '/',
    headers: { host: 'a' },
    ...parts,
  }) as IncomingMessage;

test('a response header is visible ASCII', () => {
  for (const value of ['caf\u00e9', '\u20ac', 'a\r\nb', '\u007f'])
    expect(isSendable({ 'x-ok': 'ok', 'x-other': value })).toBe(false);
  for (const value of ['', 'a b', 'a\tb', 'W/"1"']) expect(isSendable({ 'x-other': value })).toBe(true);
});

describe('a request', () => {
  test.each([
    ['FlexConsumption', 'https://b/'],
    ['Dynamic', 'http://a/'],
  ])('has the scheme and the host that a front end names on Flex Consumption only: %s', (WEBSITE_SKU, url) => {
    const headers = { host: 'a', 'x-forwarded-proto': 'HTTPS', 'disguised-host': 'b' };
    expect(urlOf(aRequest({ headers }), 'http', { WEBSITE_SKU })?.href).toBe(url);
  });

  test.each(['file:///etc/passwd', 'ftp://a/', '*', 'http://b/', 'http://c@a/', 'a:80'])(
    'has no URL by the target "%s"',
    (url) => {
      expect(urlOf(aRequest({ url }), 'http', {})).toBeUndefined();
    },
  );

  test.each(['/v1.0', 'http://a/v1.0', 'https://A/v1.0'])('has a URL by the target "%s"', (url) => {
    expect(urlOf(aRequest({ url }), 'http', {})?.pathname).toBe('/v1.0');
  });

  test('has its headers decoded as UTF-8', () => {
    expect(headersOf(aRequest({ headersDistinct: { x: ['caf\u00c3\u00a9', 'b'] } }))).toEqual({ x: 'caf\u00e9,b' });
  });
});

import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { headersOf, isSendable, refusalOf, urlOf } from '../../../local/hostRules.ts';

/** A request as Node.js parses it: acceptable unless `parts` differ. */
const aRequest = (parts: Partial<IncomingMessage> = {}) =>
  ({
    ...{ method: 'GET', url: '/', httpVersion: '1.1', headers: { host: 'a' }, rawHeaders: [] },
    ...parts,
  }) as IncomingMessage;

test('a response header is visible ASCII', () => {
  for (const value of ['caf\u00e9', '\u20ac', 'a\r\nb', '\u007f'])
    expect(isSendable({ 'x-ok': 'ok', 'x-other': value })).toBe(false);
  for (const value of ['', 'a b', 'a\tb', 'W/"1"']) expect(isSendable({ 'x-other': value })).toBe(true);
});

describe('a request', () => {
  test.each<[string, Partial<IncomingMessage>, NodeJS.ProcessEnv, number | undefined]>([
    ['that is acceptable', {}, {}, undefined],
    ['with a request line of 8 KiB', { url: `/${'x'.repeat(8176)}` }, {}, undefined],
    ['with a longer one', { url: `/${'x'.repeat(8177)}` }, {}, 414],
    ['of HTTP/1.0 without Host', { httpVersion: '1.0', headers: {} }, {}, 500],
    ['of HTTP/1.1 without Host', { headers: {} }, {}, 400],
    ['with %00 in its URL', { url: '/a%00' }, {}, 400],
    ['with a header that is not UTF-8', { rawHeaders: ['x', '\u00e9'] }, {}, 400],
    ['with a header in UTF-8', { rawHeaders: ['x', '\u00c3\u00a9'] }, {}, undefined],
    ['with a body at the limit', sized(10), { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '10' }, undefined],
    ['with a body above the limit', sized(11), { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '10' }, 500],
    ["with a body above the host's own limit", sized(104_857_601), {}, 500],
  ])('%s: %#', (_title, parts, env, status) => {
    expect(refusalOf(aRequest(parts), env)).toBe(status);
  });

  test('has the scheme that a proxy names', () => {
    const headers = { host: 'a', 'x-forwarded-proto': 'HTTPS' };
    expect(urlOf(aRequest({ headers }), 'http')?.href).toBe('https://a/');
    expect(urlOf(aRequest(), 'http')?.href).toBe('http://a/');
  });

  test('has a URL by a target of its own host alone', () => {
    for (const url of ['file:///etc/passwd', 'ftp://a/', '*', 'http://b/', 'http://c@a/', 'a:80'])
      expect(urlOf(aRequest({ url }), 'http')).toBeUndefined();
    for (const url of ['/v1.0', 'http://a/v1.0', 'https://A/v1.0'])
      expect(urlOf(aRequest({ url }), 'http')?.pathname).toBe('/v1.0');
  });

  test('has its headers decoded as UTF-8', () => {
    expect(headersOf(aRequest({ headersDistinct: { x: ['caf\u00c3\u00a9', 'b'] } }))).toEqual({ x: 'caf\u00e9, b' });
  });
});

function sized(length: number): Partial<IncomingMessage> {
  return { headers: { host: 'a', 'content-length': String(length) } };
}

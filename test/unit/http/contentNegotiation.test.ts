import { describe, expect, test } from '@jest/globals';
import {
  checkODataHeaders,
  chooseMediaType,
  JSON_MEDIA_TYPE,
  ODATA_VERSION,
} from '../../../shared/http/contentNegotiation.ts';
import { faultsOf } from '../../support/faults.ts';

const check = (name: string, value: string) => () => checkODataHeaders(new Headers({ [name]: value }));
const choose = (accept: string | undefined, offered = ['application/json'], format?: string) =>
  chooseMediaType(new Headers(accept === undefined ? {} : { accept }), offered, format);
const notAcceptable = expect.objectContaining({ reason: 'notAcceptable' });

test('the service speaks OData 4.0 in JSON with minimal metadata', () => {
  expect([ODATA_VERSION, JSON_MEDIA_TYPE]).toEqual(['4.0', 'application/json;odata.metadata=minimal;charset=utf-8']);
  expect(checkODataHeaders(new Headers())).toBe('4.0');
});

test('OData-Version is 4.0 or 4.01', () => {
  for (const value of ['4.0', '4.01', ' 4.0 ']) expect(check('OData-Version', value)()).toBe(value.trim());
  const others = ['', '4', '4.', '4.1', '4.00', '4.011', '4x0', '3.0', '5.0', '14.0', '4.0;x', '4.0, 4.01', 'four'];
  for (const value of others) expect(faultsOf(check('OData-Version', value))).toEqual(['InvalidHeader OData-Version']);
  expect(check('odata-version', '3.0')).toThrow('OData-Version must be 4.0 or 4.01.');
});

test('OData-MaxVersion is 4.0 or above', () => {
  for (const value of ['4.0', '4.01', '4.1', '5.0', '10.0', ' 4.0 ']) check('OData-MaxVersion', value)();
  const below = ['', '3.0', '3.99', '2.0', '0.4', '-4.0', '4.x', '0x4.0', 'Infinity', '+4.0', '4.0e1', '4.0, 4.01'];
  for (const value of below)
    expect(faultsOf(check('OData-MaxVersion', value))).toEqual(['InvalidHeader OData-MaxVersion']);
  expect(check('odata-maxversion', '3.0')).toThrow('OData-MaxVersion must be 4.0 or above.');
});

describe('Accept', () => {
  test.each([
    ...['', 'application/json', 'APPLICATION/JSON', 'application/*', '*/*', ', ,'],
    'application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8',
    ...['application/json;metadata=minimal;ExponentialDecimals=false', 'application/json;ODATA.METADATA=minimal'],
    ...['application/json;q=0.001', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ...['text/html;q=0, */*;q=0.1', 'application/json;foo=bar, application/json'],
    ...['application/json, application/json;q=0', 'application/json;q=0, application/json;odata.metadata=minimal'],
    ...['not a media type, text/plain;note="a, b", application/json', 'application/*;q=0, application/json'],
  ])('%j is satisfied by JSON', (value) => {
    expect(choose(value)).toBe('application/json');
  });

  test.each([
    ...['text/*', 'application/atom+xml, text/html', 'application/problem+json', 'application/jsonx', 'json'],
    ...['application/json; Q=0', 'application/json;q=0.000', '*/*;q=0', 'application/json;foo=bar'],
    ...['application/json;odata.unknown=true', 'text/plain;note="application/json, */*"'],
    ...['application/json;xq=1', 'application/json;charsetx=utf-8', 'application/json;xmetadata=minimal'],
    // The most specific range counts.
    ...['application/json;q=0, */*', '*/*, application/json;q=0', 'application/*;q=0, */*;q=0.5'],
  ])('%j is a 406', (value) => {
    expect(() => choose(value)).toThrow(notAcceptable);
  });
});

describe('of the media types that a URL offers', () => {
  const offered = ['application/xml', 'application/json'];

  test.each<[accept: string | undefined, mediaType: string]>([
    [undefined, 'application/xml'],
    ['application/*', 'application/xml'],
    ['application/json', 'application/json'],
    ['application/json;q=0.9, application/xml;q=0.8', 'application/json'],
    ['application/xml;q=0.8, */*;q=0.9', 'application/json'],
    ['application/xml;q=x, application/json', 'application/json'],
  ])('Accept %j prefers one', (accept, mediaType) => {
    expect(choose(accept, offered)).toBe(mediaType);
  });

  test('$format names one, and takes the place of Accept; the message names all', () => {
    const message = 'The response is application/xml or application/json, which Accept does not allow.';
    expect(() => choose('text/html', offered)).toThrow(message);
    for (const format of ['xml', 'application/xml'])
      expect(choose('text/html', offered, format)).toBe('application/xml');
    for (const format of ['JSON', 'Application/JSON;odata.metadata=minimal;charset=utf-8'])
      expect(choose('text/html', offered, format)).toBe('application/json');
    const none = ['', 'atom', 'text/json', 'html', '*/*', 'application/*', '*', 'json, xml'];
    for (const format of [...none, 'application/json;foo=bar'])
      expect(() => choose(undefined, offered, format)).toThrow(
        '$format must be xml or application/xml or json or application/json.',
      );
  });
});

import { describe, expect, test } from '@jest/globals';
import {
  checkODataHeaders,
  chooseMediaType,
  JSON_MEDIA_TYPE,
  ODATA_VERSION,
} from '../../../shared/http/contentNegotiation.ts';

function negotiateJson(headers: Headers) {
  checkODataHeaders(headers);
  chooseMediaType(headers, ['application/json']);
}
const check = (name: string, value: string) => () => negotiateJson(new Headers({ [name]: value }));

test('a request without any of the headers is well', () => {
  expect(() => negotiateJson(new Headers())).not.toThrow();
});

describe('OData-Version', () => {
  test.each(['4.0', '4.01', ' 4.0 '])('%j is spoken', (value) => {
    expect(check('OData-Version', value)).not.toThrow();
  });

  test.each(['', '4', '4.', '4.1', '4.00', '4.011', '4x0', '3.0', '5.0', '14.0', '4.0;x', '4.0, 4.01', 'four'])(
    '%j is a 400',
    (value) => {
      expect(check('OData-Version', value)).toThrow(
        expect.objectContaining({
          reason: 'invalidRequest',
          details: [expect.objectContaining({ code: 'InvalidHeader', target: 'OData-Version' })],
        }),
      );
    },
  );
});

describe('OData-MaxVersion', () => {
  test.each(['4.0', '4.01', '4.1', '5.0', '10.0', ' 4.0 '])('%j admits version 4.0', (value) => {
    expect(check('OData-MaxVersion', value)).not.toThrow();
  });

  test.each(['', '3.0', '3.99', '2.0', '0.4', '-4.0', '4.x', '0x4.0', 'Infinity', '+4.0', '4.0e1', '4.0, 4.01'])(
    '%j is a 400',
    (value) => {
      expect(check('OData-MaxVersion', value)).toThrow(
        expect.objectContaining({
          reason: 'invalidRequest',
          details: [expect.objectContaining({ code: 'InvalidHeader', target: 'OData-MaxVersion' })],
        }),
      );
    },
  );
});

describe('Accept', () => {
  test.each([
    ...['', 'application/json', 'APPLICATION/JSON', 'application/*', '*/*'],
    'application/json;odata.metadata=minimal',
    'application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8',
    ...['application/json;metadata=minimal;ExponentialDecimals=false', 'application/json;ODATA.METADATA=minimal'],
    ...['application/json;charset="utf-8"', 'application/json;q=0.001', 'application/json;q=1.000'],
    ...['text/html, application/json', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ...['text/html;q=0, */*;q=0.1', 'application/json;foo=bar, application/json'],
    'application/json;odata.metadata=minimal, application/json;q=0',
    ...['application/json;q=0, application/json;odata.metadata=minimal', 'text/plain;note="a, b", application/json'],
    ...['not a media type, application/json', ', application/json'],
  ])('%j is satisfied by JSON', (value) => {
    expect(check('Accept', value)).not.toThrow();
  });

  test.each([
    ...['text/html', 'text/*', 'application/xml', 'application/atom+xml, text/html', 'application/problem+json'],
    ...['application/jsonx', 'json', 'not a media type', 'application/json;q=0', 'application/json; Q=0'],
    ...['application/json;q=0.000', '*/*;q=0', 'application/json;q=0, text/html', 'application/json;foo=bar'],
    ...['application/json;odata.unknown=true', 'text/plain;note="application/json, */*"'],
    'text/plain;note=",application/json,"',
  ])('%j is a 406', (value) => {
    expect(check('Accept', value)).toThrow(expect.objectContaining({ reason: 'notAcceptable' }));
  });

  test.each(['application/json;q=0, */*', '*/*, application/json;q=0', 'application/*;q=0, */*;q=0.5'])(
    'the most specific range counts, so that %j is a 406',
    (value) => {
      expect(check('Accept', value)).toThrow(expect.objectContaining({ reason: 'notAcceptable' }));
    },
  );

  test('application/*;q=0, application/json: the most specific range counts, and JSON satisfies it', () => {
    expect(check('Accept', 'application/*;q=0, application/json')).not.toThrow();
  });
});

describe('the message to a caller', () => {
  test.each([
    ['odata-version', '3.0', 'OData-Version must be 4.0 or 4.01.'],
    ['odata-maxversion', '3.0', 'OData-MaxVersion must be 4.0 or above.'],
    ['accept', 'text/html', 'The response is application/json, which Accept does not allow.'],
  ])('of %s: %s is what would be right', (name, value, message) => {
    expect(check(name, value)).toThrow(message);
  });
});

test('an Accept of empty members is no Accept', () => {
  expect(check('accept', ', ,')).not.toThrow();
});

test.each(['xq=1', 'charsetx=utf-8', 'xmetadata=minimal'])(
  'a parameter that only looks like a known one is not: %s',
  (parameter) => {
    expect(check('accept', `application/json;${parameter}`)).toThrow(
      expect.objectContaining({ reason: 'notAcceptable' }),
    );
  },
);

test('the service speaks OData 4.0 in JSON with minimal metadata', () => {
  expect([ODATA_VERSION, JSON_MEDIA_TYPE]).toEqual(['4.0', 'application/json;odata.metadata=minimal;charset=utf-8']);
});

describe('of the media types that an address offers', () => {
  const rows: [accept: string | undefined, mediaType: string][] = [
    [undefined, 'application/xml'],
    ['', 'application/xml'],
    ['application/*', 'application/xml'],
    ['application/json', 'application/json'],
    ['application/json;q=0.9, application/xml;q=0.8', 'application/json'],
    ['application/xml;q=0.8, */*;q=0.9', 'application/json'],
    ['application/xml;q=x, application/json', 'application/json'],
  ];
  test.each(rows)('Accept %j prefers one', (accept, mediaType) => {
    const headers = new Headers(accept === undefined ? {} : { accept });
    expect(chooseMediaType(headers, ['application/xml', 'application/json'])).toBe(mediaType);
  });

  test.each([
    ['xml', 'application/xml'],
    ['JSON', 'application/json'],
    ['application/xml', 'application/xml'],
    ['Application/JSON;odata.metadata=minimal;charset=utf-8', 'application/json'],
  ])('$format %j names one, and takes the place of Accept', (format, mediaType) => {
    const headers = new Headers({ accept: 'text/html' });
    expect(chooseMediaType(headers, ['application/xml', 'application/json'], format)).toBe(mediaType);
  });

  test.each(['', 'atom', 'text/json', 'html', '*/*', 'application/*', '*', 'json, xml', 'application/json;foo=bar'])(
    '$format %j names none',
    (format) => {
      const refused = () => chooseMediaType(new Headers(), ['application/xml', 'application/json'], format);
      expect(refused).toThrow('$format must be xml or application/xml or json or application/json.');
    },
  );

  test('none may be acceptable, and the message names all', () => {
    const refused = () =>
      chooseMediaType(new Headers({ accept: 'text/html' }), ['application/xml', 'application/json']);
    expect(refused).toThrow('The response is application/xml or application/json, which Accept does not allow.');
  });
});

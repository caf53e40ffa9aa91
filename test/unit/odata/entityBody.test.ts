import { describe, expect, test } from '@jest/globals';
import { JSON_MEDIA_TYPE, negotiate, ODATA_VERSION } from '../../../shared/http/contentNegotiation.ts';
import { readReturnPreference } from '../../../shared/http/preferences.ts';
import { serviceRoot, toEntityBody } from '../../../shared/odata/entityBody.ts';
import { anOperation } from '../../support/operations.ts';

const check = (name: string, value: string) => () => negotiate(new Headers({ [name]: value }));

test('a request without any of the headers is well', () => {
  expect(() => negotiate(new Headers())).not.toThrow();
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

  test.each(['', '3.0', '3.99', '2.0', '0.4', '-4.0', '4.x', '0x4.0', 'Infinity', 'four', '4.0, 4.01'])(
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
    '',
    'application/json',
    'APPLICATION/JSON',
    'application/*',
    '*/*',
    'application/json;odata.metadata=minimal',
    'application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8',
    'application/json;metadata=minimal;ExponentialDecimals=false',
    'application/json;ODATA.METADATA=minimal',
    'application/json;charset="utf-8"',
    'application/json;q=0.001',
    'application/json;q=1.000',
    'text/html, application/json',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'text/html;q=0, */*;q=0.1',
    'application/json;foo=bar, application/json',
    'text/plain;note="a, b", application/json',
    'not a media type, application/json',
    ', application/json',
  ])('%j is satisfied by JSON', (value) => {
    expect(check('Accept', value)).not.toThrow();
  });

  test.each([
    'text/html',
    'text/*',
    'application/xml',
    'application/atom+xml, text/html',
    'application/problem+json',
    'application/jsonx',
    'json',
    'not a media type',
    'application/json;q=0',
    'application/json; Q=0',
    'application/json;q=0.000',
    '*/*;q=0',
    'application/json;q=0, text/html',
    'application/json;foo=bar',
    'application/json;odata.unknown=true',
    'text/plain;note="application/json, */*"',
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

describe('Prefer', () => {
  test.each([
    ['return=minimal', 'minimal'],
    ['return=representation', 'representation'],
    ['RETURN=Minimal', 'minimal'],
    ['Return=REPRESENTATION', 'representation'],
    ['return="minimal"', 'minimal'],
    [' return = minimal ', 'minimal'],
    ['return=minimal; note=x', 'minimal'],
    ['return=minimal, return=representation', 'minimal'],
    ['return=representation, return=minimal', 'representation'],
    ['respond-async, return=minimal, wait=10', 'minimal'],
    ['odata.maxpagesize=5;x="a,b", return=minimal', 'minimal'],
    ['note="a, return=minimal", return=representation', 'representation'],
    [',, return=minimal', 'minimal'],
  ])('%j is the preference for %s', (value, preference) => {
    expect(readReturnPreference(new Headers({ Prefer: value }))).toBe(preference);
  });

  test('that is sent in several headers is one list, of which the first counts', () => {
    const headers = new Headers({ Prefer: 'respond-async' });
    headers.append('Prefer', 'return=representation');
    headers.append('Prefer', 'return=minimal');
    expect(readReturnPreference(headers)).toBe('representation');
  });

  test.each([
    '',
    'respond-async',
    'return',
    'return=',
    'return=""',
    'return=everything',
    'return=minimalist',
    'return=minimal-ish',
    'no-return=minimal',
    'x.return=minimal',
    'handling=strict; return=minimal',
    'note="return=minimal"',
    'note="a, return=minimal, b"',
    'note="a, return=minimal"; x="b, c"',
    String.raw`note="a\", return=minimal, \"b"`,
  ])('%j is no preference that is known, and is passed over', (value) => {
    expect(readReturnPreference(new Headers({ Prefer: value }))).toBeUndefined();
  });

  test('that is not sent is none', () => {
    expect(readReturnPreference(new Headers())).toBeUndefined();
  });
});

describe('the root of the service', () => {
  test.each([
    ['https://host/v1.0', 'https://host/v1.0'],
    ['https://host/v1.0/', 'https://host/v1.0'],
    ['https://host/v1.0/playPromptOperation', 'https://host/v1.0'],
    ['https://host/v1.0/playPromptOperation/v1.0', 'https://host/v1.0'],
    ["https://host/v1.0/playPromptOperation('a')", 'https://host/v1.0'],
    ['https://host/V1.0/playpromptoperation', 'https://host/V1.0'],
    ['https://host/v1.0/$batch', 'https://host/v1.0'],
    ['https://host/v1.0/playPromptOperation?x=/v1.0/', 'https://host/v1.0'],
    ['http://127.0.0.1:7071/api/v1.0/playPromptOperation/a?x=1', 'http://127.0.0.1:7071/api/v1.0'],
    ['https://host/v1.01/v1.0/playPromptOperation', 'https://host/v1.01/v1.0'],
    ['https://host/%761.0/playPromptOperation', 'https://host/v1.0'],
  ])('%s has the root %s', (url, root) => {
    expect(serviceRoot(url)).toBe(root);
  });
});

describe('the entity as it is answered', () => {
  const root = 'https://host/v1.0';

  test('has its annotations first, then its properties in the order of the reference page', () => {
    const operation = anOperation({ id: 'a' });
    const { clientContext, resultInfo, status, completionReason } = operation;
    const shuffled = { completionReason, status, resultInfo, clientContext, id: 'a' };
    expect(JSON.stringify(toEntityBody(root, shuffled, 'W/"1"'))).toBe(
      JSON.stringify({
        '@odata.context': 'https://host/v1.0/$metadata#playPromptOperation/$entity',
        '@odata.type': '#microsoft.graph.playPromptOperation',
        '@odata.etag': 'W/"1"',
        id: 'a',
        clientContext: 'call 7',
        resultInfo: { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 1, message: 'played' },
        status: 'Completed',
        completionReason: 'completedSuccessfully',
      }),
    );
  });

  test('has null for what is null', () => {
    const operation = anOperation({ id: 'a', clientContext: null, resultInfo: null, completionReason: null });
    expect(JSON.stringify(toEntityBody(root, operation, '"2"'))).toBe(
      JSON.stringify({
        '@odata.context': 'https://host/v1.0/$metadata#playPromptOperation/$entity',
        '@odata.type': '#microsoft.graph.playPromptOperation',
        '@odata.etag': '"2"',
        id: 'a',
        clientContext: null,
        resultInfo: null,
        status: 'Completed',
        completionReason: null,
      }),
    );
  });

  test('has a resultInfo without a message, whose message is null', () => {
    const operation = anOperation({ resultInfo: { code: 0, subcode: 0, message: null } });
    expect(JSON.stringify(toEntityBody(root, operation, '"3"').resultInfo)).toBe(
      '{"@odata.type":"microsoft.graph.resultInfo","code":0,"subcode":0,"message":null}',
    );
  });
});

describe('what a caller is told', () => {
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

test('a quoted string that does not end takes the rest of the header', () => {
  expect(readReturnPreference(new Headers({ prefer: 'a="x, return=minimal' }))).toBeUndefined();
});

test('an entity of which properties are selected has these alone, says so, and keeps its annotations', () => {
  const body = toEntityBody('https://host/v1.0', anOperation({ id: 'a' }), 'W/"1"', ['id', 'status']);
  expect(Object.entries(body)).toEqual([
    ['@odata.context', 'https://host/v1.0/$metadata#playPromptOperation(id,status)/$entity'],
    ['@odata.type', '#microsoft.graph.playPromptOperation'],
    ['@odata.etag', 'W/"1"'],
    ['id', 'a'],
    ['status', 'Completed'],
  ]);
});

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
    expect(negotiate(headers, ['application/xml', 'application/json'])).toBe(mediaType);
  });

  test('none may be acceptable, which is said of all', () => {
    const refused = () => negotiate(new Headers({ accept: 'text/html' }), ['application/xml', 'application/json']);
    expect(refused).toThrow('The response is application/xml or application/json, which Accept does not allow.');
  });
});

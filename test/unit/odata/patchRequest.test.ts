import { describe, expect, test } from '@jest/globals';
import { validatePatch } from '../../../shared/odata/patchRequest.ts';
import {
  completionReasons,
  idOfClientContext,
  operationStatuses,
} from '../../../shared/operation/playPromptOperation.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { TENANT } from '../../support/operations.ts';

type Fault = readonly [code: string, target: string];

/** The faults for which a request is refused, in the order of their targets; none when it is taken. */
function faultsOf(body: unknown, addressId?: string): Fault[] {
  try {
    validatePatch(body, addressId, TENANT);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    expect(error.reason).toEqual('invalidRequest');
    for (const { message } of error.details) expect(message).not.toBe('');
    return inOrder(error.details.map(({ code, target }): Fault => [code, target]));
  }
  return [];
}

const inOrder = (faults: readonly Fault[]) => faults.toSorted((a, b) => (a.join() < b.join() ? -1 : 1));

/** What is taken of a body, for an operation that is named by the address. */
const patchOf = (body: object) => validatePatch(body, 'a', TENANT).patch;

describe('a body that is no JSON object is refused', () => {
  test.each([[null], [[]], [[{ id: 'a' }]], ['text'], [1], [true]])('%j', (body) => {
    expect(() => validatePatch(body, 'a', TENANT)).toThrow(expect.objectContaining({ reason: 'invalidRequest' }));
  });
});

describe('the operation is named by', () => {
  test.each([
    ['the id in the URL', {}, 'A1._~-', 'A1._~-'],
    ['it before the clientContext', { clientContext: 'c' }, 'a', 'a'],
    ['it with the same in the body', { id: 'a' }, 'a', 'a'],
    ['the id in the body', { id: 'a' }, undefined, 'a'],
    ['it before the clientContext', { clientContext: 'c', id: 'a' }, undefined, 'a'],
    ['the clientContext', { clientContext: 'c' }, undefined, idOfClientContext(TENANT, 'c')],
  ])('%s: %j', (_title, body, addressId, id) => {
    expect(validatePatch(body, addressId, TENANT)).toEqual({ id, patch: body });
  });

  test.each([
    [{}],
    [{ clientContext: null }],
    [{ clientContext: '' }],
    [{ status: 'Running' }],
    [{ '@odata.id': 'a' }],
  ])('nothing in %j', (body) => {
    expect(faultsOf(body)).toEqual([['MissingIdentity', 'id']]);
  });
});

describe('an id in the body that is not the one in the URL is refused', () => {
  test.each(['b', 'A', 'aa'])('%s', (id) => {
    expect(faultsOf({ id }, 'a')).toEqual([['IdMismatch', 'id']]);
  });
});

describe('an id is 1 to 128 characters, the first a letter or digit', () => {
  test.each(['a', '0', 'Z', 'a.b_c~d-e', 'a'.repeat(128)])('%s is one', (id) => {
    expect(validatePatch({ id }, undefined, TENANT).id).toBe(id);
    expect(validatePatch({}, id, TENANT).id).toBe(id);
  });

  test.each([
    ['InvalidValue', ''],
    ['InvalidValue', '.a'],
    ['InvalidValue', '-a'],
    ['InvalidValue', '_a'],
    ['InvalidValue', '~a'],
    ['InvalidValue', 'a b'],
    ['InvalidValue', 'a/b'],
    ['InvalidValue', 'a\n'],
    ['InvalidValue', 'a\0'],
    ['InvalidValue', 'é'],
    ['InvalidValue', 'a\ud800'],
    ['InvalidValue', "a'"],
    ['TooLong', 'a'.repeat(129)],
  ])('%s: %j is none', (code, id) => {
    expect(faultsOf({ id })).toEqual([[code, 'id']]);
    expect(faultsOf({}, id)).toEqual([[code, 'id']]);
  });

  test('null is as absent, since an id cannot be cleared', () => {
    expect(faultsOf({ id: null })).toEqual([['MissingIdentity', 'id']]);
    expect(validatePatch({ id: null }, 'a', TENANT).id).toBe('a');
    const clientContext = 'call 7';
    expect(validatePatch({ id: null, clientContext }, undefined, TENANT).id).toBe(
      validatePatch({ clientContext }, undefined, TENANT).id,
    );
  });

  test.each([[7], [true], [['a']], [{}]])('%j is none', (id) => {
    expect(faultsOf({ id })).toEqual([['InvalidType', 'id']]);
    expect(faultsOf({ id }, 'a')).toEqual([['InvalidType', 'id']]);
  });
});

describe('what is not a property is refused by its name', () => {
  test.each([
    ['{"Status":"Running"}', ['Status']],
    ['{"foo":1,"bar":null}', ['bar', 'foo']],
    ['{"__proto__":{"status":"Running"}}', ['__proto__']],
    ['{"constructor":1,"toString":2,"hasOwnProperty":3}', ['constructor', 'hasOwnProperty', 'toString']],
    ['{"":1}', ['']],
    ['{"a/b":1}', ['a/b']],
    ['{"resultInfo":{"foo":1,"Code":2}}', ['resultInfo/Code', 'resultInfo/foo']],
    ['{"resultInfo":{"__proto__":{"code":1},"constructor":{}}}', ['resultInfo/__proto__', 'resultInfo/constructor']],
    ['{"@odata":1,"@odatatype":2,"odata.type":3}', ['odata.type']],
  ])('%s', (text, targets) => {
    expect(faultsOf(JSON.parse(text), 'a')).toEqual(inOrder(targets.map((target) => ['UnknownProperty', target])));
  });

  test.each([{ '': 1 }, { resultInfo: { '': 1 } }])('has a message of its own where the name is empty: %j', (body) => {
    expect(() => patchOf(body)).toThrow(
      expect.objectContaining({ message: 'The member whose name is empty is not a property of the resource.' }),
    );
  });

  test('and pollutes nothing', () => {
    faultsOf(JSON.parse('{"__proto__":{"polluted":1},"resultInfo":{"__proto__":{"polluted":1}}}'), 'a');
    expect(Object.prototype).not.toHaveProperty('polluted');
  });
});

describe('annotations', () => {
  test('other than @odata.type are ignored, with any value', () => {
    const body = {
      '@odata.context': 5,
      '@odata.etag': 'W/"1"',
      '@odata.id': null,
      'status@odata.type': '#Edm.Int32',
      'foo@odata.unknown': {},
      status: 'Running',
      resultInfo: { '@odata.etag': [], 'code@odata.type': 1, code: 1 },
    };
    expect(patchOf(body)).toEqual({ status: 'Running', resultInfo: { code: 1 } });
  });

  test.each(['#microsoft.graph.playPromptOperation', 'microsoft.graph.playPromptOperation'])(
    '@odata.type may be %s',
    (type) => {
      expect(patchOf({ '@odata.type': type, status: 'Running' })).toMatchObject({ status: 'Running' });
    },
  );

  test.each(['#microsoft.graph.resultInfo', 'microsoft.graph.resultInfo'])(
    '@odata.type of resultInfo may be %s',
    (type) => {
      expect(patchOf({ resultInfo: { '@odata.type': type, code: 5 } })).toMatchObject({ resultInfo: { code: 5 } });
    },
  );

  test.each([
    ['InvalidValue', '#microsoft.graph.commsOperation'],
    ['InvalidValue', '##microsoft.graph.playPromptOperation'],
    ['InvalidValue', '#microsoft.graph.PlayPromptOperation'],
    ['InvalidValue', ' #microsoft.graph.playPromptOperation'],
    ['InvalidValue', '#microsoft.graph.resultInfo'],
    ['InvalidValue', ''],
    ['InvalidType', 5],
  ])('%s: @odata.type must not be %j', (code, type) => {
    expect(faultsOf({ '@odata.type': type }, 'a')).toEqual([[code, '@odata.type']]);
  });

  test.each([
    ['InvalidValue', '#microsoft.graph.playPromptOperation'],
    ['InvalidValue', 'resultInfo'],
    ['InvalidType', 5],
  ])('%s: @odata.type of resultInfo must not be %j', (code, type) => {
    expect(faultsOf({ resultInfo: { '@odata.type': type } }, 'a')).toEqual([[code, 'resultInfo/@odata.type']]);
  });
});

test('all faults are reported at once', () => {
  const body = JSON.parse(`{
    "@odata.type": "#microsoft.graph.call",
    "id": 7,
    "clientContext": "${'c'.repeat(257)}",
    "resultInfo": {
      "@odata.type": "#microsoft.graph.call", "code": 2147483648, "subcode": 0.5, "message": "\\u0000", "foo": 1
    },
    "status": "Paused",
    "completionReason": 1,
    "foo": 1,
    "__proto__": 1
  }`);
  expect(faultsOf(body)).toEqual(
    inOrder([
      ['InvalidValue', '@odata.type'],
      ['InvalidType', 'id'],
      ['TooLong', 'clientContext'],
      ['InvalidValue', 'resultInfo/@odata.type'],
      ['OutOfRange', 'resultInfo/code'],
      ['InvalidType', 'resultInfo/subcode'],
      ['InvalidValue', 'resultInfo/message'],
      ['UnknownProperty', 'resultInfo/foo'],
      ['InvalidValue', 'status'],
      ['InvalidValue', 'completionReason'],
      ['UnknownProperty', 'foo'],
      ['UnknownProperty', '__proto__'],
    ]),
  );
});

test.each<[string, object, string | undefined, Fault[]]>([
  [
    'an operation that is not named',
    { status: 'x' },
    undefined,
    [
      ['InvalidValue', 'status'],
      ['MissingIdentity', 'id'],
    ],
  ],
  [
    'an id that is not the one in the URL',
    { id: 'b', foo: 1 },
    'a',
    [
      ['IdMismatch', 'id'],
      ['UnknownProperty', 'foo'],
    ],
  ],
  [
    'an id that none can have in the URL',
    { foo: 1 },
    '-',
    [
      ['InvalidValue', 'id'],
      ['UnknownProperty', 'foo'],
    ],
  ],
])('%s is reported with the faults of the body', (_title, body, addressId, faults) => {
  expect(faultsOf(body, addressId)).toEqual(inOrder(faults));
});

describe('a string', () => {
  const context = (clientContext: string) => ({ clientContext });
  const message = (text: string) => ({ resultInfo: { message: text } });

  test.each([
    ['clientContext', 256, context, 'clientContext'],
    ['message', 8192, message, 'resultInfo/message'],
  ])('%s has at most %i UTF-16 code units', (_name, most, body, target) => {
    for (const longest of ['a'.repeat(most), 'é'.repeat(most), '😀'.repeat(most / 2)]) {
      expect(patchOf(body(longest))).toEqual(body(longest));
      expect(faultsOf(body(`${longest}a`), 'a')).toEqual([['TooLong', target]]);
    }
  });

  test.each([
    ['a high surrogate alone', 'a\ud83d'],
    ['a low surrogate alone', '\ude00a'],
    ['a pair in the wrong order', '\ude00\ud83d'],
    ['NUL', 'a\0b'],
  ])('never holds %s', (_title, text) => {
    expect(faultsOf(context(text), 'a')).toEqual([['InvalidValue', 'clientContext']]);
    expect(faultsOf(context(text))).toEqual([['InvalidValue', 'clientContext']]);
    expect(faultsOf(message(text), 'a')).toEqual([['InvalidValue', 'resultInfo/message']]);
  });

  test.each(['', ' ', '\t\n', '\u0001', '\ufffe', '\u202e', '<script>', '😀', 'e\u0301'])('may hold %j', (text) => {
    expect(patchOf(context(text))).toEqual(context(text));
    expect(patchOf(message(text))).toEqual(message(text));
  });

  test.each([[1], [true], [['a']], [{}]])('is not %j', (value) => {
    expect(faultsOf({ clientContext: value }, 'a')).toEqual([['InvalidType', 'clientContext']]);
    expect(faultsOf({ clientContext: value })).toEqual([['InvalidType', 'clientContext']]);
    expect(faultsOf({ resultInfo: { message: value } }, 'a')).toEqual([['InvalidType', 'resultInfo/message']]);
  });
});

describe('a member of an enumeration is taken in any casing', () => {
  test.each([...operationStatuses])('status %s', (name) => {
    for (const status of [name, name.toLowerCase(), name.toUpperCase(), name.charAt(0).toLowerCase() + name.slice(1)]) {
      expect(patchOf({ status })).toEqual({ status: name });
    }
  });

  test.each([...completionReasons])('completionReason %s', (name) => {
    for (const completionReason of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(patchOf({ completionReason })).toEqual({ completionReason: name });
    }
  });

  test.each([['String'], [''], [' Running'], ['NotStarted,Running'], ['1'], [1], [true], [['Running']], [{}]])(
    'and %j is none',
    (value) => {
      expect(faultsOf({ status: value }, 'a')).toEqual([['InvalidValue', 'status']]);
      expect(faultsOf({ completionReason: value }, 'a')).toEqual([['InvalidValue', 'completionReason']]);
    },
  );

  test('and a member of the other one is none', () => {
    expect(faultsOf({ status: 'unknown' }, 'a')).toEqual([['InvalidValue', 'status']]);
    expect(faultsOf({ completionReason: 'Running' }, 'a')).toEqual([['InvalidValue', 'completionReason']]);
  });
});

describe.each(['code', 'subcode'])('resultInfo/%s is an Int32', (name) => {
  const target = `resultInfo/${name}`;
  const withValue = (text: string) => JSON.parse(`{"resultInfo":{"${name}":${text}}}`);

  test.each([
    ['0', 0],
    ['-0', 0],
    ['1', 1],
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
    ['1.0', 1],
    ['2e2', 200],
  ])('%s is one', (text, value) => {
    expect(patchOf(withValue(text))).toStrictEqual({ resultInfo: { [name]: value } });
  });

  test.each(['2147483648', '-2147483649', '4294967296', '9007199254740993', '1e300', '-1e300'])(
    '%s is out of its range',
    (text) => {
      expect(faultsOf(withValue(text), 'a')).toEqual([['OutOfRange', target]]);
    },
  );

  test.each(['0.5', '-1.5', '1e-9', '2147483647.5', '1e999', '"1"', 'true', '[]', '{}', 'null'])(
    '%s is none',
    (text) => {
      expect(new Set(faultsOf(withValue(text), 'a').map(([, at]) => at))).toEqual(new Set([target]));
      expect(faultsOf(withValue(text), 'a')).toContainEqual(['InvalidType', target]);
    },
  );
});

describe('null', () => {
  test('clears what may be null', () => {
    const body = { clientContext: null, resultInfo: null, completionReason: null };
    expect(patchOf(body)).toStrictEqual(body);
    expect(patchOf({ resultInfo: { message: null } })).toStrictEqual({ resultInfo: { message: null } });
  });

  test.each([
    [{ status: null }, 'status'],
    [{ resultInfo: { code: null } }, 'resultInfo/code'],
    [{ resultInfo: { subcode: null } }, 'resultInfo/subcode'],
  ])('does not clear what may not: %j', (body, target) => {
    expect(faultsOf(body, 'a').map(([, at]) => at)).toEqual([target]);
  });
});

describe('a resultInfo', () => {
  test.each([[{}], [{ code: 1 }], [{ code: 1, subcode: 2, message: 'm' }]])(
    '%j is an object of its members',
    (value) => {
      expect(patchOf({ resultInfo: value })).toStrictEqual({ resultInfo: value });
    },
  );

  test.each([['text'], [1], [true], [[]], [[{ code: 1 }]]])('is not %j', (value) => {
    expect(faultsOf({ resultInfo: value }, 'a')).toEqual([['InvalidType', 'resultInfo']]);
  });
});

test('an empty object is a patch without changes', () => {
  expect(validatePatch({}, 'a', TENANT)).toStrictEqual({ id: 'a', patch: {} });
});

test('the body is not modified', () => {
  const body = { '@odata.etag': 'x', status: 'running', resultInfo: { '@odata.etag': 'x', code: 1 } };
  const before = structuredClone(body);
  validatePatch(body, 'a', TENANT);
  expect(body).toStrictEqual(before);
});

describe('the message to a caller', () => {
  test.each([
    [{ status: 7 }, 'status must be one of NotStarted, Running, Completed, Failed.'],
    [{ clientContext: '\0' }, 'clientContext must be well-formed Unicode without NUL.'],
    [
      { '@odata.type': 'x' },
      '@odata.type must be "#microsoft.graph.playPromptOperation" or "microsoft.graph.playPromptOperation".',
    ],
    [{ id: 'b' }, 'id must equal the id in the URL, or be left out.'],
    [[], 'The body must be a JSON object.'],
    [{ x: 1, y: 2 }, 'The request has 2 faults; details names each.'],
  ])('of %j is what would be right', (body, message) => {
    expect(() => validatePatch(body, 'a', TENANT)).toThrow(message);
  });

  test('of an id in the URL is that it is there', () => {
    const message = /^The id in the URL must be 1 to 128 characters of .*, the first a letter or digit\.$/;
    expect(() => validatePatch({}, '-', TENANT)).toThrow(message);
  });

  test('of a request that names no operation are the three ways to name one', () => {
    const ways = 'send an id in the URL, an id in the body, or a clientContext that is not empty in the body.';
    expect(() => validatePatch({}, undefined, TENANT)).toThrow(`The request names no operation: ${ways}`);
  });
});

import { describe, expect, test } from '@jest/globals';
import { type ODataVersion, validatePatch } from '../../../shared/odata/patchRequest.ts';
import {
  completionReasons,
  idOfClientContext,
  operationStatuses,
} from '../../../shared/operation/playPromptOperation.ts';
import { faultsOf as faultsIn } from '../../support/faults.ts';
import { TENANT } from '../../support/operations.ts';

/** The faults of a request, sorted. */
const faultsOf = (body: unknown, idInUrl?: string, version?: ODataVersion) =>
  faultsIn(() => validatePatch(body, idInUrl, TENANT, version)).sort();
/** What is taken of a body, for an operation that the URL names. */
const patchOf = (body: object, version?: ODataVersion) => validatePatch(body, 'a', TENANT, version).patch;

test.each([
  ['the id in the URL', {}, 'A1._~-', 'A1._~-'],
  ['it before the clientContext', { clientContext: 'c' }, 'a', 'a'],
  ['it with the same in the body', { id: 'a' }, 'a', 'a'],
  ['the id in the body', { id: 'a' }, undefined, 'a'],
  ['it before the clientContext', { clientContext: 'c', id: 'a' }, undefined, 'a'],
  ['the clientContext', { clientContext: 'c' }, undefined, idOfClientContext(TENANT, 'c')],
])('the operation is named by %s: %j', (_title, body, idInUrl, id) => {
  expect(validatePatch(body, idInUrl, TENANT)).toStrictEqual({ id, patch: body });
});

test.each([
  {},
  { clientContext: null },
  { clientContext: '' },
  { status: 'Running' },
  { '@odata.id': 'a' },
  { id: null },
])('the operation is named by nothing in %j', (body) => {
  expect(faultsOf(body)).toEqual(['MissingIdentity id']);
});

test('an id that is null is as absent, since an id cannot be cleared', () => {
  expect(validatePatch({ id: null }, 'a', TENANT).id).toBe('a');
  const [given, absent] = [{ id: null, clientContext: 'c' }, { clientContext: 'c' }].map(
    (body) => validatePatch(body, undefined, TENANT).id,
  );
  expect(given).toBe(absent);
});

test.each(['a', '0', 'Z', 'a.b_c~d-e', 'a'.repeat(128)])('%s can be an id', (id) => {
  expect(validatePatch({ id }, undefined, TENANT).id).toBe(id);
  expect(validatePatch({}, id, TENANT).id).toBe(id);
});

test.each(['', '.a', '-a', '_a', '~a', 'a b', 'a/b', 'a\n', 'a\0', 'é', 'a\ud800', "a'", 'a'.repeat(129)])(
  '%j cannot be an id',
  (id) => {
    const fault = id.length > 128 ? 'TooLong id' : 'InvalidValue id';
    expect(faultsOf({ id })).toEqual([fault]);
    expect(faultsOf({}, id)).toEqual([fault]);
  },
);

test.each<[text: string, ...targets: string[]]>([
  ['{"Status":"Running"}', 'Status'],
  ['{"foo":1,"bar":null}', 'bar', 'foo'],
  ['{"__proto__":{"status":"Running"}}', '__proto__'],
  ['{"constructor":1,"toString":2,"hasOwnProperty":3}', 'constructor', 'hasOwnProperty', 'toString'],
  ['{"":1}', ''],
  ['{"a/b":1}', 'a/b'],
  ['{"resultInfo":{"foo":1,"Code":2}}', 'resultInfo/Code', 'resultInfo/foo'],
  ['{"resultInfo":{"__proto__":{"code":1},"constructor":{}}}', 'resultInfo/__proto__', 'resultInfo/constructor'],
  ['{"@odata":1,"@odatatype":2,"odata.type":3}', 'odata.type'],
])('what is not a property is refused by its name: %s', (text, ...targets) => {
  expect(faultsOf(JSON.parse(text), 'a')).toEqual(targets.map((target) => `UnknownProperty ${target}`));
  expect(Object.prototype).not.toHaveProperty('status');
});

describe('annotations', () => {
  test.each(['4.0', '4.01'] as const)('other than the type are ignored in OData %s, with any value', (version) => {
    const body = {
      ...{ '@odata.context': 5, '@odata.etag': 'W/"1"', '@odata.id': null, '@odata.nextLink': 'a\0', '@note': 1 },
      ...{ 'status@odata.type': '#Edm.Int32', 'foo@odata.unknown': {}, 'id@odata.x': '\ud800' },
      ...{ status: 'Running', resultInfo: { '@odata.etag': [], 'code@odata.type': 1, code: 1 } },
    };
    const before = structuredClone(body);
    expect(patchOf(body, version)).toEqual({ status: 'Running', resultInfo: { code: 1 } });
    expect(body).toStrictEqual(before);
  });

  const types = [
    ['@odata.type', 'playPromptOperation', (type: unknown, name = '@odata.type') => ({ [name]: type })],
    [
      'resultInfo/@odata.type',
      'resultInfo',
      (type: unknown, name = '@odata.type') => ({ resultInfo: { [name]: type } }),
    ],
  ] as const;
  test.each(types)('%s names the type, with # or without, or is null', (target, own, withType) => {
    for (const type of [`#microsoft.graph.${own}`, `microsoft.graph.${own}`, null]) {
      expect(faultsOf(withType(type), 'a')).toEqual([]);
      expect(faultsOf(withType(type, '@type'), 'a', '4.01')).toEqual([]);
    }
    const others = ['commsOperation', own.toUpperCase(), types.find(([, other]) => other !== own)?.[1]];
    const wrong = others.map((name) => `#microsoft.graph.${name}`);
    for (const type of [...wrong, `##microsoft.graph.${own}`, ` #microsoft.graph.${own}`, own, '']) {
      expect(faultsOf(withType(type), 'a')).toEqual([`InvalidValue ${target}`]);
      expect(faultsOf(withType(type, '@type'), 'a', '4.01')).toEqual([`InvalidValue ${target}`]);
      expect(faultsOf(withType(type, '@type'), 'a')).toEqual([]);
    }
    expect(faultsOf(withType(5), 'a')).toEqual([`InvalidType ${target}`]);
  });

  test('@type beside @odata.type is a member twice in OData 4.01', () => {
    const both = { '@odata.type': '#microsoft.graph.call', '@type': '#microsoft.graph.playPromptOperation' };
    for (const body of [both, { resultInfo: both }])
      expect(faultsOf(body, 'a', '4.01')).toEqual(['DuplicateProperty @type']);
  });
});

test('all faults are reported at once', () => {
  const body = JSON.parse(`{
    "@odata.type": "#microsoft.graph.call", "id": 7, "clientContext": "${'c'.repeat(257)}", "status": "Paused",
    "resultInfo": {
      "@odata.type": "#microsoft.graph.call", "code": 2147483648, "subcode": 0.5, "message": "\\u0000", "foo": 1
    },
    "completionReason": 1, "foo": 1, "__proto__": 1
  }`);
  expect(faultsOf(body)).toEqual([
    ...['InvalidType id', 'InvalidType resultInfo/subcode', 'InvalidValue @odata.type'],
    ...['InvalidValue completionReason', 'InvalidValue resultInfo/@odata.type', 'InvalidValue resultInfo/message'],
    ...['InvalidValue status', 'OutOfRange resultInfo/code', 'TooLong clientContext'],
    ...['UnknownProperty __proto__', 'UnknownProperty foo', 'UnknownProperty resultInfo/foo'],
  ]);
});

test.each<[object, string | undefined, string]>([
  [{}, undefined, 'MissingIdentity id'],
  [{ id: 'b' }, 'a', 'IdMismatch id'],
  [{ id: 'A' }, 'a', 'IdMismatch id'],
  [{ id: 'aa' }, 'a', 'IdMismatch id'],
  [{}, '-', 'InvalidValue id'],
])('the id is at fault together with the body: %j at %s', (body, idInUrl, fault) => {
  expect(faultsOf({ ...body, foo: 1 }, idInUrl)).toEqual([fault, 'UnknownProperty foo']);
});

describe('a string', () => {
  test.each([
    ['clientContext', 256, (clientContext: unknown) => ({ clientContext })],
    ['resultInfo/message', 8192, (message: unknown) => ({ resultInfo: { message } })],
  ])('%s has at most %i UTF-16 code units, of any Unicode but NUL and lone surrogates', (target, most, withText) => {
    for (const longest of ['a'.repeat(most), 'é'.repeat(most), '😀'.repeat(most / 2)]) {
      expect(patchOf(withText(longest))).toEqual(withText(longest));
      expect(faultsOf(withText(`${longest}a`), 'a')).toEqual([`TooLong ${target}`]);
    }
    for (const text of ['', ' ', '\t\n', '\u0001', '\ufffe', '\u202e', '<script>', '😀', 'e\u0301'])
      expect(patchOf(withText(text))).toEqual(withText(text));
    for (const text of ['a\ud83d', '\ude00a', '\ude00\ud83d', 'a\0b'])
      expect(faultsOf(withText(text), 'a')).toEqual([`InvalidValue ${target}`]);
    for (const other of [1, true, ['a'], {}]) expect(faultsOf(withText(other), 'a')).toEqual([`InvalidType ${target}`]);
  });

  test.each(['\0', 7, true])('of a clientContext that is none names no operation, and no other fault: %j', (text) => {
    expect(faultsOf({ clientContext: text })).toHaveLength(1);
  });
});

test.each([
  ['status', operationStatuses, 'unknown'],
  ['completionReason', completionReasons, 'Running'],
] as const)('%s is a member of its enumeration, in any casing', (property, members, other) => {
  for (const name of members) {
    for (const value of [name, name.toLowerCase(), name.toUpperCase(), name.charAt(0).toLowerCase() + name.slice(1)])
      expect(patchOf({ [property]: value })).toEqual({ [property]: name });
  }
  for (const value of [other, 'String', '', ' Running', 'NotStarted,Running', '1', 1, true, ['Running'], {}])
    expect(faultsOf({ [property]: value }, 'a')).toEqual([`InvalidValue ${property}`]);
});

test.each(['code', 'subcode'])('resultInfo/%s is an Int32', (name) => {
  const withValue = (text: string) => JSON.parse(`{"resultInfo":{"${name}":${text}}}`);
  for (const text of ['0', '1', '2147483647', '-2147483648', '1.0', '2e2'])
    expect(patchOf(withValue(text))).toStrictEqual({ resultInfo: { [name]: Number(text) } });
  expect(patchOf(withValue('-0'))).toStrictEqual({ resultInfo: { [name]: 0 } });
  for (const text of ['2147483648', '-2147483649', '4294967296', '9007199254740993', '1e300', '-1e300'])
    expect(faultsOf(withValue(text), 'a')).toEqual([`OutOfRange resultInfo/${name}`]);
  for (const text of ['0.5', '-1.5', '1e-9', '2147483647.5', '1e999', '"1"', 'true', '[]', '{}', 'null']) {
    const faults = faultsOf(withValue(text), 'a');
    expect(faults).toContain(`InvalidType resultInfo/${name}`);
    expect(faults.filter((fault) => !fault.endsWith(` resultInfo/${name}`))).toEqual([]);
  }
});

test('null clears what may be null, and only that', () => {
  const body = { clientContext: null, resultInfo: null, completionReason: null };
  expect(patchOf(body)).toStrictEqual(body);
  expect(patchOf({ resultInfo: { message: null } })).toStrictEqual({ resultInfo: { message: null } });
  expect(faultsOf({ status: null }, 'a')).toEqual([expect.stringMatching(/ status$/)]);
});

test('a resultInfo is an object of any of its members', () => {
  for (const resultInfo of [{}, { code: 1 }, { code: 1, subcode: 2, message: 'm' }])
    expect(patchOf({ resultInfo })).toStrictEqual({ resultInfo });
  for (const resultInfo of ['text', 1, true, [], [{ code: 1 }]])
    expect(faultsOf({ resultInfo }, 'a')).toEqual(['InvalidType resultInfo']);
});

const nameless = 'The member whose name is empty is not a property of the resource.';
test.each<[body: unknown, message: string, idInUrl?: string | undefined]>([
  ...[null, [], [{ id: 'a' }], 'text', 1, true].map((body): [unknown, string] => [
    body,
    'The body must be a JSON object.',
  ]),
  [{ status: 7 }, 'status must be one of NotStarted, Running, Completed, Failed.'],
  [{ clientContext: '\0' }, 'clientContext must be well-formed Unicode without NUL.'],
  [
    { '@odata.type': 'x' },
    '@odata.type must be "#microsoft.graph.playPromptOperation" or "microsoft.graph.playPromptOperation".',
  ],
  [{ id: 'b' }, 'id must equal the id in the URL, or be left out.'],
  [{ '': 1 }, nameless],
  [{ resultInfo: { '': 1 } }, nameless],
  [{ x: 1, y: 2 }, 'The request has 2 faults; details names each.'],
  [{}, 'The id in the URL must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ -, the first a letter or digit.', '-'],
  [
    {},
    'The request names no operation: send an id in the URL, an id in the body, or a clientContext that is not empty in the body.',
    '',
  ],
])('the message to a caller says what would be right: %j', (body, message, idInUrl = 'a') => {
  expect(() => validatePatch(body, idInUrl || undefined, TENANT)).toThrow(
    expect.objectContaining({ reason: 'invalidRequest', message }),
  );
});

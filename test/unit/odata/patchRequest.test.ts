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

describe('the operation is named', () => {
  test.each([
    ['the id in the URL', {}, 'A1._~-', 'A1._~-'],
    ['it with the same in the body', { id: 'a' }, 'a', 'a'],
    ['it with null in the body, before the clientContext', { clientContext: 'c', id: null }, 'a', 'a'],
    ['the id in the body before the clientContext', { clientContext: 'c', id: 'a' }, undefined, 'a'],
    ['the clientContext with a null id', { clientContext: 'c', id: null }, undefined, idOfClientContext(TENANT, 'c')],
  ])('by %s: %j', (_title, body, idInUrl, id) => {
    expect(validatePatch(body, idInUrl, TENANT)).toStrictEqual({ id, patch: body });
  });

  test('by nothing else', () => {
    const others = [{}, { clientContext: null }, { clientContext: '' }, { resultInfo: null }, { '@odata.id': 'a' }];
    for (const body of [...others, { id: null }]) expect(faultsOf(body)).toEqual(['MissingIdentity id']);
    // The fault of a clientContext that cannot be one is enough.
    for (const clientContext of ['\0', 7, true]) expect(faultsOf({ clientContext })).toHaveLength(1);
  });

  test('by an id of 1 to 128 characters, the first a letter or digit', () => {
    for (const id of ['a', '0', 'Z', 'a.b_c~d-e', 'a'.repeat(128)]) {
      expect(validatePatch({ id }, undefined, TENANT).id).toBe(id);
      expect(validatePatch({}, id, TENANT).id).toBe(id);
    }
    const long = 'a'.repeat(129);
    for (const id of ['', '.a', '-a', '_a', '~a', 'a b', 'a/b', 'a\n', 'a\0', 'é', 'a\ud800', "a'", long]) {
      const fault = id === long ? 'TooLong id' : 'InvalidValue id';
      expect([faultsOf({ id }), faultsOf({}, id)]).toEqual([[fault], [fault]]);
    }
  });

  test.each<[object, string | undefined, string]>([
    [{}, undefined, 'MissingIdentity id'],
    ...['b', 'A', 'aa'].map((id): [object, string, string] => [{ id }, 'a', 'IdMismatch id']),
    [{}, '-', 'InvalidValue id'],
  ])('with a fault that is reported together with those of the body: %j at %s', (body, idInUrl, fault) => {
    expect(faultsOf({ ...body, foo: 1 }, idInUrl)).toEqual([fault, 'UnknownProperty foo']);
  });
});

test.each<[text: string, ...targets: string[]]>([
  ['{"Status":"Running"}', 'Status'],
  ['{"__proto__":{"status":"Running"}}', '__proto__'],
  ['{"constructor":1,"toString":2}', 'constructor', 'toString'],
  ['{"":1}', ''],
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

  test.each([
    ['', 'playPromptOperation', 'resultInfo', (members: object) => members],
    ['resultInfo/', 'resultInfo', 'playPromptOperation', (members: object) => ({ resultInfo: members })],
  ])(
    '%s@odata.type names the type, with # or without, or is null; so does @type in 4.01',
    (path, own, other, within) => {
      /** The faults of a type by either name. */
      const faultsOfType = (type: unknown) => [
        faultsOf(within({ '@odata.type': type }), 'a'),
        faultsOf(within({ '@type': type }), 'a', '4.01'),
      ];
      for (const type of [`#microsoft.graph.${own}`, `microsoft.graph.${own}`, null])
        expect(faultsOfType(type)).toEqual([[], []]);
      const wrong = ['commsOperation', own.toUpperCase(), other].map((name) => `#microsoft.graph.${name}`);
      const fault = `InvalidValue ${path}@odata.type`;
      for (const type of [...wrong, `##microsoft.graph.${own}`, ` #microsoft.graph.${own}`, own, '']) {
        expect(faultsOfType(type)).toEqual([[fault], [fault]]);
        expect(faultsOf(within({ '@type': type }), 'a')).toEqual([]);
      }
      expect(faultsOf(within({ '@odata.type': 5 }), 'a')).toEqual([`InvalidType ${path}@odata.type`]);
      const both = within({ '@odata.type': '#microsoft.graph.call', '@type': `microsoft.graph.${own}` });
      expect(faultsOf(both, 'a', '4.01')).toEqual(['DuplicateProperty @type']);
    },
  );
});

test.each([
  ['clientContext', 256, (clientContext: unknown) => ({ clientContext })],
  ['resultInfo/message', 8192, (message: unknown) => ({ resultInfo: { message } })],
])('%s has at most %i UTF-16 code units, of any Unicode but NUL and lone surrogates', (target, most, withText) => {
  for (const longest of ['a'.repeat(most), 'é'.repeat(most), '😀'.repeat(most / 2)]) {
    expect(patchOf(withText(longest))).toEqual(withText(longest));
    expect(faultsOf(withText(`${longest}a`), 'a')).toEqual([`TooLong ${target}`]);
  }
  for (const text of [null, '', ' ', '\t\n', '\u0001', '\ufffe', '\u202e', '<script>', '😀', 'e\u0301'])
    expect(patchOf(withText(text))).toEqual(withText(text));
  for (const text of ['a\ud83d', '\ude00a', '\ude00\ud83d', 'a\0b'])
    expect(faultsOf(withText(text), 'a')).toEqual([`InvalidValue ${target}`]);
  for (const other of [1, true, ['a'], {}]) expect(faultsOf(withText(other), 'a')).toEqual([`InvalidType ${target}`]);
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
  for (const text of ['0.5', '-1.5', '1e-9', '2147483647.5', '1e999', '"1"', 'true', '[]', '{}', 'null'])
    expect(faultsOf(withValue(text), 'a')).toContain(`InvalidType resultInfo/${name}`);
});

test('a resultInfo is an object of any of its members; it and completionReason are cleared by null, status is not', () => {
  for (const resultInfo of [null, {}, { code: 1 }, { code: 1, subcode: 2, message: 'm' }])
    expect(patchOf({ resultInfo })).toStrictEqual({ resultInfo });
  for (const resultInfo of ['text', 1, true, [], [{ code: 1 }]])
    expect(faultsOf({ resultInfo }, 'a')).toEqual(['InvalidType resultInfo']);
  expect(patchOf({ completionReason: null })).toStrictEqual({ completionReason: null });
  expect(faultsOf({ status: null }, 'a')).toEqual([expect.stringMatching(/ status$/)]);
});

const typeName = 'microsoft.graph.playPromptOperation';
const namings = 'send an id in the URL, an id in the body, or a clientContext that is not empty in the body';
test.each<[message: string, body: unknown, idInUrl?: string]>([
  ...[null, [], 'text', 1, true].map((body): [string, unknown] => ['The body must be a JSON object.', body]),
  ['clientContext must be well-formed Unicode without NUL.', { clientContext: '\0' }],
  [`@odata.type must be "#${typeName}" or "${typeName}".`, { '@odata.type': 'x' }],
  ['id must equal the id in the URL, or be left out.', { id: 'b' }],
  ['The request has 2 faults; details names each.', { x: 1, y: 2 }],
  ['The id in the URL must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ -, the first a letter or digit.', {}, '-'],
  [`The request names no operation: ${namings}.`, {}, ''],
])('the message to a caller says what would be right: %s', (message, body, idInUrl = 'a') => {
  expect(() => validatePatch(body, idInUrl || undefined, TENANT)).toThrow(
    expect.objectContaining({ reason: 'invalidRequest', message }),
  );
});

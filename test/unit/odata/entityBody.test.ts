import { expect, test } from '@jest/globals';
import { originOf, serviceRoot, toCollectionBody, toEntityBody } from '../../../shared/odata/entityBody.ts';
import { faultsOf } from '../../support/faults.ts';
import { anOperation } from '../../support/operations.ts';

const root = 'https://host/v1.0';
const context = `${root}/$metadata#playPromptOperation`;

test.each([
  ...['', '/', '/playPromptOperation', '/playPromptOperation/v1.0', "/playPromptOperation('a')", '/$batch'].map(
    (below) => [root + below, root],
  ),
  [`${root}/playPromptOperation?x=/v1.0/`, root],
  ['https://host/V1.0/playpromptoperation', 'https://host/V1.0'],
  ['http://127.0.0.1:7071/api/v1.0/playPromptOperation/a?x=1', 'http://127.0.0.1:7071/api/v1.0'],
  ['https://host/v1.01/v1.0/playPromptOperation', 'https://host/v1.01/v1.0'],
  ['https://host/%761.0/playPromptOperation', root],
])('%s is below the service root %s', (url, expected) => {
  expect(serviceRoot(new URL(url))).toBe(expected);
});

test('the origin of a URL is at most 2,048 characters long', () => {
  const ofLength = (length: number) => 'https://'.padEnd(length, 'x');
  expect(originOf(new URL(`${ofLength(2048)}/v1.0/a?b`))).toBe(ofLength(2048));
  expect(faultsOf(() => originOf(new URL(`${ofLength(2049)}/v1.0`)))).toEqual(['InvalidHeader Host']);
  expect(() => originOf(new URL(ofLength(2049)))).toThrow('Host is too long.');
});

const annotations = { '@odata.type': '#microsoft.graph.playPromptOperation', '@odata.etag': 'W/"1"' };

test.each([
  [{}, { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 1, message: 'played' }],
  [{ clientContext: null, resultInfo: null, completionReason: null }, null],
])('an entity has its annotations, then its properties as on the reference page: %j', (changes, resultInfo) => {
  const operation = anOperation({ id: 'a', ...changes });
  const shuffled = anOperation(Object.fromEntries(Object.entries(operation).reverse()));
  const { clientContext, status, completionReason } = operation;
  const properties = { id: 'a', clientContext, resultInfo, status, completionReason };
  const expected = { '@odata.context': `${context}/$entity`, ...annotations, ...properties };
  expect(JSON.stringify(toEntityBody(root, shuffled, 'W/"1"'))).toBe(JSON.stringify(expected));
});

test('an entity of which properties are selected has only these and its annotations, and its context names them', () => {
  const selected = ['id', 'status', 'createdDateTime'] as const;
  expect(toEntityBody(root, anOperation({ id: 'a' }), 'W/"1"', selected)).toEqual({
    ...{ '@odata.context': `${context}(id,status,createdDateTime)/$entity`, ...annotations },
    ...{ id: 'a', status: 'Completed', createdDateTime: '2026-11-23T14:18:02.000Z' },
  });
});

test('a collection has its annotations first, none that was not asked for, and its entities without a context', () => {
  const operation = anOperation({ id: 'a' });
  const bodyOf = (selected: ['id'] | undefined, count?: number, nextLink?: string) =>
    Object.entries(toCollectionBody(root, [{ operation, etag: 'W/"1"' }], selected, { count, nextLink }));
  const { '@odata.context': _, ...whole } = toEntityBody(root, operation, 'W/"1"');
  expect(bodyOf(undefined, 0, 'https://next')).toEqual([
    ['@odata.context', context],
    ['@odata.count', 0],
    ['@odata.nextLink', 'https://next'],
    ['value', [whole]],
  ]);
  expect(bodyOf(['id'])).toEqual([
    ['@odata.context', `${context}(id)`],
    ['value', [{ ...annotations, id: 'a' }]],
  ]);
});

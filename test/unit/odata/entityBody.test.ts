import { describe, expect, test } from '@jest/globals';
import { originOf, serviceRoot, toCollectionBody, toEntityBody } from '../../../shared/odata/entityBody.ts';
import { anOperation } from '../../support/operations.ts';

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
    ['https://host/api/v1.0', 'https://host/api/v1.0'],
    ['https://host/%761.0/playPromptOperation', 'https://host/v1.0'],
  ])('%s has the root %s', (url, root) => {
    expect(serviceRoot(new URL(url))).toBe(root);
  });
});

test('the origin of a URL is at most 2,048 characters long', () => {
  const ofLength = (length: number) => 'https://'.padEnd(length, 'x');
  expect(originOf(new URL(`${ofLength(2048)}/v1.0/a?b`))).toBe(ofLength(2048));
  expect(() => originOf(new URL(`${ofLength(2049)}/v1.0`))).toThrow(
    expect.objectContaining({
      reason: 'invalidRequest',
      details: [{ code: 'InvalidHeader', message: 'Host is too long.', target: 'Host' }],
    }),
  );
});

describe('the entity in a response', () => {
  const root = 'https://host/v1.0';

  test('has its annotations first, then its properties in the order of the reference page', () => {
    const operation = anOperation({ id: 'a' });
    const { clientContext, resultInfo, status, completionReason, ...times } = operation;
    const shuffled = { ...times, completionReason, status, resultInfo, clientContext, id: 'a' };
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

test('an entity of which properties are selected has only these and its annotations, and its context names them', () => {
  const selected = ['id', 'status', 'createdDateTime'] as const;
  const body = toEntityBody('https://host/v1.0', anOperation({ id: 'a' }), 'W/"1"', selected);
  expect(Object.entries(body)).toEqual([
    ['@odata.context', 'https://host/v1.0/$metadata#playPromptOperation(id,status,createdDateTime)/$entity'],
    ['@odata.type', '#microsoft.graph.playPromptOperation'],
    ['@odata.etag', 'W/"1"'],
    ['id', 'a'],
    ['status', 'Completed'],
    ['createdDateTime', '2026-11-23T14:18:02.000Z'],
  ]);
});

describe('the collection in a response', () => {
  const root = 'https://host/v1.0';
  const context = `${root}/$metadata#playPromptOperation`;
  const entities = ['a', 'b'].map((id) => ({ operation: anOperation({ id }), etag: `W/"${id}"` }));
  const entitiesOf = (selected?: ['id']) =>
    entities.map(({ operation, etag }) => {
      const { '@odata.context': _, ...entity } = toEntityBody(root, operation, etag, selected);
      return entity;
    });

  test('has its annotations first, then its entities', () => {
    const body = toCollectionBody(root, entities, undefined, { count: 0, nextLink: 'https://next' });
    expect(Object.entries(body)).toEqual([
      ['@odata.context', context],
      ['@odata.count', 0],
      ['@odata.nextLink', 'https://next'],
      ['value', entitiesOf()],
    ]);
  });

  test('has no count that was not asked for, no link to a page that is not there, and only selected properties', () => {
    const body = toCollectionBody(root, entities, ['id'], { count: undefined, nextLink: undefined });
    expect(Object.entries(body)).toEqual([
      ['@odata.context', `${context}(id)`],
      ['value', entitiesOf(['id'])],
    ]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { openApi } from '../../../shared/description/openApi.ts';
import { toOpenApi30 } from '../../../shared/description/openApi30.ts';
import { validateBatch } from '../../../shared/odata/batchRequest.ts';
import { wireErrors } from '../../../shared/odata/errorResponse.ts';
import { validatePatch } from '../../../shared/odata/patchRequest.ts';
import { completionReasons, operationStatuses } from '../../../shared/operation/playPromptOperation.ts';
import { TENANT } from '../../support/operations.ts';

const document = openApi('http://127.0.0.1:7071', { notifications: true });
const plain = openApi('http://127.0.0.1:7071', { notifications: false });

test.each([
  ['with notifications', document],
  ['without', plain],
  ['in OpenAPI 3.0', toOpenApi30(document)],
])('Redocly finds no fault in the document, examples included, %s', async (_title, described) => {
  // A health check has no parameters that could be wrong, so that it is never answered 4xx.
  const config = await createConfig({ extends: ['recommended-strict'], rules: { 'operation-4xx-response': 'off' } });
  const problems = await lintFromString({ source: JSON.stringify(described), absoluteRef: 'openapi.json', config });
  expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
});

test('every code of the table of causes is described, except those that every service has or that occur only within others', () => {
  const codes = new Set<string>(Object.values(wireErrors).map(({ code }) => code));
  for (const other of ['MethodNotAllowed', 'FailedDependency', 'InsufficientStorage']) codes.delete(other);
  expect(Object.keys(document.components.responses).sort()).toEqual([...codes].sort());
});

test('notifications are not described where they are off', () => {
  expect(JSON.stringify(plain)).not.toMatch(/subscription|changeNotification|Location/i);
  expect(Object.keys(plain.components.responses)).not.toContain('ValidationError');
});

const ajv = new Ajv2020({ strictTypes: false, validateFormats: false, keywords: ['components'] });
const compile = (schema: object) => ajv.compile({ components: document.components, allOf: [schema] });
const accepts = (model: () => unknown) => {
  try {
    model();
    return true;
  } catch {
    return false;
  }
};

describe('the body of an update', () => {
  const { '/v1.0/playPromptOperation': entities, '/v1.0/playPromptOperation/{id}': entity } = document.paths;
  const isNamed = compile(entities.patch.requestBody.content['application/json'].schema);
  const isPatch = compile(entity.patch.requestBody.content['application/json'].schema);

  /** Objects of which most members are as they should be; `text` is what any text is made of. */
  const bodies = (text: fc.Arbitrary<string>) => {
    const orNot = (good: fc.Arbitrary<unknown>) =>
      fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) }, text);
    const int32 = orNot(fc.oneof(fc.integer(), fc.constantFrom(0.5, 1.0, -0, 2 ** 31, -(2 ** 31) - 1)));
    const types = fc.constantFrom('microsoft.graph.playPromptOperation', '#microsoft.graph.resultInfo', '#a');
    const ownType = orNot(fc.constantFrom('#microsoft.graph.resultInfo', 'microsoft.graph.resultInfo'));
    const result = { '@odata.type': ownType, 'code@odata.type': types, code: int32, subcode: int32, other: text };
    const resultInfo = fc.record({ ...result, message: orNot(fc.option(text)) }, { requiredKeys: [] });
    const members = {
      '@odata.type': types,
      '@odata.etag': text,
      'x@odata.y': fc.jsonValue({ maxDepth: 1 }),
      id: orNot(fc.stringMatching(/^[a-z0-9.~]{1,128}$/)),
      clientContext: orNot(fc.option(text)),
      resultInfo: orNot(fc.option(resultInfo)),
      status: orNot(fc.constantFrom(...operationStatuses)),
      completionReason: orNot(fc.option(fc.constantFrom(...completionReasons))),
      other: text,
    };
    const few = fc.subarray(Object.keys(members)).map((names) => new Set(names));
    return fc
      .tuple(fc.record(members, { requiredKeys: [] }), few)
      .map(([body, names]) => Object.fromEntries(Object.entries(body).filter(([name]) => names.has(name))));
  };
  const short = fc.string({ unit: 'grapheme-ascii', maxLength: 300 });
  const any = fc.string({ unit: 'binary', maxLength: 300 });

  test('is accepted by its schema if the service accepts it, with any text', async () => {
    await fc.assert(
      fc.property(bodies(any), ({ id: _, ...body }) => {
        fc.pre(accepts(() => validatePatch(body, 'a', TENANT)));
        expect([isPatch(body), isPatch.errors]).toEqual([true, null]);
      }),
      { numRuns: 500 },
    );
  });

  test('and refused if the service refuses it, with texts for which JSON Schema can express the limits', async () => {
    let accepted = 0;
    await fc.assert(
      fc.property(bodies(short), (body) => {
        const isAccepted = accepts(() => validatePatch(body, undefined, TENANT));
        expect([body, isNamed(body)]).toEqual([body, isAccepted]);
        accepted += isAccepted ? 1 : 0;
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(15);
  });
});

describe('the body of a batch', () => {
  const isBatch = compile(document.paths['/v1.0/$batch'].post.requestBody.content['application/json'].schema);
  const text = fc.string({ maxLength: 3 });
  const request = fc.record(
    {
      id: fc.oneof(fc.uuid(), text, fc.integer()),
      method: fc.oneof(fc.constantFrom('GET', 'patch', 'DELETE'), text),
      url: fc.oneof(fc.constantFrom('/', 'playPromptOperation', '//a', 'HTTP://a', '/a#b', '/a\\b'), fc.string()),
      headers: fc.dictionary(fc.constantFrom('Prefer', 'a b', 'é'), fc.oneof(text, fc.constant('a\nb')), {
        noNullPrototype: true,
      }),
      body: fc.jsonValue({ maxDepth: 1 }),
      dependsOn: fc.array(fc.oneof(text, fc.constant(1)), { maxLength: 2 }),
      other: text,
    },
    { requiredKeys: ['id', 'method', 'url'] },
  );
  const good = fc.record({ id: fc.uuid(), method: fc.constantFrom('get', 'PATCH'), url: fc.webPath() });

  test('is accepted by its schema if the service accepts it', async () => {
    const one = fc.oneof({ weight: 20, arbitrary: good }, request);
    const batches = fc.array(one, { minLength: 1, maxLength: 21, size: 'max' });
    await fc.assert(
      fc.property(batches, (requests) => {
        fc.pre(accepts(() => validateBatch({ requests })));
        expect([isBatch({ requests }), isBatch.errors]).toEqual([true, null]);
      }),
      { numRuns: 500 },
    );
  });

  test('is refused by its schema for as many as the service refuses', () => {
    for (const count of [0, 1, 20, 21]) {
      const requests = Array.from({ length: count }, (_, n) => ({ id: `${n}`, method: 'GET', url: '/' }));
      expect([count, isBatch({ requests })]).toEqual([count, accepts(() => validateBatch({ requests }))]);
    }
  });
});

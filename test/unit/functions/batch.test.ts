import { InvocationContext } from '@azure/functions';
import { expect, test } from '@jest/globals';
import { createBatch } from '../../../functions/batch.ts';
import { MAX_RESPONSE_BYTES, type Route } from '../../../functions/httpHandler.ts';
import { createListPlayPromptOperations } from '../../../functions/listPlayPromptOperations.ts';
import { MAX_BATCH_REQUESTS } from '../../../shared/odata/batchRequest.ts';
import { MAX_QUERIES } from '../../../shared/operation/list.ts';
import { TENANT } from '../../support/operations.ts';

const authenticate = async () => ({ tenant: TENANT, id: 'caller', applicationId: undefined });

/** Sends a batch of GETs; their statuses. */
async function send(routes: readonly Route[], urls: readonly string[]) {
  const handler = createBatch({ authenticate, routes });
  const requests = urls.map((url, n) => ({ id: `${n}`, method: 'GET', url }));
  const { url, method, headers, body } = new Request('https://host/v1.0/$batch', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ requests }),
  });
  const request = { requestId: 'r', method, url: new URL(url), headers, params: {}, body };
  const answer = await handler(request, new AbortController().signal, new InvocationContext());
  const text = String(answer.body);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_RESPONSE_BYTES);
  const { responses }: { responses: { status: number; body: unknown }[] } = JSON.parse(text);
  return responses.map(({ status }) => status);
}

test('a response that exceeds its share of the batch is 507 by itself, and the others are there', async () => {
  const find: Route['find'] =
    ({ params }) =>
    async () => ({ status: 200, headers: {}, body: `"${'x'.repeat(Number(params.size) - 2)}"` });
  const bytes = { name: 'bytes', template: 'v1.0/bytes/{size}', find };
  const urlOf = (size: number) => `/bytes/${size}`;
  const share = 150_000;
  const others = Array.from({ length: MAX_BATCH_REQUESTS - 1 }, () => urlOf(share));
  expect(await send([bytes], [...others, urlOf(share)])).toEqual([...others.map(() => 200), 200]);
  expect(await send([bytes], [...others, urlOf(2 * share)])).toEqual([...others.map(() => 200), 507]);
  expect(await send([bytes], [urlOf(2 * share), urlOf(2 * share)])).toEqual([200, 200]);
  expect(await send([bytes], [urlOf(MAX_RESPONSE_BYTES)])).toEqual([507]);
});

test('counts share the store queries of one, but each may make the first', async () => {
  let queries = 0;
  const count = async () => {
    queries += 1;
    return { count: 1000, next: 'more' };
  };
  const list = async () => ({ operations: [], next: undefined, damaged: 0 });
  const lists = createListPlayPromptOperations({
    authenticate,
    operations: { count, list, sharedKey: async () => new Uint8Array(32) },
  });
  const route = { name: 'list', template: 'v1.0/playPromptOperation', find: () => lists };
  const urls = Array.from({ length: MAX_BATCH_REQUESTS }, () => '/playPromptOperation?$count=true');
  expect(await send([route], urls)).toEqual(urls.map(() => 400));
  expect(queries).toBeLessThan(MAX_BATCH_REQUESTS + MAX_QUERIES);
});

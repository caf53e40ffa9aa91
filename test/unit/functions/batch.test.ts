import { InvocationContext } from '@azure/functions';
import { expect, test } from '@jest/globals';
import { createBatch } from '../../../functions/batch.ts';
import { MAX_RESPONSE_BYTES } from '../../../functions/httpHandler.ts';
import { MAX_BATCH_REQUESTS } from '../../../shared/odata/batchRequest.ts';
import { TENANT } from '../../support/operations.ts';

/** Sends a batch to an app that answers each request with as many bytes as its `size` says; the statuses. */
async function statusesOf(sizes: readonly number[]) {
  const handler = createBatch({
    authenticate: async () => ({ tenant: TENANT, id: 'caller', applicationId: undefined }),
    routes: [
      {
        name: 'bytes',
        template: 'v1.0/bytes/{size}',
        find:
          ({ params }) =>
          async () => ({ status: 200, headers: {}, body: `"${'x'.repeat(Number(params.size) - 2)}"` }),
      },
    ],
  });
  const requests = sizes.map((size, n) => ({ id: `${n}`, method: 'GET', url: `/bytes/${size}` }));
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
  const share = 150_000;
  const others = Array.from({ length: MAX_BATCH_REQUESTS - 1 }, () => share);
  expect(await statusesOf([...others, share])).toEqual([...others.map(() => 200), 200]);
  expect(await statusesOf([...others, 2 * share])).toEqual([...others.map(() => 200), 507]);
  expect(await statusesOf([2 * share, 2 * share])).toEqual([200, 200]);
  expect(await statusesOf([MAX_RESPONSE_BYTES])).toEqual([507]);
});

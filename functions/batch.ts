import { type BatchedRequest, MAX_BATCH_BYTES, validateBatch } from '../shared/batchRequest.ts';
import { invalid } from '../shared/faults.ts';
import { GraphError } from '../shared/graphError.ts';
import type { readJsonBody } from '../shared/jsonBody.ts';
import { checkODataHeaders, readReturnPreference, serviceRoot } from '../shared/odata.ts';
import type { Admit } from '../shared/permission.ts';
import { readQueryOptions } from '../shared/queryOptions.ts';
import { refuseRepeatability } from '../shared/repeatability.ts';
import { type Address, findStory, unknownAddress } from './address.ts';
import { answerTo, type GraphAnswer, type GraphRequest, type Story, storyByMethod } from './graphHandler.ts';

/** Headers of the batch that its requests have too. */
const INHERITED_HEADERS = ['Authorization', 'client-request-id'];

/**
 * `POST /$batch`: up to 20 requests, each of which is answered as if it came alone, by the stories of `addresses`; those
 * that do not depend on each other at the same time. Microsoft Graph, "Batching"; OData JSON Format, section 19.
 */
export function createBatch({
  admit,
  readBody,
  addresses,
}: {
  readonly admit: Admit;
  readonly readBody: typeof readJsonBody;
  readonly addresses: readonly Address[];
}): Story {
  const reachable = [
    ...addresses,
    { name: 'batch', route: 'v1.0/$batch', story: storyByMethod({ POST: batchWithin }) },
  ];

  return async (request, deadline, context) => {
    await admit(request.headers.get('authorization'));
    checkODataHeaders(request.headers);
    readQueryOptions(request.url, []);
    checkBatchHeaders(request.headers);
    const batched = validateBatch(await readBody(request, MAX_BATCH_BYTES));

    const answers = new Map<string, Promise<GraphAnswer>>();
    const answerInTurn = async ({ dependsOn, ...one }: BatchedRequest) => {
      const before = await Promise.all(dependsOn.map((id) => answers.get(id)));
      const isHindered = before.some((answer) => answer === undefined || answer.status >= 400);
      const { alone, story } = findAlone(one, request, reachable);
      return answerTo(isHindered ? dependencyFailed : story, alone, deadline, context);
    };
    for (const each of batched) answers.set(each.id, answerInTurn(each));
    const responses = batched.map(async ({ id, method }) => toResponse(id, method, await answers.get(id)));
    return { status: 200, headers: {}, body: { responses: await Promise.all(responses) } };
  };
}

/** A request of a batch as it would have come alone, and the story of its address. */
function findAlone(
  { method, url, headers, body }: Omit<BatchedRequest, 'id' | 'dependsOn'>,
  batch: GraphRequest,
  addresses: readonly Address[],
): { readonly alone: GraphRequest; readonly story: Story } {
  const root = new URL(serviceRoot(batch.url));
  const address = new URL(`${root.href}/${url.replace(/^\//, '')}`);
  const isBelow = address.pathname.startsWith(`${root.pathname}/`);
  const found = isBelow ? findStory(addresses, `v1.0${address.pathname.slice(root.pathname.length)}`) : undefined;
  const { story, params } = found ?? { story: unknownAddress, params: {} };
  const own = new Headers(Object.entries(headers));
  for (const name of INHERITED_HEADERS) {
    const value = own.get(name) ?? batch.headers.get(name);
    if (value !== null) own.set(name, value);
  }
  return {
    alone: { method, url: address.href, headers: own, params, body: body ? ReadableStream.from([body]) : null },
    story,
  };
}

/** OData Protocol, 11.7.1: what concerns one request is no header of a batch. */
function checkBatchHeaders(headers: Headers) {
  refuseRepeatability(headers, Date.now());
  const details = ['If-Match', 'If-None-Match']
    .filter((name) => headers.has(name))
    .concat(readReturnPreference(headers) ? ['Prefer'] : [])
    .map((target) => ({
      code: 'InvalidHeader',
      message: `${target} is a header of a request, not of a batch.`,
      target,
    }));
  if (details.length > 0) throw invalid(details);
}

const batchWithin: Story = async () => {
  throw new GraphError('badRequest', 'A batch cannot hold another.');
};

const dependencyFailed: Story = async () => {
  throw new GraphError('failedDependency', 'A request that this one depends on was not successful.');
};

/** OData JSON Format, 19.2: what is not JSON is encoded as base64url. */
function toResponse(id: string, method: string, answer: GraphAnswer | undefined) {
  const { status, headers, body: content } = answer ?? { status: 500, headers: {} };
  const body = typeof content === 'string' ? Buffer.from(content).toString('base64url') : content;
  return { id, status, headers, ...(method !== 'HEAD' && body !== undefined && { body }) };
}

// The same handler written by hand in one piece, without any of the service's abstractions: what the abstractions cost
// is measured against it. It keeps each promise for an ordinary update: bounds, times, a span and metrics; on any other it
// gives up.
import { hash } from 'node:crypto';
import type { HttpHandler, HttpResponseInit } from '@azure/functions';
import { metrics, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import QuickLRU from 'quick-lru';
import type { Authenticate } from '../../shared/auth/authentication.ts';
import type { TenantKeys } from '../../shared/auth/signingKeys.ts';
import { createCacheFreshness } from '../../shared/operation/cacheFreshness.ts';
import {
  applyPatch,
  newPlayPromptOperation,
  playPromptOperationPatch,
  withTimes,
} from '../../shared/operation/playPromptOperation.ts';
import type { MemoryOperations } from '../../test/support/memoryOperations.ts';

const ABSENT_HEADERS = [
  ...['odata-version', 'odata-maxversion', 'accept', 'if-match', 'if-none-match', 'prefer'],
  ...['repeatability-request-id', 'repeatability-first-sent'],
];

export function createHandWritten(
  authenticate: Authenticate,
  keys: TenantKeys,
  operations: MemoryOperations,
): HttpHandler {
  const verified = new QuickLRU<string, { tenant: string; keysFetchedAt: number; until: number }>({ maxSize: 1000 });
  const freshness = createCacheFreshness();
  const last = new Map<string, Promise<unknown>>();
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const tracer = trace.getTracer('hand-written');
  const durations = metrics.getMeter('hand-written').createHistogram('request.duration');
  const updates = metrics.getMeter('hand-written').createCounter('updates');

  const respond: HttpHandler = async (request, context): Promise<HttpResponseInit> => {
    const { headers } = request;
    const authorization = headers.get('authorization');
    if (!authorization?.startsWith('Bearer ')) throw new Error('No token.');
    const digest = hash('sha256', authorization.slice('Bearer '.length), 'base64');
    const keysFetchedAt = await keys.load();
    let known = verified.get(digest);
    if (!known || Date.now() >= known.until || known.keysFetchedAt !== keysFetchedAt) {
      // Once in five minutes: this may be the service's own.
      const { tenant } = await authenticate(authorization);
      known = { tenant, keysFetchedAt, until: Date.now() + 300_000 };
      verified.set(digest, known);
    }
    const { tenant } = known;

    for (const name of ABSENT_HEADERS) {
      if (headers.get(name) !== null) throw new Error('Not an ordinary update.');
    }
    if (headers.get('content-type') !== 'application/json') throw new Error('Not JSON.');
    if (headers.get('content-encoding') !== null) throw new Error('Encoded.');
    if (Number(headers.get('content-length') ?? 0) > 65_536) throw new Error('Too large.');
    const bytes = await request.arrayBuffer();
    if (bytes.byteLength > 65_536) throw new Error('Too large.');
    const text = utf8.decode(bytes);
    const body: unknown = JSON.parse(text);
    if (countNames(text) !== countMembers(body)) throw new Error('A member is named twice.');

    const patch = playPromptOperationPatch.parse(body);
    const { id = '' } = request.params;
    if (!/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/.test(id)) throw new Error('Not an id.');
    if (patch.id !== undefined && patch.id !== id) throw new Error('Another id.');

    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), 10_000);
    const name = `${tenant}/${id}`;
    const before = last.get(name);
    const update = async () => {
      if (before) await before.catch(() => {});
      const writeId = crypto.randomUUID();
      for (let attempt = 0; attempt < 20; attempt++) {
        const cached = attempt === 0 ? operations.getCached(tenant, id) : undefined;
        const recalled = cached && freshness.isLikely(cached.ageMs) ? cached : undefined;
        const current = recalled ?? (await operations.get(tenant, id, deadline.signal));
        const operation = current?.operation ?? newPlayPromptOperation(id);
        const next = applyPatch(operation, patch);
        const { resultInfo: was } = operation;
        const { resultInfo: is } = next;
        if (
          current &&
          next.clientContext === operation.clientContext &&
          next.status === operation.status &&
          next.completionReason === operation.completionReason &&
          (was === is || (was?.code === is?.code && was?.subcode === is?.subcode && was?.message === is?.message))
        ) {
          return current;
        }
        const timed = withTimes(next, current?.operation, Date.now());
        const stored = await operations.put(tenant, timed, current, writeId, deadline.signal);
        if (recalled) freshness.learn(recalled.ageMs, stored !== undefined);
        if (stored) return stored;
      }
      throw new Error('Others kept changing it.');
    };
    const mine = update();
    last.set(name, mine);
    const { operation, etag } = await mine.finally(() => {
      if (last.get(name) === mine) last.delete(name);
      clearTimeout(timer);
    });

    updates.add(1, { status: operation.status });

    const { url } = request;
    const root = url.slice(0, url.indexOf('/playPromptOperation'));
    const clientRequestId = headers.get('client-request-id');
    const { clientContext, resultInfo, status, completionReason } = operation;
    return {
      status: 200,
      headers: {
        'OData-Version': '4.0',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
        'request-id': context.invocationId,
        ...(clientRequestId !== null && { 'client-request-id': clientRequestId }),
        'Content-Type': 'application/json;odata.metadata=minimal;charset=utf-8',
        ETag: etag,
      },
      body: JSON.stringify({
        '@odata.context': `${root}/$metadata#playPromptOperation/$entity`,
        '@odata.type': '#microsoft.graph.playPromptOperation',
        '@odata.etag': etag,
        id,
        clientContext,
        resultInfo: resultInfo && { '@odata.type': 'microsoft.graph.resultInfo', ...resultInfo },
        status,
        completionReason,
      }),
    };
  };

  return (request, context) => {
    const start = performance.now();
    return tracer.startActiveSpan('update', {}, ROOT_CONTEXT, async (span) => {
      try {
        return await respond(request, context);
      } finally {
        span.end();
        durations.record((performance.now() - start) / 1000, { 'http.request.method': request.method });
      }
    });
  };
}

/** How many members the text names. */
function countNames(text: string) {
  let names = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) names++;
  return names;
}

/** How many members the value has. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const member of Object.values(value)) members += countMembers(member);
  return members;
}

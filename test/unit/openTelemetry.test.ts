import { createTracingClient, type OperationTracingOptions } from '@azure/core-tracing';
import { HttpRequest, InvocationContext } from '@azure/functions';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { context, DiagLogLevel, diag } from '@opentelemetry/api';
import fc from 'fast-check';
import { observeRequests } from '../../functions/observeRequests.ts';
import { GraphError } from '../../shared/graphError.ts';
import { openTelemetry } from '../../shared/openTelemetry.ts';
import { noTelemetry, type Telemetry } from '../../shared/telemetry.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlpReceiver.ts';

const TRACE = 'a'.repeat(32);
const settings = { serviceName: 'tried', applicationInsights: undefined, identity: undefined };

let collector: OtlpReceiver;
let telemetry: Telemetry;
beforeAll(async () => {
  collector = await startOtlpReceiver();
  telemetry = await openTelemetry({ ...settings, otlpEndpoint: collector.endpoint });
  await tell();
  await telemetry.close();
});
afterAll(() => collector.close());

const the = (name: string): Partial<ReceivedSpan> => collector.spans.find((span) => span.name === name) ?? {};
const thrown = (error: unknown) => () => {
  throw error;
};

async function tell() {
  const inner = telemetry.step('inner', () => 1);
  const outer = telemetry.step('outer', async () => {
    await new Promise(setImmediate);
    return inner();
  });
  await outer();
  for (const [name, error] of [
    ['refused', new GraphError('notFound', 'no secret')],
    ['unavailable', new GraphError('unavailable', 'no secret')],
    ['broken', new TypeError('secret')],
    ['odd', 'secret'],
  ] as const) {
    expect(telemetry.step(name, thrown(error))).toThrow();
    await expect(telemetry.step(`${name} later`, async () => thrown(error)())()).rejects.toBe(error);
  }

  const answer = (name: string, status: number, headers: Record<string, string>, traceParent?: string) => {
    const handler = observeRequests(() => ({ status }), { name, route: 'r' }, telemetry);
    const traceContext = { traceParent, traceState: 'a=b', attributes: {} };
    const context = new InvocationContext({ invocationId: 'i', ...(traceParent && { traceContext }) });
    return handler(new HttpRequest({ method: 'GET', url: 'http://a/', headers }), context);
  };
  const traceparent = `00-${TRACE}-${'c'.repeat(16)}-01`;
  await answer('of the host', 200, { traceparent }, `00-${TRACE}-${'b'.repeat(16)}-01`);
  await answer('of the caller', 503, { traceparent, tracestate: 'a=b' });
  await answer('of nobody', 200, { traceparent: '00-nonsense' });
  await answer('without any', 200, {});
  const broken = observeRequests(thrown(new Error('secret')), { name: 'failed', route: 'r' }, telemetry);
  const request = new HttpRequest({ method: 'GET', url: 'http://a/' });
  expect(() => broken(request, new InvocationContext())).toThrow();

  const sdk = createTracingClient({ namespace: 'Microsoft.Data.Tables', packageName: 'p' });
  const none: { tracingOptions?: OperationTracingOptions } = {};
  await sdk.withSpan('TableClient.getEntity', none, async ({ tracingOptions = {} }) => {
    for (const status of [503, 200]) {
      const spanAttributes = {
        'http.method': 'GET',
        'http.url': 'https://a.example/t(RowKey=%27secret%27)',
        other: 'secret',
      };
      const { span } = sdk.startSpan('HTTP GET', { tracingOptions }, { spanKind: 'client', spanAttributes });
      span.setAttribute('http.status_code', status);
      span.recordException('secret');
      if (status >= 400) span.setStatus({ status: 'error' });
      span.end();
    }
  });
  const missing = Object.assign(new Error('secret'), { statusCode: 404 });
  for (const error of [missing, new RangeError('secret')]) {
    await expect(sdk.withSpan(`TableClient.${error.name}`, {}, thrown(error))).rejects.toBe(error);
  }
  expect(sdk.parseTraceparentHeader(traceparent)).toBeUndefined();
  expect(sdk.createRequestHeaders()).toEqual({});
}

test('a step within another is a span within that of the other', () => {
  expect(the('inner')).toMatchObject({ traceId: the('outer').traceId, parentSpanId: the('outer').spanId });
  expect(the('outer').parentSpanId ?? '').toBe('');
});

test.each(['refused', 'refused later'])('what is %s is no failure', (name) => {
  expect(the(name)).toMatchObject({ attributes: { 'playpromptoperation.refusal': 'notFound' }, status: {} });
  expect(the(name).status?.code ?? 0).toBe(0);
});

test.each([
  ['unavailable', 'unavailable'],
  ['unavailable later', 'unavailable'],
  ['broken', 'TypeError'],
  ['broken later', 'TypeError'],
  ['odd', 'string'],
])('what is %s is a failure of the type %s', (name, type) => {
  expect(the(name)).toMatchObject({ attributes: { 'error.type': type }, status: { code: 2 } });
});

test('the span of the host comes before that of the caller, and neither is needed', () => {
  expect(the('of the host')).toMatchObject({ traceId: TRACE, parentSpanId: 'b'.repeat(16) });
  expect(the('of the caller')).toMatchObject({ traceId: TRACE, parentSpanId: 'c'.repeat(16), status: { code: 2 } });
  expect(the('of nobody').traceId).toMatch(/^[\da-f]{32}$/);
});

test('a call of the store is one span, with one for each try', () => {
  const { spanId, traceId } = the('TableClient.getEntity');
  const tries = collector.spans.filter(({ name }) => name === 'HTTP GET');
  expect(tries).toHaveLength(2);
  for (const each of tries) expect(each).toMatchObject({ traceId, parentSpanId: spanId, kind: 3 });
  expect(tries.map(({ attributes }) => attributes)).toEqual([
    {
      'az.namespace': 'Microsoft.Data.Tables',
      'error.type': '503',
      'http.request.method': 'GET',
      'http.response.status_code': 503,
      'server.address': 'a.example',
    },
    expect.objectContaining({ 'http.response.status_code': 200, 'http.request.resend_count': 1 }),
  ]);
  expect(collector.total('http.client.request.duration', { 'http.request.resend_count': 1 })).toBe(1);
  expect(collector.total('db.client.operation.duration', { 'error.type': 'RangeError' })).toBe(1);
});

test('that there is no row is an answer, and no failure', () => {
  expect(the('TableClient.Error').status?.code ?? 0).toBe(0);
  expect(the('TableClient.RangeError').status?.code).toBe(2);
});

test('no message of an error and no address is told', () => {
  for (const body of collector.bodies) expect(body).not.toContain('secret');
});

test.each([
  ['with telemetry', () => telemetry],
  ['without', () => noTelemetry],
])('%s a step does what its function does', async (_name, of) => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.boolean(), fc.boolean(), async (value, isAsync, isThrown) => {
      const work = (given: unknown) => {
        if (isThrown) throw given;
        return given;
      };
      const step = of().step('s', isAsync ? async (given: unknown) => work(given) : work);
      const outcome = async (call: () => unknown) => {
        try {
          const result = call();
          return { isPromise: result instanceof Promise, value: await result };
        } catch (error) {
          return { error };
        }
      };
      expect(await outcome(() => step(value))).toEqual(
        await outcome(() => (isAsync ? Promise.resolve().then(() => work(value)) : work(value))),
      );
    }),
  );
});

test('a handler that throws is a 500', () => {
  expect(the('failed').attributes).toMatchObject({ 'http.response.status_code': 500, 'error.type': '500' });
  expect(collector.total('http.server.request.duration', { 'http.response.status_code': 500 })).toBe(1);
});

test('nothing fails when nobody takes what is told; the log says so', async () => {
  context.disable();
  const alone = await openTelemetry({ ...settings, otlpEndpoint: 'http://127.0.0.1:1' });
  const logged: string[] = [];
  const write = (message: string) => logged.push(message);
  diag.setLogger(
    { error: write, warn: write, info: write, debug: write, verbose: write },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  expect(alone.step('s', () => 1)()).toBe(1);
  alone.count('playpromptoperation.updates', {});
  await alone.close();
  expect(logged.join()).toContain('ECONNREFUSED');
  await noTelemetry.close();
});

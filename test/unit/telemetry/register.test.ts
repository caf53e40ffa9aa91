import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createTracingClient } from '@azure/core-tracing';
import { HttpRequest, InvocationContext } from '@azure/functions';
import { beforeAll, expect, test } from '@jest/globals';
import {
  context,
  DiagLogLevel,
  diag,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import * as z from 'zod';
import { toHttpHandler } from '../../../functions/httpHandler.ts';
import { log } from '../../../functions/log.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import type { TelemetrySettings } from '../../../shared/settings.ts';
import { registerTelemetry } from '../../../shared/telemetry/register.ts';
import { withChildSpan, withSpan } from '../../../shared/tracing.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../../support/otlpReceiver.ts';

const TRACE = 'a'.repeat(32);
const none = { applicationInsights: undefined, identity: undefined, traceRatio: undefined };
const settings = { ...none, serviceName: 'tried', otlpProtocol: 'http/json' } as const;

/** Registers the telemetry for a receiver of its own; `end` sends what is pending. */
async function register(changes: Partial<TelemetrySettings> = {}) {
  const receiver = await startOtlpReceiver();
  const shutdown = await registerTelemetry({ ...settings, otlpEndpoint: receiver.endpoint, ...changes });
  const end = async () => {
    await shutdown();
    await receiver.close();
    for (const api of [context, metrics, propagation, trace]) api.disable();
  };
  return { receiver, end };
}

let collector: OtlpReceiver;
beforeAll(async () => {
  const { receiver, end } = await register();
  collector = receiver;
  await recordTelemetry();
  await end();
});

const the = (name: string): Partial<ReceivedSpan> => collector.spans.find((span) => span.name === name) ?? {};
const thrown = (error: unknown) => () => {
  throw error;
};

async function recordTelemetry() {
  expect(await withChildSpan('orphan', async () => 2)).toBe(2);
  for (const [name, error] of [
    ['refused', new ServiceError('notFound', 'no secret')],
    ['unavailable', new ServiceError('unavailable', 'no secret')],
    ['broken', new TypeError('secret')],
    ['odd', 'secret'],
  ] as const) {
    await expect(withSpan(name, async () => thrown(error)())).rejects.toBe(error);
  }

  const answer = (name: string, status: number, headers: Record<string, string>, traceParent?: string) => {
    const handler = toHttpHandler({ name, template: 'r', find: () => async () => ({ status, headers: {} }) });
    const traceContext = { traceParent, traceState: 'a=b', attributes: {} };
    const context = new InvocationContext({ invocationId: 'i', ...(traceParent && { traceContext }) });
    return handler(new HttpRequest({ method: 'GET', url: 'http://a/', headers }), context);
  };
  const traceparent = `00-${TRACE}-${'c'.repeat(16)}-01`;
  await answer('of the host', 200, { traceparent }, `00-${TRACE}-${'b'.repeat(16)}-01`);
  await answer('of the caller', 503, { traceparent, tracestate: 'a=b' });
  await answer('of nobody', 200, { traceparent: '00-nonsense' });
  const broken = toHttpHandler({ name: 'failed', template: 'r', find: thrown(new Error('secret')) });
  const request = new HttpRequest({ method: 'GET', url: 'http://a/' });
  expect(await broken(request, new InvocationContext({ logHandler: () => {} }))).toMatchObject({ status: 500 });

  const sdk = createTracingClient({ namespace: 'Microsoft.Data.Tables', packageName: 'p' });
  const missing = Object.assign(new Error('secret'), { statusCode: 404 });
  for (const error of [missing, new RangeError('secret')]) {
    await expect(sdk.withSpan(`TableClient.${error.name}`, {}, thrown(error))).rejects.toBe(error);
  }
  expect(sdk.parseTraceparentHeader(traceparent)).toBeUndefined();
  expect(sdk.createRequestHeaders()).toEqual({});
}

test('a step has no span where none is active', () => {
  expect(the('orphan')).toEqual({});
});

test('a refusal is not a failure', () => {
  expect(the('refused').attributes).toMatchObject({ 'playpromptoperation.refusal': 'notFound' });
  expect(the('refused').status?.code ?? 0).toBe(0);
});

test.each([
  ['unavailable', 'unavailable'],
  ['broken', 'TypeError'],
  ['odd', 'string'],
])('what is %s is a failure of the type %s', (name, type) => {
  expect(the(name)).toMatchObject({ attributes: { 'error.type': type }, status: { code: 2 } });
});

test('the span of the host comes before that of the caller, and neither is needed', () => {
  expect(the('of the host')).toMatchObject({ traceId: TRACE, parentSpanId: 'b'.repeat(16) });
  expect(the('of the caller')).toMatchObject({ traceId: TRACE, parentSpanId: 'c'.repeat(16), status: { code: 2 } });
  expect(the('of nobody').traceId).toMatch(/^[\da-f]{32}$/);
});

test('that the store has no row is an answer, and no failure', () => {
  expect(the('TableClient.Error').status?.code ?? 0).toBe(0);
  expect(the('TableClient.RangeError').status?.code).toBe(2);
  expect(collector.total('db.client.operation.duration', { 'error.type': 'RangeError' })).toBe(1);
});

test('no message of an error is exported', () => {
  for (const body of collector.bodies) expect(body).not.toContain('secret');
});

test('a handler that throws is a 500', () => {
  expect(the('failed').attributes).toMatchObject({ 'http.response.status_code': 500, 'error.type': '500' });
  expect(collector.total('playpromptoperation.request.duration', { 'http.response.status_code': 500 })).toBe(1);
});

test('the resource names the service, its version and this one process', () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
  expect(collector.resources[0]).toEqual({
    'service.name': 'tried',
    'service.version': version,
    'service.instance.id': expect.stringMatching(/^[\da-f-]{36}$/),
  });
});

test('a trace that is not sampled leaves no span and no line of the log, but its calls of the store are measured', async () => {
  // The sampler of Application Insights: the traces of a hash below 50 %.
  const { receiver, end } = await register({ traceRatio: 0.5 });
  const sdk = createTracingClient({ namespace: 'Microsoft.Data.Tables', packageName: 'p' });
  const traceIds = Array.from({ length: 40 }, () => randomBytes(16).toString('hex'));
  for (const traceId of traceIds) {
    const caller = { traceId, spanId: 'c'.repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
    const callStore = () =>
      sdk.withSpan('TableClient.getEntity', { tracingOptions: {} }, async ({ tracingOptions }) => {
        const attempt = sdk.startSpan('HTTP GET', { tracingOptions }, { spanKind: 'client' });
        // The SDK ends a span that does not record before the attempt begins.
        expect(attempt.span.isRecording()).toBe(true);
        attempt.span.setAttribute('http.status_code', 200);
        attempt.span.end();
      });
    const request = async (span: Span) => {
      log(new InvocationContext({ logHandler: () => {} }), 'info', { traceId });
      await withChildSpan('step', async () => {
        expect(trace.getActiveSpan() === span).toBe(!span.isRecording());
        await callStore();
      });
      span.end();
    };
    await trace.getTracer('tried').startActiveSpan('request', {}, trace.setSpanContext(ROOT_CONTEXT, caller), request);
  }
  await end();
  expect(receiver.total('db.client.operation.duration')).toBe(40);
  expect(receiver.total('http.client.request.duration', { 'http.response.status_code': 200 })).toBe(40);
  const kept = new Set(receiver.spans.map(({ traceId }) => traceId));
  expect([...kept].every((traceId) => traceIds.includes(traceId))).toBe(true);
  expect(receiver.spans).toHaveLength(3 * kept.size);
  expect(receiver.logs.map(({ traceId }) => traceId).sort()).toEqual([...kept].sort());
  expect(kept.size).toBeGreaterThan(0);
  expect(kept.size).toBeLessThan(40);
});

test('all is exported in protobuf if that is the protocol', async () => {
  const { receiver, end } = await register({ otlpProtocol: 'http/protobuf' });
  trace.getTracer('t').startSpan('a span').end();
  metrics.getMeter('m').createCounter('a counter').add(1);
  log(new InvocationContext({ logHandler: () => {} }), 'info', { a: 'line' });
  await end();
  expect([...receiver.protobuf].sort()).toEqual(['/v1/logs', '/v1/metrics', '/v1/traces']);
  for (const name of ['a span', 'a counter', '{"a":"line"}']) expect(receiver.bodies.join()).toContain(name);
});

test('calls that an exporter makes are neither traced nor measured', async () => {
  const { receiver, end } = await register();
  const sdk = createTracingClient({ namespace: 'Microsoft.Insights', packageName: 'p' });
  context.with(suppressTracing(ROOT_CONTEXT), () => {
    const { span } = sdk.startSpan('HTTP POST', {}, { spanKind: 'client' });
    expect(span.isRecording()).toBe(false);
    span.end();
  });
  await end();
  expect(receiver.spans).toEqual([]);
  expect(receiver.total('http.client.request.duration')).toBe(0);
});

test('nothing fails when the collector cannot be reached; the log reports it', async () => {
  const { end } = await register({ otlpEndpoint: 'http://127.0.0.1:1' });
  const logged: string[] = [];
  const error = (message: string) => logged.push(message);
  const ignore = () => {};
  const logger = { error, warn: ignore, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  trace.getTracer('test').startSpan('unsent').end();
  metrics.getMeter('test').createCounter('unsent').add(1);
  await end();
  expect(logged.join()).toContain('ECONNREFUSED');
});

import type { Instrumenter, TracingSpan } from '@azure/core-tracing';
import {
  type Context,
  context,
  createContextKey,
  defaultTextMapSetter,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Telemetry } from './telemetry.ts';

/** What of the SDK's attributes is told, and its name by OpenTelemetry's semantic conventions: no address, which has ids. */
const told = new Map([
  ['http.method', 'http.request.method'],
  ['http.status_code', 'http.response.status_code'],
  ['az.namespace', 'az.namespace'],
  ['requestId', 'az.client_request_id'],
  ['serviceRequestId', 'az.service_request_id'],
]);

/** Statuses by which the store answers a question or a condition: nothing has failed. */
const ANSWERS = [404, 409, 412];

/** Counts the tries of one call. */
const TRIES = createContextKey('tries of the call');
interface Tries {
  count: number;
}

/**
 * What the Azure SDK tells of itself: a span for each call (`TableClient.getEntity`), within it one for each try
 * (`HTTP GET`), whose request carries the trace on, and the durations of both.
 */
export function createStoreInstrumenter(
  tracer: Tracer,
  propagator: TextMapPropagator,
  record: Telemetry['record'],
): Instrumenter {
  return {
    startSpan(name, { spanKind, spanAttributes = {}, tracingContext }) {
      const outer: Context = tracingContext ?? context.active();
      const isTry = name.startsWith('HTTP ');
      const span = tracer.startSpan(
        name,
        { kind: isTry || spanKind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL },
        outer,
      );
      const triesBefore = isTry ? countTry(outer) : 0;
      const measure = isTry
        ? (said: Attributes, seconds: number) =>
            record('http.client.request.duration', seconds, { ...said, 'http.request.resend_count': triesBefore })
        : (said: Attributes, seconds: number) =>
            name.startsWith('TableClient.') &&
            record('db.client.operation.duration', seconds, { ...said, 'db.operation.name': name.slice(12) });
      const wrapped = wrap(span, measure);
      for (const [key, value] of Object.entries(spanAttributes)) wrapped.setAttribute(key, value);
      if (triesBefore > 0) span.setAttribute('http.request.resend_count', triesBefore);
      const inner = trace.setSpan(outer, span);
      return { span: wrapped, tracingContext: isTry ? inner : inner.setValue(TRIES, { count: 0 } satisfies Tries) };
    },

    withContext: (inner, callback, ...args) => context.with(inner, callback, undefined, ...args),

    parseTraceparentHeader: () => undefined,

    createRequestHeaders(inner) {
      const headers: Record<string, string> = {};
      propagator.inject(inner ?? context.active(), headers, defaultTextMapSetter);
      return headers;
    },
  };
}

function countTry(outer: Context) {
  const tries = outer.getValue(TRIES) as Tries | undefined;
  return tries ? tries.count++ : 0;
}

function wrap(span: Span, measure: (said: Attributes, seconds: number) => void): TracingSpan {
  const start = performance.now();
  const said: Record<string, string | number> = {};
  let status: number | undefined;
  return {
    isRecording: () => span.isRecording(),
    setAttribute(name, value) {
      if (name === 'http.url') span.setAttribute('server.address', URL.parse(String(value))?.host ?? '');
      const as = told.get(name);
      if (as === undefined || (typeof value !== 'string' && typeof value !== 'number')) return;
      span.setAttribute(as, value);
      if (name === 'http.status_code') status = Number(value);
      if (name.startsWith('http.')) said[as] = value;
    },
    setStatus(outcome) {
      if (outcome.status === 'success') return;
      status ??= statusOf(outcome.error);
      if (status !== undefined && ANSWERS.includes(status)) return;
      const type = status === undefined ? nameOf(outcome.error) : String(status);
      said['error.type'] = type;
      span.setAttribute('error.type', type);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    // Its message may hold the keys of a row.
    recordException() {},
    end() {
      measure(said, (performance.now() - start) / 1000);
      span.end();
    },
  };
}

function statusOf(error: unknown) {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : 'Error');

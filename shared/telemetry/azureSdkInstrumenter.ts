import type { Instrumenter, TracingSpan } from '@azure/core-tracing';
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  metrics,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { DURATION_IN_SECONDS, SCOPE, serverAttributes } from '../tracing.ts';

/** The SDK's attributes that are kept, by their names in the semantic conventions. URLs are not: they hold ids. */
const attributeNames = new Map([
  ['http.method', 'http.request.method'],
  ['http.status_code', 'http.response.status_code'],
  ['az.namespace', 'az.namespace'],
  ['requestId', 'az.client_request_id'],
  ['serviceRequestId', 'az.service_request_id'],
]);

/** Statuses that are a regular answer of the store to a read or a condition, not a failure. */
const REGULAR_STATUSES = [404, 409, 412];

/** No value of the semantic conventions names Table Storage, nor the API of Azure Cosmos DB that is compatible with it. */
const DB_SYSTEM = { 'db.system.name': 'azure.tables' };

/** Counts the attempts of one call. */
const ATTEMPTS = createContextKey('attempts of the call');
interface Attempts {
  count: number;
}

/**
 * Traces and measures the Azure SDK: a span for each call (`TableClient.getEntity`), and within it one for each attempt
 * (`HTTP GET`), whose request carries the trace context. Microsoft's own instrumentation patches modules while they
 * load, which a bundle does not do.
 */
export function createAzureSdkInstrumenter(): Instrumenter {
  const tracer = trace.getTracer(SCOPE);
  const meter = metrics.getMeter(SCOPE);
  const attempts = meter.createHistogram('http.client.request.duration', {
    description: 'Attempts to call the store, by method, status and resend count.',
    ...DURATION_IN_SECONDS,
  });
  const calls = meter.createHistogram('db.client.operation.duration', {
    description: 'Calls of the store, by operation and error. All attempts of a call count as one.',
    ...DURATION_IN_SECONDS,
  });

  return {
    startSpan(name, { spanKind, spanAttributes = {}, tracingContext }) {
      const outer: Context = tracingContext ?? context.active();
      const isAttempt = name.startsWith('HTTP ');
      const span = tracer.startSpan(
        name,
        { kind: isAttempt || spanKind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL },
        outer,
      );
      const resendCount = isAttempt ? countAttempt(outer) : 0;
      const operation = name.startsWith('TableClient.') ? { ...DB_SYSTEM, 'db.operation.name': name.slice(12) } : {};
      span.setAttributes(operation);
      // The exporters call Azure too; what they do is neither traced nor measured.
      const isMeasured = !isTracingSuppressed(outer) && (isAttempt || name.startsWith('TableClient.'));
      const wrapped = wrap(span, isMeasured, (attributes, seconds) => {
        if (isAttempt) attempts.record(seconds, { ...attributes, 'http.request.resend_count': resendCount });
        else calls.record(seconds, { ...attributes, ...operation });
      });
      for (const [key, value] of Object.entries(spanAttributes)) wrapped.setAttribute(key, value);
      if (resendCount > 0) span.setAttribute('http.request.resend_count', resendCount);
      const inner = trace.setSpan(outer, span);
      return {
        span: wrapped,
        tracingContext: isAttempt ? inner : inner.setValue(ATTEMPTS, { count: 0 } satisfies Attempts),
      };
    },

    withContext: (inner, callback, ...args) => context.with(inner, callback, undefined, ...args),

    parseTraceparentHeader: () => undefined,

    createRequestHeaders(inner) {
      const headers: Record<string, string> = {};
      propagation.inject(inner ?? context.active(), headers);
      return headers;
    },
  };
}

function countAttempt(outer: Context) {
  const attempts = outer.getValue(ATTEMPTS) as Attempts | undefined;
  return attempts ? attempts.count++ : 0;
}

function wrap(
  span: Span,
  isMeasured: boolean,
  measure: (attributes: Attributes, seconds: number) => void,
): TracingSpan {
  const start = performance.now();
  const measured: Record<string, string | number> = {};
  let status: number | undefined;
  return {
    // The SDK ends a span at once that does not record. One that is not sampled is measured all the same.
    isRecording: () => isMeasured || span.isRecording(),
    setAttribute(name, value) {
      if (name === 'http.url' && span.isRecording()) span.setAttributes(serverAttributes(String(value)));
      const as = attributeNames.get(name);
      if (as === undefined || (typeof value !== 'string' && typeof value !== 'number')) return;
      span.setAttribute(as, value);
      if (name === 'http.status_code') status = Number(value);
      if (name.startsWith('http.')) measured[as] = value;
    },
    setStatus(outcome) {
      if (outcome.status === 'success') return;
      status ??= statusOf(outcome.error);
      if (status !== undefined && REGULAR_STATUSES.includes(status)) return;
      const type = status === undefined ? nameOf(outcome.error) : String(status);
      measured['error.type'] = type;
      span.setAttribute('error.type', type);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    // The message may hold the keys of a row.
    recordException() {},
    end() {
      if (isMeasured) measure(measured, (performance.now() - start) / 1000);
      span.end();
    },
  };
}

function statusOf(error: unknown) {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : 'Error');

import type { HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import { metrics, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { DURATION_IN_SECONDS, SCOPE, serverAttributes } from '../shared/tracing.ts';
import type { Route } from './graphHandler.ts';

/**
 * Runs each request of a route in a span, as part of the host's or the caller's trace, and measures its duration. The
 * metric is not `http.server.request.duration`: the host has that one, and both would add up under one name.
 */
export function traceRequests(handler: HttpHandler, { name, template }: Pick<Route, 'name' | 'template'>): HttpHandler {
  const tracer = trace.getTracer(SCOPE);
  const durations = metrics.getMeter(SCOPE).createHistogram('playpromptoperation.request.duration', {
    description: 'Requests, by route, method and status.',
    ...DURATION_IN_SECONDS,
  });

  return (request, context) => {
    const start = performance.now();
    return tracer.startActiveSpan(name, {}, parentOf(request, context), async (span) => {
      let status = 500;
      try {
        const response = await handler(request, context);
        status = Number(response.status);
        return response;
      } finally {
        const attributes = {
          'http.route': template,
          'http.request.method': request.method,
          'http.response.status_code': status,
          ...(status >= 500 && { 'error.type': String(status) }),
        };
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        // Callers know the invocation as request-id.
        if (span.isRecording()) {
          span.setAttributes({
            ...attributes,
            ...serverAttributes(request.url),
            'faas.invocation_id': context.invocationId,
          });
        }
        span.end();
        durations.record((performance.now() - start) / 1000, attributes);
      }
    });
  };
}

/** The host's span of this request, or else the caller's. W3C Trace Context, section 3. */
function parentOf({ headers }: HttpRequest, { traceContext }: InvocationContext) {
  const fromHost = traceContext?.traceParent;
  const traceparent = fromHost ?? headers.get('traceparent');
  if (!traceparent) return ROOT_CONTEXT;
  const tracestate = fromHost ? traceContext?.traceState : headers.get('tracestate');
  return propagation.extract(ROOT_CONTEXT, { traceparent, ...(tracestate && { tracestate }) });
}

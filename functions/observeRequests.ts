import type { HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import type { Telemetry, TraceParent } from '../shared/telemetry.ts';
import type { Address } from './address.ts';

/** Tells of each request to an address: a span, which all else of the request is within, and how long it took. */
export function observeRequests(
  handler: HttpHandler,
  { name, route }: Pick<Address, 'name' | 'route'>,
  telemetry: Telemetry,
): HttpHandler {
  return telemetry.step(name, handler, {
    parent: traceParentOf,
    settled(outcome, { args: [request, context], seconds, say }) {
      const status = 'result' in outcome ? Number(outcome.result.status) : 500;
      const said = {
        'http.route': route,
        'http.request.method': request.method,
        'http.response.status_code': status,
        ...(status >= 500 && { 'error.type': String(status) }),
      };
      // The invocation is what callers know as request-id.
      say({ ...said, 'faas.invocation_id': context.invocationId });
      telemetry.record('http.server.request.duration', seconds, said);
    },
  });
}

/** The host's span of this request; a host that tells none passes on what the caller sent. */
function traceParentOf({ headers }: HttpRequest, { traceContext }: InvocationContext): TraceParent | undefined {
  const traceparent = traceContext?.traceParent ?? headers.get('traceparent');
  if (!traceparent) return undefined;
  const tracestate = traceContext?.traceParent ? traceContext.traceState : headers.get('tracestate');
  return { traceparent, ...(tracestate && { tracestate }) };
}

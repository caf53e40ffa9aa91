import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { close, listen } from '../../local/loopback.ts';

const attributes = z
  .array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) }))
  .default([])
  .transform((list) => Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]])));

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes,
  status: z.object({ code: z.number().optional(), message: z.string().optional() }).default({}),
});
export type ReceivedSpan = z.infer<typeof span>;

/** OTLP/HTTP 1.10, JSON: what of a request for traces or metrics the tests look at. */
const traces = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }),
  ),
});

const points = z.object({
  dataPoints: z.array(
    z.object({
      attributes,
      asDouble: z.number().optional(),
      asInt: z.coerce.number().optional(),
      count: z.coerce.number().optional(),
    }),
  ),
});
const metrics = z.object({
  resourceMetrics: z.array(
    z.object({
      scopeMetrics: z.array(
        z.object({
          metrics: z.array(z.object({ name: z.string(), sum: points.optional(), histogram: points.optional() })),
        }),
      ),
    }),
  ),
});

export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  /** What a counter, or the number of measurements of a histogram, was last, with these attributes; 0 where there is none. */
  total(metric: string, attributes?: Readonly<Record<string, unknown>>): number;
  readonly services: Set<unknown>;
  /** The attributes of each resource that sent something. */
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  /** Every body that came, as text. */
  readonly bodies: string[];
  close(): Promise<void>;
}

/** A collector: takes what is sent to it by OTLP over HTTP, as JSON. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const services = new Set<unknown>();
  const resources: Record<string, unknown>[] = [];
  const bodies: string[] = [];
  // Sums are cumulative: the last one counts.
  let last: { name: string; attributes: Record<string, unknown>; value: number }[] = [];
  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString();
    bodies.push(body);
    if (request.url === '/v1/traces') {
      for (const { resource, scopeSpans } of traces.parse(JSON.parse(body)).resourceSpans) {
        services.add(resource.attributes['service.name']);
        if (!resources.some((known) => isDeepStrictEqual(known, resource.attributes)))
          resources.push(resource.attributes);
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      }
    } else {
      const received = metrics.parse(JSON.parse(body)).resourceMetrics;
      last = received
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .flatMap(({ name, sum, histogram }) =>
          [...(sum?.dataPoints ?? []), ...(histogram?.dataPoints ?? [])].map((point) => ({
            name,
            attributes: point.attributes,
            value: point.count ?? point.asInt ?? point.asDouble ?? 0,
          })),
        );
    }
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });
  const port = await listen(server, 0, 'PORT');

  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    services,
    resources,
    bodies,
    total: (metric, wanted = {}) =>
      last
        .filter(
          ({ name, attributes: recorded }) =>
            name === metric && Object.entries(wanted).every(([key, value]) => recorded[key] === value),
        )
        .reduce((sum, { value }) => sum + value, 0),
    close: () => close(server),
  };
}

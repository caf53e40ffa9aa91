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

/** OTLP/HTTP 1.10, JSON: what of a request the tests look at. */
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

const logRecord = z.object({
  severityNumber: z.number(),
  traceId: z.string().optional(),
  body: z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
});
const logs = z.object({
  resourceLogs: z.array(z.object({ scopeLogs: z.array(z.object({ logRecords: z.array(logRecord) })) })),
});

export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  readonly logs: z.infer<typeof logRecord>[];
  /** The paths to which something was sent in protobuf, which is in `bodies` alone. */
  readonly protobuf: Set<unknown>;
  /** What a counter, or the number of measurements of a histogram, was last, with these attributes; 0 where there is none. */
  total(metric: string, attributes?: Readonly<Record<string, unknown>>): number;
  readonly services: Set<unknown>;
  /** The attributes of each resource that sent something. */
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  /** Every body that came, as text. */
  readonly bodies: string[];
  close(): Promise<void>;
}

/** A collector: takes what is sent to it by OTLP over HTTP. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const received: OtlpReceiver['logs'] = [];
  const protobuf = new Set<unknown>();
  const services = new Set<unknown>();
  const resources: Record<string, unknown>[] = [];
  const bodies: string[] = [];
  // Sums are cumulative: the last one counts.
  let last: { name: string; attributes: Record<string, unknown>; value: number }[] = [];
  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString();
    bodies.push(body);
    if (request.headers['content-type'] === 'application/x-protobuf') protobuf.add(request.url);
    else if (request.url === '/v1/logs') {
      const { resourceLogs } = logs.parse(JSON.parse(body));
      received.push(...resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)));
    } else if (request.url === '/v1/traces') {
      for (const { resource, scopeSpans } of traces.parse(JSON.parse(body)).resourceSpans) {
        services.add(resource.attributes['service.name']);
        if (!resources.some((known) => isDeepStrictEqual(known, resource.attributes)))
          resources.push(resource.attributes);
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      }
    } else {
      last = metrics
        .parse(JSON.parse(body))
        .resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
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
    logs: received,
    protobuf,
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

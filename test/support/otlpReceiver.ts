import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
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
  status: z.object({ code: z.number().optional() }).default({}),
});
export type ReceivedSpan = z.infer<typeof span>;

const logRecord = z.object({
  severityNumber: z.number(),
  traceId: z.string().optional(),
  body: z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
});

const number = z.coerce.number().optional();
const points = z
  .object({ dataPoints: z.array(z.object({ attributes, asDouble: number, asInt: number, count: number })) })
  .optional();
const metric = z.object({ name: z.string(), sum: points, histogram: points });

/** OTLP/HTTP 1.10, JSON: what of a request the tests look at. */
const exported = z.object({
  resourceSpans: z
    .array(z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }))
    .default([]),
  resourceLogs: z.array(z.object({ scopeLogs: z.array(z.object({ logRecords: z.array(logRecord) })) })).default([]),
  resourceMetrics: z.array(z.object({ scopeMetrics: z.array(z.object({ metrics: z.array(metric) })) })).optional(),
});

export type OtlpReceiver = Awaited<ReturnType<typeof startOtlpReceiver>>;

/** A collector: takes what is sent to it by OTLP over HTTP. */
export async function startOtlpReceiver() {
  const spans: ReceivedSpan[] = [];
  const logs: z.infer<typeof logRecord>[] = [];
  /** The paths to which something was sent in protobuf, which is in `bodies` alone. */
  const protobuf = new Set<unknown>();
  /** The attributes of the resource of each batch of spans. */
  const resources: Readonly<Record<string, unknown>>[] = [];
  /** Every body that came, as text. */
  const bodies: string[] = [];
  /** Sums are cumulative: the last one counts. */
  let metrics: z.infer<typeof metric>[] = [];

  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString();
    bodies.push(body);
    if (request.headers['content-type'] === 'application/x-protobuf') protobuf.add(request.url);
    else receive(exported.parse(JSON.parse(body)));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });

  function receive({ resourceSpans, resourceLogs, resourceMetrics }: z.infer<typeof exported>) {
    for (const { resource, scopeSpans } of resourceSpans) {
      resources.push(resource.attributes);
      spans.push(...scopeSpans.flatMap((scope) => scope.spans));
    }
    logs.push(...resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)));
    metrics = resourceMetrics?.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics)) ?? metrics;
  }

  return {
    endpoint: `http://127.0.0.1:${await listen(server, 0, 'PORT')}`,
    ...{ spans, logs, protobuf, resources, bodies },
    /** What a counter, or the number of measurements of a histogram, was last, with these attributes; 0 where there is none. */
    total: (wantedName: string, wanted: Readonly<Record<string, unknown>> = {}) =>
      metrics
        .filter(({ name }) => name === wantedName)
        .flatMap(({ sum, histogram }) => [...(sum?.dataPoints ?? []), ...(histogram?.dataPoints ?? [])])
        .filter((point) => Object.entries(wanted).every(([key, value]) => point.attributes[key] === value))
        .reduce((total, { count, asInt, asDouble }) => total + (count ?? asInt ?? asDouble ?? 0), 0),
    close: () => close(server),
  };
}

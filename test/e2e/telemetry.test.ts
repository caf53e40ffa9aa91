// The telemetry of the service: to an OTLP collector, to Application Insights, or none.
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as z from 'zod';
import { close, listen } from '../../local/loopback.ts';
import { writeCertificate } from '../support/certificate.ts';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlpReceiver.ts';
import { loadedModules, newFolder, patch, send, startService, testHost, WATCH_LOADS } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER_SPAN = '00f067aa0ba902b7';
/** The parent of the app's span: Core Tools have a span of their own between it and that of the caller. */
const PARENT = testHost() === 'embedded' ? CALLER_SPAN : expect.stringMatching(/^[\da-f]{16}$/);
const SECRET = 'a-context-of-somebody';
const headers = { traceparent: `00-${TRACE}-${CALLER_SPAN}-01` };

/** What Application Insights takes. */
const envelope = z.object({
  tags: z.record(z.string(), z.string()),
  data: z.object({ baseType: z.string(), baseData: z.record(z.string(), z.unknown()) }),
});

describe('with OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  let collector: OtlpReceiver;
  let store: FaultProxy;
  let token: string;
  let first: Awaited<ReturnType<typeof patch>>;
  let errors: string;
  const within = (parent: string | undefined) => collector.spans.filter(({ parentSpanId }) => parentSpanId === parent);
  const named = (name: string) => collector.spans.filter((span) => span.name === name && span.traceId === TRACE);

  beforeAll(async () => {
    collector = await startOtlpReceiver();
    store = await startFaultProxy();
    const service = await startService({
      TABLES_CONNECTION: azuriteConnection(store.port),
      TABLES_NAME: newTableName(),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_SERVICE_NAME: 'tried',
    });
    token = String(service.facts.token);

    const body = { clientContext: SECRET, status: 'Running', resultInfo: { message: SECRET } };
    first = await patch(service, body, { headers });
    expect(first.status).toBe(200);
    await patch(service, { clientContext: SECRET, status: 'Completed' });
    await send(service, 'GET', `/v1.0/playPromptOperation?$filter=clientContext eq '${SECRET}'`);
    const requests = [{ id: '1', method: 'GET', url: `/playPromptOperation/${SECRET}` }];
    await send(service, 'POST', '/v1.0/$batch', { body: { requests } });

    // The store refuses once, which the SDK tries again, and once finds that another caller has written.
    const failOnce = (wanted: string, status: number) => {
      let left = 1;
      store.fault = ({ method }) => (method === wanted && left-- > 0 ? { status } : 'pass');
    };
    failOnce('GET', 503);
    await send(service, 'GET', `/v1.0/playPromptOperation/${first.json.id}`);
    failOnce('PUT', 412);
    await patch(service, { clientContext: SECRET, status: 'Failed' });
    failOnce('PUT', 500);
    await patch(service, { clientContext: SECRET, status: 'Running' });
    store.fault = undefined;

    const [header, payload] = token.split('.');
    const forged = { facts: { ...service.facts, token: `${header}.${payload}.AAAA` } };
    expect((await patch(forged, { clientContext: SECRET })).status).toBe(401);
    // What has not been sent is sent at the end.
    expect(await service.end('SIGTERM')).toBe(0);
    errors = service.errors();
  });
  afterAll(async () => {
    await store.close();
    await collector.close();
  });

  test('a request is a span of the trace of its caller, with its outcome and its request-id', () => {
    const [request, ...others] = named('playPromptOperations');
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      parentSpanId: PARENT,
      attributes: {
        'http.route': 'v1.0/playPromptOperation',
        'http.request.method': 'PATCH',
        'http.response.status_code': 200,
        'faas.invocation_id': first.headers.get('request-id'),
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'server.port': expect.any(Number),
      },
    });
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'tried' });
  });

  test('its steps are spans within it, and the calls of the store are within the update', () => {
    const [request] = named('playPromptOperations');
    expect(within(request?.spanId).map(({ name }) => name)).toEqual(['authenticate', 'readBody', 'validate', 'update']);
    const [update] = named('update');
    const calls = within(update?.spanId).map(({ name }) => name);
    // The list is that of the subscriptions of the tenant.
    const methods = ['getEntity', 'listEntitiesPage', 'createEntity', 'createTable', 'createEntity'];
    expect(calls).toEqual(methods.map((method) => `TableClient.${method}`));
  });

  test('each request to the store is a span, whose trace it carries on', () => {
    const tries = collector.spans.filter(({ name, traceId }) => name.startsWith('HTTP ') && traceId === TRACE);
    expect(tries.map(({ name }) => name)).toEqual(['HTTP GET', 'HTTP GET', 'HTTP POST', 'HTTP POST', 'HTTP POST']);
    expect(tries.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([404, 404, 404, 201, 204]);
    const sent = store.traceParents.filter((traceParent) => String(traceParent).includes(TRACE));
    expect(sent).toEqual(tries.map(({ spanId }) => `00-${TRACE}-${spanId}-01`));
  });

  test('the attempts of a call of the store have these attributes alone', () => {
    const refused = collector.spans.find(({ attributes }) => attributes['http.response.status_code'] === 503);
    const [first, second] = within(refused?.parentSpanId);
    expect(first).toMatchObject({ name: 'HTTP GET', kind: 3, status: { code: 2 } });
    expect(first?.attributes).toEqual({
      'az.client_request_id': expect.any(String),
      'az.namespace': 'Microsoft.Data.Tables',
      'error.type': '503',
      'http.request.method': 'GET',
      'http.response.status_code': 503,
      'server.address': '127.0.0.1',
      'server.port': store.port,
      'url.scheme': 'http',
    });
    expect(second?.attributes).toMatchObject({ 'http.response.status_code': 200, 'http.request.resend_count': 1 });
  });

  test('a request of a batch is a span within that of the batch', () => {
    const batch = collector.spans.find(({ name }) => name === 'batch');
    const [one] = within(batch?.spanId).filter(({ name }) => name === 'playPromptOperation');
    expect(within(one?.spanId).map(({ name }) => name)).toEqual(['authenticate', 'TableClient.getEntity']);
    expect(one?.attributes['playpromptoperation.refusal']).toBe('notFound');
  });

  test('its log is exported, in the traces of its requests, and the host is asked not to', () => {
    const [refused] = collector.spans.filter(({ attributes }) => attributes['http.response.status_code'] === 401);
    const lines = collector.logs.map(({ body, ...rest }) => ({ ...JSON.parse(body), ...rest }));
    expect(lines).toContainEqual({
      'request-id': refused?.attributes['faas.invocation_id'],
      ...{ status: 401, code: 'InvalidAuthenticationToken', cause: expect.anything() },
      ...{ severityNumber: 13, traceId: refused?.traceId },
    });
    if (testHost() === 'embedded') expect(errors).toContain('Capability WorkerOpenTelemetryEnabled set to true.');
  });

  test.each([
    ['playpromptoperation.request.duration', { 'http.response.status_code': 200, 'http.request.method': 'PATCH' }, 4],
    ['playpromptoperation.request.duration', { 'http.response.status_code': 401 }, 1],
    ['playpromptoperation.updates', { status: 'Running' }, 2],
    ['playpromptoperation.update.retries', { cause: 'stale' }, 1],
    ['playpromptoperation.update.retries', { cause: 'unavailable' }, 1],
    ['playpromptoperation.token.failures', { cause: 'signature' }, 1],
    ['playpromptoperation.cache.lookups', { cache: 'operations', hit: false }, 1],
    ['playpromptoperation.cache.lookups', { cache: 'operations', hit: true }, 3],
    ['playpromptoperation.cache.lookups', { cache: 'tokens', hit: false }, 2],
    ['db.client.operation.duration', { 'db.operation.name': 'createTable' }, 1],
    ['http.client.request.duration', { 'http.request.resend_count': 1 }, 1],
  ])('%s of %j are counted', (metric, attributes, count) => {
    expect(collector.total(metric, attributes)).toBe(count);
  });

  test('the caller, the content and the token are not exported', () => {
    const { oid, sub, tid } = decodeJwt(token);
    expect(collector.bodies.length).toBeGreaterThan(1);
    const exported = collector.bodies.join('\n');
    for (const secret of [SECRET, oid, sub, tid, 'RowKey', ...token.split('.')]) {
      expect(secret).toBeTruthy();
      expect(exported).not.toContain(String(secret));
    }
  });
});

test('without it the OpenTelemetry SDK is not loaded, and no trace context is propagated', async () => {
  const store = await startFaultProxy();
  const connection = azuriteConnection(store.port);
  const service = await startService({ TABLES_CONNECTION: connection, TABLES_NAME: newTableName(), ...WATCH_LOADS });
  expect((await patch(service, { clientContext: 'c' }, { headers })).status).toBe(200);
  await service.end('SIGTERM');
  await store.close();
  const loaded = loadedModules(service);
  expect(loaded.filter((url) => url.endsWith('/index.js'))).not.toEqual([]);
  expect(loaded.filter((url) => /opentelemetry\/(?!api\/)/i.test(url))).toEqual([]);
  expect(store.traceParents.length).toBeGreaterThan(2);
  expect(new Set(store.traceParents)).toEqual(new Set([undefined]));
});

test('the export to Application Insights uses the managed identity that its setting names', async () => {
  const folder = newFolder();
  const { cert, key } = await writeCertificate(folder.path);
  const asked: URLSearchParams[] = [];
  const identity = createHttpServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://127.0.0.1').searchParams);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ access_token: 'of-telemetry', expires_on: 4_000_000_000, token_type: 'Bearer' }));
  });
  const envelopes: unknown[] = [];
  const authorizations = new Set<unknown>();
  const ingestion = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
    authorizations.add(request.headers.authorization);
    const sent = await buffer(request);
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString();
    const items = z.array(envelope).parse(JSON.parse(text));
    envelopes.push(...items);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ itemsReceived: items.length, itemsAccepted: items.length, errors: [] }));
  });
  const endpoint = `https://127.0.0.1:${await listen(ingestion, 0, '')}`;
  const clientId = '44444444-4444-4444-8444-444444444444';
  const service = await startService({
    TABLES_CONNECTION: azuriteConnection(),
    TABLES_NAME: newTableName(),
    APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${clientId};IngestionEndpoint=${endpoint}/`,
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${clientId};Authorization=AAD`,
    IDENTITY_ENDPOINT: `http://127.0.0.1:${await listen(identity, 0, '')}/msi/token`,
    IDENTITY_HEADER: 'secret',
    NODE_EXTRA_CA_CERTS: cert,
  });
  expect((await patch(service, { clientContext: SECRET }, { headers })).status).toBe(200);
  expect(await service.end('SIGTERM')).toBe(0);
  await Promise.all([close(ingestion), close(identity)]);
  folder.remove();

  expect(asked[0]?.get('client_id')).toBe(clientId);
  expect(asked[0]?.get('resource')).toBe('https://monitor.azure.com');
  expect([...authorizations]).toEqual(['Bearer of-telemetry']);
  expect(envelopes).toContainEqual({
    tags: expect.objectContaining({ 'ai.operation.id': TRACE, 'ai.operation.parentId': PARENT }),
    data: { baseType: 'RemoteDependencyData', baseData: expect.objectContaining({ name: 'playPromptOperations' }) },
  });
  const measured = { metrics: [expect.objectContaining({ name: 'playpromptoperation.updates', value: 1 })] };
  expect(envelopes).toContainEqual(
    expect.objectContaining({ data: { baseType: 'MetricData', baseData: expect.objectContaining(measured) } }),
  );
  expect(JSON.stringify(envelopes)).not.toContain(SECRET);
});

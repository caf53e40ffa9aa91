// No failure logs a part of a row, a body, a header, a query or a token: markers are planted in all of
// them, and a store that repeats what it was sent in its errors, in the form of a stack too.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { type TestRequest, useApp } from '../support/app.ts';

const MARKER = 'PLANTED';
/** As it is, and as lines of a stack. */
const planted = `${MARKER}\n    at ${MARKER} (file:///${MARKER}.ts:1:1)\n    at ${MARKER}\n${MARKER}`;
const PATH = '/v1.0/playPromptOperation';

/** How a store refuses a request. */
type Refusal = (received: string) => readonly [status: number, type: string, body: unknown];
const refusals: Record<string, Refusal> = {
  'as OData': (value) => [400, 'application/json', { 'odata.error': { code: 'A', message: { lang: 'en', value } } }],
  'as an error of another shape': (message) => [400, 'application/json', { error: { code: 'A', message } }],
  'as text': (received) => [403, 'text/plain', received],
  'as broken JSON': (received) => [200, 'application/json', `{"value":[${received}`],
  'as a failure': (received) => [501, 'text/html', `<pre>${received}</pre>`],
};

let refuse: Refusal = () => [404, 'text/plain', ''];
const store = createServer(async (request, response) => {
  const [status, type, body] = refuse(`${planted} ${decodeURIComponent(request.url ?? '')} ${await text(request)}`);
  response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body));
});
let port: number;
beforeAll(async () => {
  port = await listen(store, 0, 'STORE');
});
const app = useApp(() => ({
  TABLES_CONNECTION: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:${port}/a;`,
  NOTIFICATION_HOSTS: '127.0.0.1',
}));
afterAll(() => close(store));

const good = { clientContext: planted, resultInfo: { code: 1, message: planted } };
const subscription = {
  changeType: 'updated',
  resource: `playPromptOperation?$filter=clientContext eq '${MARKER}'`,
  notificationUrl: `http://127.0.0.1:9/${MARKER}?${MARKER}`,
  expirationDateTime: new Date(Date.now() + 3_600_000).toISOString(),
  clientState: planted,
};
const subscribe = (changes: object = {}) => ({
  ...{ method: 'POST', path: '/v1.0/subscriptions' },
  body: { ...subscription, ...changes },
});
const inBatch = (one: object) => ({ requests: [{ id: MARKER, method: 'PATCH', url: `${PATH.slice(5)}/a`, ...one }] });
const json = { 'content-type': 'application/json' };
const requests: [string, TestRequest][] = [
  ['an update', { path: `${PATH}/a`, body: good }],
  ['a conditional update', { path: `${PATH}/a`, body: good, headers: { 'if-match': `"${MARKER}"` } }],
  ['a read', { method: 'GET', path: `${PATH}/a?$select=id` }],
  ['a removal', { method: 'DELETE', path: `${PATH}/a` }],
  ['a filter', { method: 'GET', path: `${PATH}?$filter=${encodeURIComponent(`clientContext eq '${planted}'`)}` }],
  ['a $skiptoken', { method: 'GET', path: `${PATH}?$skiptoken=${MARKER.repeat(10)}` }],
  ['a batch', { method: 'POST', path: '/v1.0/$batch', body: inBatch({ headers: json, body: good }) }],
  ['what is not JSON', { path: `${PATH}/a`, body: `{"clientContext":"${MARKER}" ${MARKER}` }],
  ['a repeated member', { path: `${PATH}/a`, body: `{"${MARKER}":1,"${MARKER}":1}` }],
  ['an unknown member', { path: `${PATH}/a`, body: { [planted]: planted } }],
  ['an unknown status', { path: `${PATH}/a`, body: { status: planted } }],
  ['a bad member of a batch', { method: 'POST', path: '/v1.0/$batch', body: inBatch({ [planted]: planted }) }],
  ['a bad header', { path: `${PATH}/a`, body: {}, headers: { 'if-match': MARKER, prefer: MARKER } }],
  ['a media type', { path: `${PATH}/a`, body: {}, headers: { 'content-type': `text/${MARKER}` } }],
  ['a token', { path: `${PATH}/a`, body: {}, token: `${MARKER}.${MARKER}.${MARKER}` }],
  ['a subscription', subscribe()],
  ['a signed subscription', subscribe({ clientState: `whsec_${MARKER.repeat(4)}` })],
  ['a bad subscription', subscribe({ [planted]: planted })],
  ['a URL', { method: 'GET', path: `/v1.0/${MARKER}?${MARKER}=${MARKER}` }],
];

test.each(Object.entries(refusals))(
  'nothing that was planted is logged when the store refuses %s',
  async (_how, how) => {
    refuse = how;
    app.logged.length = 0;
    for (const [_title, request] of requests) await app.send(request);
    expect(app.logged.length).toBeGreaterThanOrEqual(requests.length);
    expect(app.logged.filter((line) => line.includes(MARKER))).toEqual([]);
    // What is needed to find the fault is logged.
    expect(app.logged.some((line) => /"frames":\[" {4}at .*:[0-9]+:[0-9]+/.test(line))).toBe(true);
  },
  60_000,
);

test('the debug log of the SDK, where it is switched on, names no row', async () => {
  const connection = `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:${port}/a;`;
  const script = `
    import { createTableRepository } from './shared/store/tableRepository.ts';
    const table = createTableRepository({ connection: '${connection}', name: 'table' });
    await table.remove('tenant', '${MARKER}', '*', AbortSignal.timeout(5000)).then(console.log, () => {});
  `;
  const env = { ...process.env, AZURE_LOG_LEVEL: 'verbose' };
  refuse = () => [404, 'text/plain', ''];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env,
  });
  expect(stdout).toBe('false\n');
  expect(stderr).not.toContain(MARKER);
});

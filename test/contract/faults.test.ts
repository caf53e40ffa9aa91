// The same fault has the same status on every resource, and of two the one that docs/api.md names first decides.
import { beforeAll, expect, test } from '@jest/globals';
import { createApp } from '../../functions/app.ts';
import { readSettings } from '../../shared/settings.ts';
import { type TestRequest, useApp } from '../support/app.ts';
import { TENANT } from '../support/operations.ts';
import { AUDIENCE, claimsOf } from '../support/tokens.ts';

const settings = { NOTIFICATION_HOSTS: 'bot.example', PAGES: 'board' };
const required = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE, TABLES_CONNECTION: 'UseDevelopmentStorage=true' };
const { http } = await createApp(readSettings({ ...settings, ...required }));
const paths = http.map(({ template }) =>
  `/${template}`
    .replace('{id}', 'ID')
    .replace('{key}', "'ID'")
    .replace(/\{\W?\w+\W?\}/, ''),
);

/** Those for people and probes, which may send anything. */
const LENIENT = /^\/(?:board|health)/;
const OPEN = /^\/(?:openapi\.json|v1\.0(?:\/\$metadata)?)?$/;

/** A method of a route. It has an operation of its own, so that a DELETE never finds one. */
const toResource = (method: string, path: string) => ({
  ...{ method, path: path.replace('ID', method) },
  isSafe: method === 'GET' || method === 'HEAD',
  /** Whether it needs no token. */
  isOpen: OPEN.test(path),
});
type Resource = ReturnType<typeof toResource>;

const app = useApp(settings);
let forbidden = '';
const resources: Resource[] = [];
beforeAll(async () => {
  forbidden = await app.issuer.sign(claimsOf(app.issuer, { roles: [] }));
  for (const path of paths) {
    const { status, headers } = await app.send({ method: 'OPTIONS', path, token: undefined });
    expect([path, status]).toEqual([path, 405]);
    for (const method of (headers.get('allow') ?? '').split(', ')) resources.push(toResource(method, path));
  }
});

const hasBody = ({ method }: Resource) => method === 'PATCH' || method === 'POST';
const isUpdate = ({ method, path }: Resource) => method === 'PATCH' && path.includes('playPromptOperation');
const repeatable = {
  'repeatability-request-id': '112a3a3e-f94c-4f56-b49b-5aab3d97e5b7',
  'repeatability-first-sent': new Date().toUTCString(),
};
const half = { ...repeatable, 'repeatability-first-sent': undefined };

interface Fault extends Pick<TestRequest, 'token' | 'headers' | 'body'> {
  readonly title: string;
  readonly query?: (resource: Resource) => string;
  readonly key?: string;
  /** The status of it, where the resource looks for it. */
  readonly status: (resource: Resource) => number | false;
}

/** In the order in which they are found. */
const faults: readonly Fault[] = [
  { title: 'no token', token: undefined, status: ({ isOpen }) => !isOpen && 401 },
  { title: 'a token that is none', token: 'a.b.c', status: ({ isOpen }) => !isOpen && 401 },
  { title: 'a token without the permission', token: 'forbidden', status: ({ isOpen }) => !isOpen && 403 },
  { title: 'an unknown option', query: () => 'x=1', status: () => 400 },
  { title: '$format without GET', query: () => '$format=json', status: ({ isSafe }) => !isSafe && 400 },
  { title: 'OData-Version', headers: { 'odata-version': '3.0' }, status: () => 400 },
  { title: 'OData-MaxVersion', headers: { 'odata-maxversion': '3.0' }, status: () => 400 },
  { title: 'Prefer', headers: { prefer: 'a'.repeat(2049) }, status: () => 400 },
  { title: '$format', query: ({ isSafe }) => (isSafe ? '$format=x' : ''), status: ({ isSafe }) => isSafe && 406 },
  { title: 'Accept', headers: { accept: 'image/png' }, status: ({ method }) => method !== 'DELETE' && 406 },
  { title: 'If-Match', headers: { 'if-match': 'x' }, status: () => 400 },
  { title: 'If-None-Match', headers: { 'if-none-match': 'x' }, status: () => 400 },
  { title: 'a half repeatable request', headers: half, status: ({ isSafe }) => !isSafe && 400 },
  { title: 'a repeatable one', headers: repeatable, status: (one) => !one.isSafe && !isUpdate(one) && 501 },
  { title: 'the key', key: '(a)', status: ({ path }) => path.includes('(') && 400 },
  { title: 'Content-Type', headers: { 'content-type': 'text/plain' }, status: (one) => hasBody(one) && 415 },
  { title: 'the length of the body', body: ' '.repeat(1024 * 1024 + 1), status: (one) => hasBody(one) && 413 },
];

/** The status and the error of a request with some faults; of those that exclude each other, it has the first. */
async function answerTo(resource: Resource, ...some: readonly Fault[]) {
  const inverse = some.toReversed();
  const fault: Partial<Fault> = Object.assign({ token: app.token }, ...inverse);
  const request = {
    method: resource.method,
    path: `${resource.path.replace(/\('.*'\)/, fault.key ?? '$&')}?${fault.query?.(resource) ?? ''}`,
    headers: Object.assign({}, ...inverse.map(({ headers }) => headers)),
    token: fault.token === 'forbidden' ? forbidden : fault.token,
  };
  const { status, json } = await app.send(hasBody(resource) ? { ...request, body: fault.body ?? {} } : request);
  return { resource, status, error: json?.error?.message };
}

test.each(['playPromptOperation', 'subscriptions'])('of all, first: /%s/$count is no URL', async (set) => {
  const request = { method: 'GET', path: `/v1.0/${set}/%24count?$filter=x`, token: undefined };
  expect((await app.send(request)).status).toBe(404);
});

const statusOf = (fault: Fault, resource: Resource) => !LENIENT.test(resource.path) && fault.status(resource);

test.each(faults)('$title', async (fault) => {
  for (const resource of resources) {
    const status = statusOf(fault, resource);
    const expected = status ? { resource, status } : await answerTo(resource);
    expect(await answerTo(resource, fault)).toMatchObject(expected);
  }
});

test.each(faults.map((fault, n) => [fault.title, faults.slice(n)] as const))(
  'of several, the first decides: %s',
  async (_title, some) => {
    for (const resource of resources) {
      const first = some.filter((fault) => statusOf(fault, resource)).slice(0, 1);
      expect(await answerTo(resource, ...some)).toEqual(await answerTo(resource, ...first));
    }
  },
);

// Listing operations: OData Protocol, 11.2.6; Microsoft Graph, "Paging". What a filter finds is in test/unit/store.
import { beforeAll, expect, test } from '@jest/globals';
import { operationStatuses } from '../../shared/operation/playPromptOperation.ts';
import { sameService, type TestRequest, useApp } from '../support/app.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

const PATH = '/v1.0/playPromptOperation';
const ORIGIN = 'http://127.0.0.1:7071';
const CONTEXT = `${ORIGIN}/v1.0/$metadata#playPromptOperation`;

const all = Array.from({ length: 30 }, (_, n) => ({
  id: `op-${n}`,
  clientContext: [null, 'a', "o'clock &+é😀"][n % 3],
  status: operationStatuses[n % operationStatuses.length],
}));

const app = useApp();
let otherTenant: string;
beforeAll(async () => {
  otherTenant = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  await app.send({ token: otherTenant, body: { id: 'theirs' } });
  for (const operation of all) expect((await app.send({ body: operation })).status).toBe(200);
});

const get = (query = '', request: TestRequest = {}) => app.send({ method: 'GET', path: `${PATH}${query}`, ...request });
const q = (options: Record<string, string>) => `?${new URLSearchParams(options)}`;

/** Every page of a query, found by its links. */
async function pagesOf(query: string) {
  const pages = [];
  for (let path: string | undefined = `${PATH}${query}`; path !== undefined; ) {
    const { status, json } = await app.send({ method: 'GET', path });
    expect(status).toBe(200);
    pages.push(json);
    const link: string | undefined = json['@odata.nextLink'];
    if (link !== undefined) expect(link.startsWith(`${ORIGIN}${PATH}?`)).toBe(true);
    path = link?.replace(ORIGIN, '');
  }
  return pages;
}
const idsOf = (pages: readonly { value: readonly { id: string }[] }[]) =>
  pages.flatMap(({ value }) => value.map(({ id }) => id));

test('every operation is there, as reading it answers it but for the context', async () => {
  const { status, headers, json } = await get();
  expect([status, headers.get('etag')]).toEqual([200, null]);
  expect(json).toEqual({ '@odata.context': CONTEXT, value: expect.any(Array) });
  expect(json.value).toHaveLength(all.length);
  for (const entity of json.value) {
    const { '@odata.context': _context, ...alone } = (await get(`/${entity.id}`)).json;
    expect(entity).toEqual(alone);
  }
  expect((await get('', { method: 'HEAD' })).status).toBe(200);
});

test('a tenant has its own alone', async () => {
  expect(idsOf([(await get('', { token: otherTenant })).json])).toEqual(['theirs']);
  const none = await get(q({ $filter: "status eq 'Failed'" }), { token: otherTenant });
  expect(none.json).toEqual({ '@odata.context': CONTEXT, value: [] });
});

test.each([7, 30])('$top of %i is the size of a page, and its links lead to all once', async (top) => {
  const pages = await pagesOf(q({ $top: `${top}` }));
  for (const page of pages.slice(0, -1)) expect(page.value).toHaveLength(top);
  expect(idsOf(pages)).toEqual(idsOf([(await get()).json]));
});

test('$filter returns what matches it, page by page, $select its properties, and $count is the number', async () => {
  const $filter = "clientContext in ('o''clock &+é😀',null) and not (status eq 'Running')";
  const pages = await pagesOf(q({ $filter, $select: 'id,status', $top: '4', $count: 'true' }));
  const wanted = all.filter(({ clientContext, status }) => clientContext !== 'a' && status !== 'Running');
  expect(idsOf(pages).sort()).toEqual(wanted.map(({ id }) => id).sort());
  expect(pages.map((page) => page['@odata.count'])).toEqual([wanted.length, ...pages.slice(1).map(() => undefined)]);
  expect(pages.length).toBeGreaterThan(1);
  for (const page of pages) {
    expect(page['@odata.context']).toBe(`${CONTEXT}(id,status)`);
    expect(Object.keys(page.value[0])).toEqual(['@odata.type', '@odata.etag', 'id', 'status']);
  }
});

const other = useApp(() => sameService(app));
test.each([
  ['tenant', ''],
  ['$filter', "status eq 'Failed'"],
  ['$top', '6'],
  ['$select', 'id'],
])('$skiptoken is good for any instance, and refused with another %s', async (name, value) => {
  const follow = ({ pathname, search }: URL, token = app.token) =>
    other.send({ method: 'GET', path: pathname + search, token });
  const link = new URL((await get(q({ $top: '5' }))).json['@odata.nextLink']);
  expect((await follow(link)).json.value).toHaveLength(5);
  if (value) link.searchParams.set(name, value);
  const { status, json } = await follow(link, value ? app.token : otherTenant);
  expect([status, json.error.details]).toMatchObject([400, [{ target: '$skiptoken' }]]);
});

test('$format takes the place of Accept, on the next page too', async () => {
  const headers = { accept: 'text/html' };
  const { status, json } = await get('?$top=1&$format=application/json', { headers });
  const next = await app.send({ method: 'GET', path: json['@odata.nextLink'].replace(ORIGIN, ''), headers });
  expect([status, next.status]).toEqual([200, 200]);
});

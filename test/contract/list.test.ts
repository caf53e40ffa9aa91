// Listing operations: OData Protocol, 11.2.6; Microsoft Graph, "Paging".
import { beforeAll, describe, expect, test } from '@jest/globals';
import { operationStatuses } from '../../shared/operation/playPromptOperation.ts';
import { sameService, type TestRequest, useApp } from '../support/app.ts';
import { anOperation } from '../support/operations.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

const PATH = '/v1.0/playPromptOperation';
const ROOT = 'http://127.0.0.1:7071/v1.0';

const all = Array.from({ length: 30 }, (_, n) =>
  anOperation({
    id: `op-${n}`,
    clientContext: [null, 'a', "o'clock &+é😀"][n % 3] ?? null,
    status: operationStatuses[n % operationStatuses.length] ?? 'Failed',
  }),
);

const app = useApp();
let otherTenant: string;
beforeAll(async () => {
  otherTenant = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  await app.send({ token: otherTenant, body: { id: 'theirs' } });
  for (const operation of all) expect((await app.send({ body: operation })).status).toBe(200);
  // Those of the bodies are ignored.
  for (const operation of all) {
    const { json } = await get(`/${operation.id}?$select=createdDateTime,lastActionDateTime`);
    Object.assign(operation, { createdDateTime: json.createdDateTime, lastActionDateTime: json.lastActionDateTime });
  }
});

const get = (query = '', request: TestRequest = {}) => app.send({ method: 'GET', path: `${PATH}${query}`, ...request });
const q = (options: Record<string, string | number>) =>
  `?${Object.entries(options)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')}`;

/** Every page of a query, found by its links. */
async function pagesOf(query: string, token = app.token) {
  const pages = [];
  for (let path: string | undefined = `${PATH}${query}`; path !== undefined; ) {
    const { status, json } = await app.send({ method: 'GET', path, token });
    expect(status).toBe(200);
    pages.push(json);
    const link: string | undefined = json['@odata.nextLink'];
    if (link !== undefined) expect(link).toMatch(new RegExp(`^${ROOT}/playPromptOperation\\?`));
    path = link?.replace('http://127.0.0.1:7071', '');
  }
  return pages;
}
const idsOf = (pages: readonly { value: readonly { id: string }[] }[]) =>
  pages.flatMap(({ value }) => value.map(({ id }) => id));

test('every operation is there, as reading it answers it but for the context', async () => {
  const { status, headers, json } = await get();
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('application/json;odata.metadata=minimal;charset=utf-8');
  expect(headers.get('etag')).toBeNull();
  expect(Object.keys(json)).toEqual(['@odata.context', 'value']);
  expect(json['@odata.context']).toBe(`${ROOT}/$metadata#playPromptOperation`);
  expect(json.value).toHaveLength(all.length);
  for (const entity of json.value) {
    const { '@odata.context': _context, ...alone } = (await get(`/${entity.id}`)).json;
    expect(entity).toEqual(alone);
  }
});

test('a tenant has its own alone', async () => {
  expect(idsOf(await pagesOf('', otherTenant))).toEqual(['theirs']);
  const none = await get(q({ $filter: "status eq 'Failed'" }), { token: otherTenant });
  expect(none.json).toEqual({ '@odata.context': `${ROOT}/$metadata#playPromptOperation`, value: [] });
});

test.each([1, 7, 29, 30, 31, 999])('$top of %i is the size of a page, and its links lead to all once', async (top) => {
  const pages = await pagesOf(q({ $top: top }));
  for (const page of pages.slice(0, -1)) expect(page.value).toHaveLength(top);
  expect(idsOf(pages)).toEqual(idsOf([(await get()).json]));
});

describe('$filter', () => {
  test('returns what matches it, page by page, and $count is the number', async () => {
    const $filter = "clientContext in ('o''clock &+é😀',null) and not (status eq 'Running')";
    const pages = await pagesOf(q({ $filter, $top: 4, $count: 'true' }));
    const wanted = all.filter(({ clientContext, status }) => clientContext !== 'a' && status !== 'Running');
    expect(idsOf(pages).sort()).toEqual(wanted.map(({ id }) => id).sort());
    expect(pages.map((page) => page['@odata.count'])).toEqual([wanted.length, ...pages.slice(1).map(() => undefined)]);
    expect(pages.length).toBeGreaterThan(1);
    expect(Object.keys(pages[0])).toEqual(['@odata.context', '@odata.count', '@odata.nextLink', 'value']);
  });

  test('follows an update', async () => {
    const find = async () => idsOf(await pagesOf(q({ $filter: "clientContext eq 'moving'" })));
    await app.send({ path: `${PATH}/theirs`, token: otherTenant, body: { clientContext: 'moving' } });
    expect(await find()).toEqual([]);
    await app.send({ path: `${PATH}/op-1`, body: { clientContext: 'moving' } });
    expect(await find()).toEqual(['op-1']);
    await app.send({ path: `${PATH}/op-1`, body: { clientContext: all[1]?.clientContext } });
    expect(await find()).toEqual([]);
  });
});

test('$select returns the properties that it names, on every page, and the context names them', async () => {
  const pages = await pagesOf(q({ $select: 'id,status', $top: 20 }));
  expect(pages).toHaveLength(2);
  for (const page of pages) {
    expect(page['@odata.context']).toBe(`${ROOT}/$metadata#playPromptOperation(id,status)`);
    for (const entity of page.value)
      expect(Object.keys(entity)).toEqual(['@odata.type', '@odata.etag', 'id', 'status']);
  }
});

describe('$skiptoken', () => {
  const other = useApp(() => sameService(app));
  const link = async () => new URL((await get(q({ $top: 5 }))).json['@odata.nextLink']);
  const follow = ({ pathname, search }: URL, token = app.token, instance = app) =>
    instance.send({ method: 'GET', path: pathname + search, token });

  test('is good for any instance', async () => {
    const { status, json } = await follow(await link(), app.token, other);
    expect([status, json.value]).toEqual([200, (await follow(await link())).json.value]);
  });

  test.each([
    ['tenant', ''],
    ['$filter', "status eq 'Failed'"],
    ['$top', '6'],
    ['$select', 'id'],
  ])('is refused with another %s', async (name, value) => {
    const changed = await link();
    if (value) changed.searchParams.set(name, value);
    const { status, json } = await follow(changed, value ? app.token : otherTenant);
    expect([status, json.error.details]).toEqual([400, [expect.objectContaining({ target: '$skiptoken' })]]);
  });
});

test('$format takes the place of Accept, on the next page too', async () => {
  const headers = { accept: 'text/html' };
  const { status, json } = await get('?$top=1&$format=application/json', { headers });
  const { pathname, search } = new URL(json['@odata.nextLink']);
  const next = await app.send({ method: 'GET', path: pathname + search, headers });
  expect([status, next.status]).toEqual([200, 200]);
});

test('HEAD answers the same headers', async () => {
  expect((await get('', { method: 'HEAD' })).status).toBe(200);
});

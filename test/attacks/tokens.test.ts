// Every token of SPEC section 5, over HTTP to the running service; and cases that only HTTP can carry.
import { createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { close, listen } from '../../local/loopback.ts';
import { TENANT } from '../support/operations.ts';
import { newFolder, startService, type TestService } from '../support/service.ts';
import { DEFAULT_TABLE, tableClient } from '../support/tables.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE, tokenCases } from '../support/tokens.ts';

const folder = newFolder();
const written: string[] = [];
const watchedRequests: string[] = [];
const watch = createServer(({ url = '' }, response) => {
  watchedRequests.push(url);
  response.end('{}');
});
let watched: string;
let issuer: Issuer;
let service: TestService;
beforeAll(async () => {
  watched = `http://127.0.0.1:${await listen(watch, 0, '')}`;
  issuer = await startIssuer(0);
  service = await startService({
    AZURITE_LOCATION: folder.path,
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: `${TENANT},${OTHER_TENANT}`,
    AUTH_AUDIENCES: AUDIENCE,
  });
});
afterAll(async () => {
  await service.end('SIGINT');
  await issuer.close();
  await close(watch);
  folder.remove();
});

/** A request with exactly these headers, including repeated ones. */
async function send(method: string, path: string, headers: readonly (readonly [string, string])[], content?: object) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const sent = request(`${service.facts.baseUrl}/v1.0${path}`, { method }, (answer) => {
    text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
  });
  sent.on('error', reject).setHeader('Content-Type', 'application/json');
  for (const [name, value] of headers) sent.appendHeader(name, value);
  sent.end(content && JSON.stringify(content));
  return promise;
}

const patch = (headers: readonly (readonly [string, string])[], path = '') =>
  send('PATCH', `/playPromptOperation${path}`, headers, { clientContext: 'attacked' });

const update = { method: 'PATCH', url: '/playPromptOperation', headers: { 'Content-Type': 'application/json' } };
const batch = { requests: [{ id: '1', ...update, body: { clientContext: 'attacked in a batch' } }] };
/** Every other address and method. */
const others: readonly [method: string, path: string, content?: object][] = [
  ['GET', '/playPromptOperation'],
  ['GET', '/playPromptOperation?$filter=status%20eq%20null&$count=true'],
  ['GET', '/playPromptOperation/victim'],
  ['GET', "/playPromptOperation('victim')"],
  ['DELETE', '/playPromptOperation/victim'],
  ['DELETE', "/playPromptOperation('victim')"],
  ['PATCH', "/playPromptOperation('attacked')", {}],
  ['POST', '/$batch', batch],
];
/** What describes the service: the same for everyone. */
const descriptions = new Map(['', '/$metadata', '/../openapi.json'].map((path) => [path, '']));
beforeAll(async () => {
  for (const path of descriptions.keys()) descriptions.set(path, (await send('GET', path, [])).body);
  await patch([['Authorization', `Bearer ${await issuer.sign(claimsOf(issuer))}`]], '/victim');
  written.push('victim');
});

describe.each(tokenCases)('$title', ({ status, authorization }) => {
  const codes: Readonly<Record<number, string>> = { 401: 'InvalidAuthenticationToken', 403: 'Forbidden' };

  test(`is answered ${status} over HTTP`, async () => {
    const header = await authorization(issuer, watched);
    const headers = header === undefined ? [] : [['Authorization', header] as const];
    const id = crypto.randomUUID();
    const answer = await patch(headers, `/${id}`);
    expect(answer.status).toBe(status);
    for (const [path, body] of descriptions) expect(await send('GET', path, headers)).toEqual({ status: 200, body });
    if (status === 200) {
      written.push(id);
      return;
    }
    expect(JSON.parse(answer.body).error.code).toBe(codes[status]);
    for (const [method, path, content] of others) {
      const { status: refused, body } = await send(method, path, headers, content);
      expect([method, path, refused, JSON.parse(body).error.code]).toEqual([method, path, status, codes[status]]);
    }
  });
});

describe('what only HTTP can carry', () => {
  const good = async () => `Bearer ${await issuer.sign(claimsOf(issuer))}`;
  const bad = async () => `Bearer ${await issuer.sign(claimsOf(issuer, { roles: [] }))}`;

  test.each([
    ['two good tokens', good, good],
    ['a good and a bad one', good, bad],
    ['a bad and a good one', bad, good],
    ['a good one and another scheme', good, async () => 'Basic YTpi'],
  ])('two Authorization headers are refused: %s', async (_title, first, second) => {
    const headers = [await first(), await second()].map((value) => ['Authorization', value] as const);
    expect((await patch(headers)).status).toBe(401);
  });

  test('a token in the query, in a cookie or in another header is none', async () => {
    const token = await issuer.sign(claimsOf(issuer));
    for (const name of ['access_token', 'token', 'Authorization', 'code']) {
      expect((await patch([], `?${name}=${token}`)).status).toBe(401);
    }
    for (const name of ['Cookie', 'X-Authorization', 'Proxy-Authorization', 'X-MS-TOKEN-AAD-ACCESS-TOKEN']) {
      expect((await patch([[name, `Authorization=Bearer ${token}`]])).status).toBe(401);
    }
  });

  test('headers that a front end may set do not authenticate the caller', async () => {
    const principal = Buffer.from(JSON.stringify({ auth_typ: 'aad', claims: [{ typ: 'roles', val: ROLE }] }));
    const headers = [
      ['X-MS-CLIENT-PRINCIPAL', principal.toString('base64')],
      ['X-MS-CLIENT-PRINCIPAL-ID', 'app'],
      ['x-functions-key', 'master'],
      ['X-Original-URL', '/admin'],
    ] as const;
    expect((await patch(headers, '?code=master')).status).toBe(401);
  });
});

test('nothing was written but by the good ones', async () => {
  const table = tableClient(DEFAULT_TABLE, new URL(service.facts.tables).port);
  const ids = await Array.fromAsync(table.listEntities(), ({ rowKey }) => rowKey);
  expect(ids.sort()).toEqual(written.sort());
});

test('no one was asked for a key that a token named', () => {
  expect(watchedRequests).toEqual([]);
});

test('no log line holds a token or a personal claim', async () => {
  const personal = { name: 'Ada Lovelace', preferred_username: 'ada@example.org', ipaddr: '192.0.2.7' };
  await patch([
    ['Authorization', `Bearer ${await issuer.sign(claimsOf(issuer, { ...personal, aud: 'api://other' }))}`],
  ]);
  await patch([['Authorization', `Bearer ${await issuer.sign(claimsOf(issuer, { ...personal, roles: [] }))}`]]);
  expect(service.errors()).toContain('access token refused: aud');
  expect(service.errors()).not.toMatch(/eyJ|Ada|ada@|192\.0\.2|Lovelace/);
});

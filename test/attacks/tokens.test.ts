// Tokens as only HTTP can carry them. The tokens, one by one, are in test/contract/tokens.test.ts, and every address without one
// in test/contract/faults.test.ts.
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { TENANT } from '../support/operations.ts';
import { newFolder, startService, type TestService } from '../support/service.ts';
import { DEFAULT_TABLE, tableClient } from '../support/tables.ts';
import { AUDIENCE, claimsOf, ROLE } from '../support/tokens.ts';

const folder = newFolder();
let issuer: Issuer;
let service: TestService;
beforeAll(async () => {
  issuer = await startIssuer(0);
  service = await startService({
    AZURITE_LOCATION: folder.path,
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: TENANT,
    AUTH_AUDIENCES: AUDIENCE,
  });
});
afterAll(async () => {
  await service.end('SIGINT');
  await issuer.close();
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

const good = async () => `Bearer ${await issuer.sign(claimsOf(issuer))}`;
const withoutRole = async () => `Bearer ${await issuer.sign(claimsOf(issuer, { roles: [] }))}`;
beforeAll(async () => {
  await patch([['Authorization', await good()]], '/victim');
});

describe('what only HTTP can carry', () => {
  test.each([
    ['two good tokens', good, good],
    ['a good and a bad one', good, withoutRole],
    ['a bad and a good one', withoutRole, good],
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

test('nothing of this was written', async () => {
  const table = tableClient(DEFAULT_TABLE, new URL(service.facts.tables).port);
  expect(await Array.fromAsync(table.listEntities(), ({ rowKey }) => rowKey)).toEqual(['victim']);
});

import { createServer } from 'node:http';
import { afterAll, expect, test } from '@jest/globals';
import { close, listen } from '../../../local/loopback.ts';
import { managedIdentity } from '../../../shared/store/managedIdentity.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const SCOPE = 'https://storage.azure.com/.default';

const asked: unknown[] = [];
let answers: (readonly [status: number, body: object | string])[] = [];
const server = createServer(({ url = '', headers }, response) => {
  asked.push([url, headers['x-identity-header']]);
  const [status, body] = answers.shift() ?? [500, ''];
  response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
});
const IDENTITY_ENDPOINT = `http://127.0.0.1:${await listen(server, 0, '')}/msi/token`;
const platform = { IDENTITY_ENDPOINT, IDENTITY_HEADER: 'h' };
afterAll(() => close(server));

/** A token that is good for so many seconds from NOW on, as the platform writes it: the time as a string. */
const token = (access_token: string, seconds: number) =>
  [200, { access_token, expires_on: String(NOW / 1000 + seconds), token_type: 'Bearer' }] as const;

test('a token is requested as App Service documents it, once, and again after half of its life or for new claims', async () => {
  const clock = { now: NOW };
  const identity = managedIdentity('c', platform, () => clock.now);
  const get = async (options = {}) => (await identity.getToken(SCOPE, options))?.token;
  answers = [token('first', 3600), token('second', 7200), token('third', 7200), token('other', 60)];
  const another = managedIdentity('c', platform, () => clock.now).getToken([SCOPE]);
  expect([await get(), (await another)?.token]).toEqual(['first', 'first']);
  expect(asked).toEqual([
    ['/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com&client_id=c', 'h'],
  ]);
  clock.now += 1_799_000;
  expect(await get()).toBe('first');
  clock.now += 1000;
  expect(await identity.getToken([SCOPE])).toEqual({
    token: 'second',
    expiresOnTimestamp: NOW + 7_200_000,
    refreshAfterTimestamp: NOW + 4_500_000,
  });
  expect([await get(), await get({ claims: '{}' }), await get()]).toEqual(['second', 'third', 'third']);
  expect((await identity.getToken('https://monitor.azure.com/.default'))?.token).toBe('other');
});

test.each([
  ['a refusal', 400, { access_token: 'x', expires_on: 1 }],
  ['what is not JSON', 200, '<html>'],
  ['a response without a token', 200, { expires_on: 1 }],
  ['a time that is none', 200, { access_token: 'x', expires_on: 'soon' }],
])('%s is not kept: the next one who needs a token asks again', async (_, status, body) => {
  const identity = managedIdentity(crypto.randomUUID(), platform, () => NOW);
  answers = [[status, body], token('t', 60)];
  await expect(identity.getToken(SCOPE)).rejects.toMatchObject({ name: 'RestError', statusCode: undefined });
  expect((await identity.getToken(SCOPE))?.token).toBe('t');
});

test('without an endpoint there is no token', async () => {
  await expect(managedIdentity('c', {}).getToken(SCOPE)).rejects.toMatchObject({ code: 'IDENTITY_ENDPOINT' });
});

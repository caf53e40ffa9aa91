import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { exportJWK, type JWK } from 'jose';
import { close, listen } from '../../../local/loopback.ts';
import {
  createTenantKeys,
  FIRST_FETCH_COOLDOWN_MS,
  type FindTenantKeys,
  KEYS_MAX_AGE_MS,
  KEYS_RENEWAL_MS,
  REFETCH_COOLDOWN_MS,
} from '../../../shared/auth/signingKeys.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const START = 1_000_000;

/** What the issuer under test answers, and how often it was asked for its keys. */
let published: unknown[];
let answerKeys: (response: ServerResponse) => unknown;
let answerDiscovery: (response: ServerResponse, tenant: string) => unknown;
let keyRequests: number;
let time: number;
let authority: string;
let findTenantKeys: FindTenantKeys;

/** Answers with a body, of at least this length, in which AUTHORITY stands for the address of the issuer. */
const json = (response: ServerResponse, body: unknown, length = 0) =>
  response.end(JSON.stringify(body).replaceAll('AUTHORITY', authority).padEnd(length));
const discoveryOf = (tenant: string) => ({ issuer: `AUTHORITY/${tenant}/v2.0`, jwks_uri: 'AUTHORITY/keys' });
const down = (response: ServerResponse) => response.writeHead(500).end();
let server: Server;

beforeEach(async () => {
  server = createServer(({ url = '' }, response) => {
    const tenant = url.split('/')[1] ?? '';
    if (url.endsWith('/openid-configuration')) return answerDiscovery(response, tenant);
    keyRequests += 1;
    return answerKeys(response);
  });
  authority = `http://127.0.0.1:${await listen(server, 0, '')}`;
  published = [rsa('one')];
  keyRequests = 0;
  time = START;
  jest.spyOn(Date, 'now').mockImplementation(() => time);
  answerKeys = (response) => json(response, { keys: published });
  answerDiscovery = (response, tenant) => json(response, discoveryOf(tenant));
  findTenantKeys = createTenantKeys({ authority });
});
afterEach(async () => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  await close(server);
});

const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicJwk = newKey().publicKey.export({ format: 'jwk' });
const rsa = (kid: string, changes: object = {}): JWK => ({ ...publicJwk, kid, use: 'sig', ...changes });
const unavailable = { reason: 'unavailable' };

/** Finds a key as the verification of a token does. */
async function find(kid: string, { tenant = TENANT, alg = 'RS256' } = {}) {
  const keys = findTenantKeys(tenant);
  await keys.load();
  return keys.find({ alg, kid });
}
/** Whether the key is found; fails where the keys are unavailable. */
async function has(kid: string, options?: Parameters<typeof find>[1]) {
  const error = await find(kid, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ServiceError) throw error;
  return error === undefined;
}
/** Expects that no key can be had, after so many requests for keys in all. */
async function isUnavailable(requests: number, options?: Parameters<typeof find>[1]) {
  await expect(find('one', options)).rejects.toMatchObject(unavailable);
  expect(keyRequests).toBe(requests);
}
/** Waits until the issuer has got so many requests for keys, and has had the time to get another. */
async function asked(requests: number) {
  while (keyRequests < requests) await delay(1);
  await delay(20);
  expect(keyRequests).toBe(requests);
}

test('keys are renewed hourly, serve for 24 hours at most, and are fetched again every 30 seconds at most', () => {
  expect([KEYS_RENEWAL_MS, KEYS_MAX_AGE_MS, REFETCH_COOLDOWN_MS]).toEqual([3_600_000, 24 * 3_600_000, 30_000]);
});

describe('the keys of a tenant', () => {
  test('are found by discovery, and fetched once, however many requests wait', async () => {
    const found = await Promise.all(Array.from({ length: 50 }, () => has('one')));
    expect(found).toEqual(Array(50).fill(true));
    expect(keyRequests).toBe(1);
  });

  test('are renewed after an hour, and not before, while the present ones serve, and the issuer may hang', async () => {
    await find('one');
    time += KEYS_RENEWAL_MS - 1;
    await find('one');
    expect(keyRequests).toBe(1);
    time += 1;
    published = [rsa('two')];
    expect(await has('one')).toBe(true);
    await asked(2);
    while (!(await has('two'))) await delay(1);
    expect([await has('one'), keyRequests]).toEqual([false, 2]);
    time += KEYS_RENEWAL_MS;
    answerKeys = () => {};
    for (let n = 0; n < 50; n++) expect(await has('two')).toBe(true);
    await asked(3);
  });

  test('are those of the time that loading them returns', async () => {
    const { load } = findTenantKeys(TENANT);
    expect(await load()).toBe(START);
    time += REFETCH_COOLDOWN_MS;
    expect(await load()).toBe(START);
    await has('two');
    expect(await load()).toBe(time);
  });

  test('are its own, also under one key id', async () => {
    const mine = await find('one');
    const other = newKey().publicKey.export({ format: 'jwk' });
    published = [{ ...other, kid: 'one' }];
    expect(await exportJWK(await find('one', { tenant: OTHER_TENANT }))).toMatchObject({ n: other.n });
    expect(await exportJWK(mine)).toMatchObject({ n: publicJwk.n });
    expect(await find('one')).toBe(mine);
  });
});

describe('a key id that is not known', () => {
  test('is found just after the first fetch, by all who wait for it', async () => {
    await find('one');
    published = [rsa('one'), rsa('two')];
    const found = await Promise.all(Array.from({ length: 50 }, () => has('two')));
    expect(found).toEqual(Array(50).fill(true));
    expect(keyRequests).toBe(2);
  });

  test.each(['answers', 'is down'])('causes one fetch in 30 seconds from an issuer that %s', async (what) => {
    await find('one');
    if (what === 'is down') answerKeys = down;
    const flood = async () => {
      const found = await Promise.all(Array.from({ length: 200 }, (_, n) => has(`unknown ${n}`)));
      expect(found).toEqual(Array(200).fill(false));
      expect(await has('one')).toBe(true);
    };
    await flood();
    await flood();
    expect(keyRequests).toBe(2);
    time += REFETCH_COOLDOWN_MS - 1;
    await flood();
    expect(keyRequests).toBe(2);
    time += 1;
    await flood();
    expect(keyRequests).toBe(3);
  });

  test('in one tenant takes no refetch from another', async () => {
    for (const tenant of [TENANT, OTHER_TENANT]) await find('one', { tenant });
    await has('unknown');
    published = [rsa('one'), rsa('two')];
    expect([await has('two', { tenant: OTHER_TENANT }), await has('two'), keyRequests]).toEqual([true, false, 4]);
  });

  test('lets no known one wait for what it asks of the issuer', async () => {
    await find('one');
    const waiting = Promise.withResolvers<ServerResponse>();
    answerKeys = (response) => waiting.resolve(response);
    const unknown = has('two');
    const response = await waiting.promise;
    expect(await has('one')).toBe(true);
    json(response, { keys: [rsa('one'), rsa('two')] });
    expect(await unknown).toBe(true);
  });
});

describe('an issuer that does not answer', () => {
  test('leaves the last good keys in use for 24 hours, and gets one request in 30 seconds', async () => {
    await find('one');
    answerKeys = down;
    let requests = 1;
    for (time += KEYS_RENEWAL_MS; requests < 5; time += REFETCH_COOLDOWN_MS) {
      for (let n = 0; n < 3; n++) expect(await has('one')).toBe(true);
      requests += 1;
      await asked(requests);
    }
    time = START + KEYS_MAX_AGE_MS - 1;
    expect(await has('one')).toBe(true);
    await asked(requests + 1);
    time += REFETCH_COOLDOWN_MS;
    await expect(find('one')).rejects.toMatchObject(unavailable);
    answerKeys = (response) => json(response, { keys: [rsa('two')] });
    time += FIRST_FETCH_COOLDOWN_MS;
    expect(await has('two')).toBe(true);
  });

  test('leaves them in use too when it publishes no key that is usable', async () => {
    await find('one');
    published = [rsa('two', { use: 'enc' })];
    await has('other');
    expect(await has('one')).toBe(true);
    time += REFETCH_COOLDOWN_MS;
    published = [rsa('two')];
    expect(await has('two')).toBe(true);
  });

  test('from the beginning is unavailable to all who wait, and is asked again after a second', async () => {
    answerKeys = down;
    const found = await Promise.allSettled(Array.from({ length: 100 }, () => find('one')));
    for (const one of found) expect(one).toMatchObject({ status: 'rejected', reason: unavailable });
    expect(keyRequests).toBe(1);
    time += FIRST_FETCH_COOLDOWN_MS - 1;
    await isUnavailable(1);
    answerKeys = (response) => json(response, { keys: published });
    time += 1;
    expect(await has('one')).toBe(true);
  });

  const wrong: [string, (response: ServerResponse) => unknown][] = [
    ['an error', down],
    ['HTML', (response) => response.end('<html>')],
    ['null', (response) => response.end('null')],
    ['something that is neither', (response) => json(response, { keys: 'none', issuer: 7, jwks_uri: 7 })],
    ['a redirect', (response) => response.writeHead(302, { Location: `${authority}/elsewhere` }).end()],
    ['a connection that breaks', (response) => response.socket?.destroy()],
  ];
  test.each(wrong)('but with %s is unavailable; in place of discovery, it is not asked for keys', async (_, answer) => {
    answerKeys = answer;
    await isUnavailable(1);
    answerDiscovery = answer;
    await isUnavailable(1, { tenant: OTHER_TENANT });
  });

  test('but with an answer without end is unavailable after 5 seconds', async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const limited = jest.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout(50));
    answerKeys = (response) => response.write('{"keys":');
    await expect(find('one')).rejects.toMatchObject(unavailable);
    expect(limited.mock.calls).toEqual([[5000]]);
  });
});

test('documents of 512 KiB are read, and one of a byte more is refused', async () => {
  let length = 512 * 1024;
  answerKeys = (response) => json(response, { keys: published }, length);
  expect(await has('one')).toBe(true);
  time += KEYS_MAX_AGE_MS;
  length += 1;
  await isUnavailable(2);
});

describe('the discovery document', () => {
  test('may have a template for the tenant', async () => {
    answerDiscovery = (response) => json(response, discoveryOf('{tenantid}'));
    expect(await has('one')).toBe(true);
  });

  test.each([
    { issuer: undefined },
    { issuer: 'https://login.example/v2.0' },
    { issuer: `AUTHORITY/${OTHER_TENANT}/v2.0` },
    { issuer: `AUTHORITY/${TENANT}/v2.0/` },
    { jwks_uri: undefined },
    { jwks_uri: 'http://keys.example/keys' },
  ])('with %j is refused, and gets no further request', async (change) => {
    answerDiscovery = (response) => json(response, { ...discoveryOf(TENANT), ...change });
    await isUnavailable(0);
  });
});

describe('a key', () => {
  const { publicKey: p256 } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  test.each([
    ['that is marked for verification', rsa('x', { key_ops: ['verify'], use: undefined }), 'RS256'],
    ['that names its algorithm', rsa('x', { alg: 'RS256' }), 'RS256'],
    ['of an elliptic curve', { ...p256.export({ format: 'jwk' }), kid: 'x' }, 'ES256'],
    ['of any tenant', rsa('x', { issuer: 'AUTHORITY/{tenantid}/v2.0' }), 'RS256'],
    ['of this tenant', rsa('x', { issuer: `AUTHORITY/${TENANT}/v2.0` }), 'RS256'],
  ])('%s is used', async (_title, key, alg) => {
    published = [key];
    expect(await has('x', { alg })).toBe(true);
  });

  const ignored: readonly unknown[] = [
    ...[undefined, 7].map((kid) => rsa('x', { kid })),
    ...['enc', ['sig']].map((use) => rsa('x', { use })),
    ...[['encrypt', 'sign'], 'verify', []].map((key_ops) => rsa('x', { key_ops })),
    ...[`AUTHORITY/${OTHER_TENANT}/v2.0`, 'https://login.other.example/{tenantid}/v2.0', '', {}].map((issuer) =>
      rsa('x', { issuer }),
    ),
    // The exponent 1.
    ...['AQ', 'AAE', 'AAAB'].map((e) => rsa('x', { e })),
    { kty: 'oct', k: 'AAAA', kid: 'x' },
    // A point that is on no curve.
    { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'x' },
    { ...newKey().privateKey.export({ format: 'jwk' }), kid: 'x' },
    ...[7, null],
  ];
  test.each(ignored.map((key) => ({ key })))('that cannot verify is ignored, and no other: %#', async ({ key }) => {
    published = [key, rsa('one')];
    for (const alg of ['RS256', 'ES256']) expect(await has('x', { alg })).toBe(false);
    expect(await has('one')).toBe(true);
  });

  test('of another use does not take the key id of one that may verify', async () => {
    published = [rsa('one', { use: 'enc' }), { kty: 'oct', k: 'AAAA', kid: 'one' }, rsa('one', { alg: 'RS256' })];
    expect(await has('one')).toBe(true);
  });
});

import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { close, listen } from '../../local/loopback.ts';
import {
  createTenantKeys,
  FIRST_FETCH_COOLDOWN_MS,
  type FindTenantKeys,
  KEYS_MAX_AGE_MS,
  REFETCH_COOLDOWN_MS,
} from '../../shared/signingKeys.ts';
import { TENANT } from '../support/operations.ts';

const HOUR = 3_600_000;

/** What the issuer under test answers, and how often it was asked for its keys. */
let published: unknown[];
let answerKeys: (response: ServerResponse) => unknown;
let answerDiscovery: (response: ServerResponse, authority: string, tenant: string) => void;
let keyRequests: number;
let time: number;
let authority: string;
let find: FindTenantKeys;

const json = (response: ServerResponse, body: unknown) => response.end(JSON.stringify(body));
let server: Server;

beforeEach(async () => {
  server = createServer(({ url = '' }, response) => {
    const tenant = url.split('/')[1] ?? '';
    if (url.endsWith('/openid-configuration')) return answerDiscovery(response, authority, tenant);
    keyRequests += 1;
    return answerKeys(response);
  });
  authority = `http://127.0.0.1:${await listen(server, 0, '')}`;
  published = [rsa('one')];
  keyRequests = 0;
  time = 1_000_000;
  answerKeys = (response) => json(response, { keys: published });
  answerDiscovery = (response, base, tenant) =>
    json(response, { issuer: `${base}/${tenant}/v2.0`, jwks_uri: `${base}/${tenant}/keys` });
  find = createTenantKeys({ authority, now: () => time });
});
afterEach(async () => {
  server.closeAllConnections();
  await close(server);
});

const { publicKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
const publicJwk = await exportJWK(publicKey);
const rsa = (kid: string, changes: Record<string, unknown> = {}): JWK => ({
  ...publicJwk,
  kid,
  use: 'sig',
  ...changes,
});
const keyIds = async (kid = 'one') => [...(await find(TENANT, kid)).keys.keys()];
const unavailable = { reason: 'unavailable' };

describe('the keys of a tenant', () => {
  test('are found by discovery, with the issuer that it names', async () => {
    const { issuer, keys } = await find(TENANT, 'one');
    expect(issuer).toBe(`${authority}/${TENANT}/v2.0`);
    expect([...keys.keys()]).toEqual(['one']);
  });

  test('are fetched once, however many requests wait', async () => {
    await Promise.all(Array.from({ length: 50 }, () => find(TENANT, 'one')));
    expect(keyRequests).toBe(1);
  });

  test('are kept apart from those of another', async () => {
    const other = await find('22222222-2222-4222-8222-222222222222', 'one');
    const mine = await find(TENANT, 'one');
    expect(other.issuer).not.toBe(mine.issuer);
    expect(keyRequests).toBe(2);
  });

  test('are fetched anew after an hour, and not before', async () => {
    await find(TENANT, 'one');
    time += KEYS_MAX_AGE_MS - 1;
    await find(TENANT, 'one');
    expect(keyRequests).toBe(1);
    time += 1;
    published = [rsa('two')];
    expect(await keyIds()).toEqual(['two']);
    expect(keyRequests).toBe(2);
  });
});

describe('a key id that is not known', () => {
  test('is found after a rotation, by all who wait for it', async () => {
    await find(TENANT, 'one');
    published = [rsa('one'), rsa('two')];
    const found = await Promise.all(Array.from({ length: 50 }, () => keyIds('two')));
    expect(found.every((ids) => ids.includes('two'))).toBe(true);
    expect(keyRequests).toBe(2);
  });

  test('causes one fetch in 5 minutes, also in a flood', async () => {
    await find(TENANT, 'one');
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 10 }, (_, i) => find(TENANT, `x${n}-${i}`)));
    expect(keyRequests).toBe(2);
    time += REFETCH_COOLDOWN_MS - 1;
    await find(TENANT, 'y');
    expect(keyRequests).toBe(2);
    time += 1;
    await find(TENANT, 'y');
    expect(keyRequests).toBe(3);
  });
});

describe('an issuer that does not answer', () => {
  const down = (response: ServerResponse) => {
    response.statusCode = 500;
    response.end();
  };

  test('leaves the last good keys in service, for hours, and is asked once in 5 minutes', async () => {
    await find(TENANT, 'one');
    answerKeys = down;
    for (time += HOUR; time < 1_000_000 + 4 * HOUR; time += 60_000) expect(await keyIds()).toEqual(['one']);
    expect(keyRequests).toBe(1 + (3 * HOUR) / REFETCH_COOLDOWN_MS);
    answerKeys = (response) => json(response, { keys: [rsa('two')] });
    time += REFETCH_COOLDOWN_MS;
    expect(await keyIds()).toEqual(['two']);
  });

  test('from the beginning is unavailable, is not asked again within a second, and is found when it is back', async () => {
    answerKeys = down;
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    expect(keyRequests).toBe(1);
    answerKeys = (response) => json(response, { keys: published });
    time += FIRST_FETCH_COOLDOWN_MS;
    expect(await keyIds()).toEqual(['one']);
  });

  const wrong: [string, (response: ServerResponse) => unknown][] = [
    ['an error', down],
    ['HTML', (response) => response.end('<html>')],
    ['half of its answer', (response) => response.end('{"keys":[{"kty"')],
    ['something that is no key set', (response) => json(response, { keys: 'none' })],
    ['a redirect', (response) => response.writeHead(302, { Location: `${authority}/elsewhere` }).end()],
    ['more than it could need', (response) => json(response, { keys: published, filler: 'x'.repeat(600_000) })],
    ['no end of its answer', (response) => response.write('{"keys":')],
    ['a connection that breaks', (response) => response.socket?.destroy()],
  ];
  test.each(wrong)('but with %s is unavailable', async (_title, answer) => {
    answerKeys = answer;
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    expect(keyRequests).toBe(1);
  });

  test.each([
    ['http://keys.example/keys'],
    ['ftp://127.0.0.1/keys'],
    ['file:///etc/keys'],
    ['not an address'],
    [undefined],
  ])('but leads to its keys at %s is unavailable', async (jwks_uri) => {
    answerDiscovery = (response) => json(response, { issuer: 'i', jwks_uri });
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    expect(keyRequests).toBe(0);
  });
});

describe('a key', () => {
  const weakKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const useless: [string, unknown][] = [
    ['without a key id', rsa('x', { kid: undefined })],
    ['with an empty key id', rsa('')],
    ['of RSA under 2,048 bits', { ...weakKey, kid: 'weak' }],
    ['of RSA with the exponent 1', rsa('weak', { e: 'AQ' })],
    ['that is symmetric', { kty: 'oct', k: 'AAAA', kid: 'secret' }],
    ['for encryption', rsa('enc', { use: 'enc' })],
    ['whose operations leave verification out', rsa('ops', { key_ops: ['encrypt'] })],
    ['of a type that is none', { kty: 'XYZ', kid: 'x' }],
    ['whose numbers are none', rsa('bad', { n: '!', e: '!' })],
    ['without its numbers', rsa('bad', { n: undefined })],
    ['that is no object', 7],
    ['that is null', null],
  ];
  test.each(useless)('%s is ignored, and the others are not', async (_title, key) => {
    published = [key, rsa('one')];
    expect(await keyIds()).toEqual(['one']);
  });

  test('that says it is for verification is used', async () => {
    published = [rsa('one', { key_ops: ['verify'], use: undefined })];
    expect(await keyIds()).toEqual(['one']);
  });

  test('of an elliptic curve is used', async () => {
    const { publicKey: ecKey } = await generateKeyPair('ES256', { extractable: true });
    published = [{ ...(await exportJWK(ecKey)), kid: 'ec' }];
    expect(await keyIds()).toEqual(['ec']);
  });

  test('keeps what it says of its algorithm and its issuer', async () => {
    published = [rsa('one', { alg: 'RS256', issuer: 'https://login.example/{tenantid}/v2.0' })];
    const key = (await find(TENANT, 'one')).keys.get('one');
    expect(key).toMatchObject({ algorithm: 'RS256', issuer: 'https://login.example/{tenantid}/v2.0' });
  });

  test('counts once: of two with one id, the first', async () => {
    published = [rsa('one', { alg: 'RS256' }), rsa('one', { alg: 'RS512' })];
    expect((await find(TENANT, 'one')).keys.get('one')).toMatchObject({ algorithm: 'RS256' });
  });
});

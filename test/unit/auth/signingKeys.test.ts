import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { close, listen } from '../../../local/loopback.ts';
import {
  createTenantKeys,
  FIRST_FETCH_COOLDOWN_MS,
  type FindTenantKeys,
  KEYS_MAX_AGE_MS,
  KEYS_RENEWAL_MS,
  RENEWAL_COOLDOWN_MS,
  UNKNOWN_KEY_COOLDOWN_MS,
} from '../../../shared/auth/signingKeys.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

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
/** Waits until a renewal in the background has led to these keys. */
async function renewedTo(...ids: string[]) {
  while ([...(await find(TENANT, undefined)).keys.keys()].join() !== ids.join()) await delay(1);
}
/** Waits until the issuer has got so many requests for keys, and has had the time to get another. */
async function asked(requests: number) {
  while (keyRequests < requests) await delay(1);
  await delay(20);
  expect(keyRequests).toBe(requests);
}

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

  test('are renewed after an hour, and not before, while the present ones serve', async () => {
    await find(TENANT, 'one');
    time += KEYS_RENEWAL_MS - 1;
    await find(TENANT, 'one');
    expect(keyRequests).toBe(1);
    time += 1;
    published = [rsa('two')];
    expect(await keyIds()).toEqual(['one']);
    await renewedTo('two');
    expect(keyRequests).toBe(2);
  });

  test('cost a request nothing while the issuer hangs', async () => {
    await find(TENANT, 'one');
    time += KEYS_RENEWAL_MS;
    answerKeys = () => {};
    for (let n = 0; n < 50; n++) expect(await keyIds()).toEqual(['one']);
    await asked(2);
  });
});

describe('a key id that is not known', () => {
  test('is found after a rotation, however often was asked for no key in particular', async () => {
    await find(TENANT, undefined);
    published = [rsa('two')];
    for (let n = 0; n < 3; n++) await find(TENANT, undefined);
    expect(keyRequests).toBe(1);
    expect(await keyIds('two')).toEqual(['two']);
  });

  test('is found after a rotation, by all who wait for it', async () => {
    await find(TENANT, 'one');
    published = [rsa('one'), rsa('two')];
    const found = await Promise.all(Array.from({ length: 50 }, () => keyIds('two')));
    expect(found.every((ids) => ids.includes('two'))).toBe(true);
    expect(keyRequests).toBe(2);
  });

  test('causes one fetch in 30 seconds, also in a flood', async () => {
    await find(TENANT, 'one');
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 10 }, (_, i) => find(TENANT, `x${n}-${i}`)));
    expect(keyRequests).toBe(2);
    time += UNKNOWN_KEY_COOLDOWN_MS - 1;
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

  test('leaves the last good keys in use for 24 hours, and gets one request in 5 minutes', async () => {
    await find(TENANT, 'one');
    answerKeys = down;
    let requests = 1;
    for (time += HOUR; time < 1_000_000 + 2 * HOUR; time += 60_000) {
      expect(await keyIds()).toEqual(['one']);
      if ((time - 1_000_000) % RENEWAL_COOLDOWN_MS === 0) requests += 1;
      await asked(requests);
    }
    time = 1_000_000 + KEYS_MAX_AGE_MS - 1;
    expect(await keyIds()).toEqual(['one']);
    await asked(requests + 1);
    time += FIRST_FETCH_COOLDOWN_MS;
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    answerKeys = (response) => json(response, { keys: [rsa('two')] });
    time += FIRST_FETCH_COOLDOWN_MS;
    expect(await keyIds('two')).toEqual(['two']);
  });

  test.each([
    ['no key', () => []],
    ['no usable key', () => [rsa('weak', { use: 'enc' })]],
  ])('leaves them in use too when it publishes %s', async (_, nothing) => {
    await find(TENANT, 'one');
    published = nothing();
    expect(await keyIds('other')).toEqual(['one']);
    time += UNKNOWN_KEY_COOLDOWN_MS;
    published = [rsa('two')];
    expect(await keyIds('two')).toEqual(['two']);
  });

  test('from the beginning is unavailable, is not requested again within a second, and is found when the issuer is back', async () => {
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
    answerDiscovery = (response) => json(response, { issuer: `${authority}/${TENANT}/v2.0`, jwks_uri });
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

  test('that is marked for verification is used', async () => {
    published = [rsa('one', { key_ops: ['verify'], use: undefined })];
    expect(await keyIds()).toEqual(['one']);
  });

  test('of an elliptic curve is used', async () => {
    const { publicKey: ecKey } = await generateKeyPair('ES256', { extractable: true });
    published = [{ ...(await exportJWK(ecKey)), kid: 'ec' }];
    expect(await keyIds()).toEqual(['ec']);
  });

  test('keeps its algorithm and its issuer', async () => {
    published = [rsa('one', { alg: 'RS256', issuer: 'https://login.example/{tenantid}/v2.0' })];
    const key = (await find(TENANT, 'one')).keys.get('one');
    expect(key).toMatchObject({ algorithm: 'RS256', issuer: 'https://login.example/{tenantid}/v2.0' });
  });

  test('counts once: of two with one id, the first', async () => {
    published = [rsa('one', { alg: 'RS256' }), rsa('one', { alg: 'RS512' })];
    expect((await find(TENANT, 'one')).keys.get('one')).toMatchObject({ algorithm: 'RS256' });
  });
});

describe('one fetch', () => {
  test('renews keys that are an hour old, for any key id', async () => {
    await find(TENANT, 'one');
    time += KEYS_RENEWAL_MS;
    published = [rsa('one'), rsa('two')];
    const found = await Promise.all(
      Array.from({ length: 100 }, (_, n) => keyIds(['one', 'two', 'three'][n % 3] as string)),
    );
    expect(found.every((ids, n) => n % 3 === 0 || ids.includes('two'))).toBe(true);
    await renewedTo('one', 'two');
    expect(keyRequests).toBe(2);
  });

  test('that fails is the answer to all who wait for the first keys', async () => {
    answerKeys = (response) => response.writeHead(503).end();
    const found = await Promise.allSettled(Array.from({ length: 100 }, () => find(TENANT, 'one')));
    expect(found.map((one) => one.status === 'rejected' && one.reason)).toEqual(
      Array(100).fill(expect.objectContaining(unavailable)),
    );
    expect(found[0]).toHaveProperty('reason', expect.any(ServiceError));
    expect(keyRequests).toBe(1);
  });

  test('that fails leaves the last good keys to all who wait for new ones', async () => {
    await find(TENANT, 'one');
    time += KEYS_RENEWAL_MS;
    answerKeys = (response) => response.writeHead(503).end();
    const found = await Promise.all(Array.from({ length: 100 }, () => keyIds('two')));
    expect(found).toEqual(Array(100).fill(['one']));
    expect(keyRequests).toBe(2);
  });
});

describe('200 key ids at once that no key has', () => {
  const flood = () => Promise.all(Array.from({ length: 200 }, (_, n) => keyIds(`unknown ${n}`)));

  test('cause one fetch in 30 seconds, and keep the known keys', async () => {
    await find(TENANT, 'one');
    expect(await flood()).toEqual(Array(200).fill(['one']));
    expect(await flood()).toEqual(Array(200).fill(['one']));
    expect(keyRequests).toBe(2);
    time += UNKNOWN_KEY_COOLDOWN_MS - 1;
    await flood();
    expect(keyRequests).toBe(2);
    time += 1;
    await flood();
    expect(keyRequests).toBe(3);
  });

  test('cause one fetch in 30 seconds from an issuer that is down, too', async () => {
    await find(TENANT, 'one');
    answerKeys = (response) => response.writeHead(500).end();
    expect(await flood()).toEqual(Array(200).fill(['one']));
    expect(await flood()).toEqual(Array(200).fill(['one']));
    expect(keyRequests).toBe(2);
  });

  test('in one tenant take no refetch from another', async () => {
    await find(TENANT, 'one');
    await find(OTHER_TENANT, 'one');
    await flood();
    published = [rsa('one'), rsa('two')];
    expect([...(await find(OTHER_TENANT, 'two')).keys.keys()]).toEqual(['one', 'two']);
    expect(await keyIds('two')).toEqual(['one']);
    expect(keyRequests).toBe(4);
  });
});

test('a known key id never waits for what an unknown one asks of the issuer', async () => {
  await find(TENANT, 'one');
  const asked = Promise.withResolvers<ServerResponse>();
  answerKeys = (response) => asked.resolve(response);
  const unknown = keyIds('two');
  const response = await asked.promise;
  expect(await keyIds('one')).toEqual(['one']);
  json(response, { keys: [rsa('one'), rsa('two')] });
  expect(await unknown).toEqual(['one', 'two']);
});

test('a key that the issuer no longer publishes is gone after an hour', async () => {
  published = [rsa('one'), rsa('two')];
  await find(TENANT, 'one');
  published = [rsa('two')];
  time += KEYS_RENEWAL_MS;
  await renewedTo('two');
});

describe('several tenants', () => {
  const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });

  test('have keys of their own, also under one key id', async () => {
    const mine = await find(TENANT, 'one');
    published = [{ ...otherKey, kid: 'one' }];
    const other = await find(OTHER_TENANT, 'one');
    expect(mine.keys.get('one')?.publicKey.export({ format: 'jwk' }).n).toBe(publicJwk.n);
    expect(other.keys.get('one')?.publicKey.export({ format: 'jwk' }).n).toBe(otherKey.n);
    expect((await find(TENANT, 'one')).keys.get('one')).toBe(mine.keys.get('one'));
    expect(other.issuer).toBe(`${authority}/${OTHER_TENANT}/v2.0`);
  });

  test('have outages of their own', async () => {
    const answerAll = answerDiscovery;
    answerDiscovery = (response, base, tenant) =>
      tenant === TENANT ? response.writeHead(500).end() : answerAll(response, base, tenant);
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    expect((await find(OTHER_TENANT, 'one')).keys.has('one')).toBe(true);
  });
});

describe('no keys at all', () => {
  test('causes another fetch after 1 second, and not a millisecond before', async () => {
    answerKeys = (response) => response.writeHead(500).end();
    for (const [later, requests] of [
      [0, 1],
      [FIRST_FETCH_COOLDOWN_MS - 1, 1],
      [1, 2],
      [FIRST_FETCH_COOLDOWN_MS - 1, 2],
      [1, 3],
    ] as const) {
      time += later;
      await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
      expect(keyRequests).toBe(requests);
    }
    expect(FIRST_FETCH_COOLDOWN_MS).toBe(1000);
  });
});

test('the limits are those of the contract', () => {
  expect([KEYS_RENEWAL_MS, KEYS_MAX_AGE_MS, UNKNOWN_KEY_COOLDOWN_MS]).toEqual([HOUR, 24 * HOUR, 30_000]);
});

describe('an issuer whose discovery goes wrong', () => {
  const wrong: [string, (response: ServerResponse) => unknown][] = [
    ['an error', (response) => response.writeHead(500).end()],
    ['not found', (response) => response.writeHead(404).end('{}')],
    ['HTML', (response) => response.end('<!doctype html>')],
    ['half of its answer', (response) => response.end('{"issuer":"i","jwks')],
    ['nothing', (response) => response.end()],
    ['null', (response) => response.end('null')],
    ['no issuer', (response) => json(response, { jwks_uri: `${authority}/keys` })],
    ['an empty issuer', (response) => json(response, { issuer: '', jwks_uri: `${authority}/keys` })],
    ['an issuer that is no text', (response) => json(response, { issuer: 7, jwks_uri: `${authority}/keys` })],
    [
      'more than 512 KiB',
      (response) =>
        json(response, {
          issuer: `${authority}/${TENANT}/v2.0`,
          jwks_uri: `${authority}/keys`,
          filler: 'x'.repeat(512 * 1024),
        }),
    ],
    ['another issuer', (response) => json(response, { issuer: 'https://a.example', jwks_uri: `${authority}/keys` })],
    [
      'the issuer of another tenant',
      (response) => json(response, { issuer: `${authority}/${OTHER_TENANT}/v2.0`, jwks_uri: `${authority}/keys` }),
    ],
    ['a redirect', (response) => response.writeHead(307, { Location: `${authority}/elsewhere` }).end()],
  ];
  test.each(wrong)('with %s is unavailable, and gets no further request', async (_title, answer) => {
    answerDiscovery = answer;
    await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
    expect(keyRequests).toBe(0);
  });

  test('with a template for the tenant is good', async () => {
    answerDiscovery = (response, base, tenant) =>
      json(response, { issuer: `${base}/{tenantid}/v2.0`, jwks_uri: `${base}/${tenant}/keys` });
    expect(await keyIds()).toEqual(['one']);
  });

  test('leaves the last good keys in service', async () => {
    await find(TENANT, 'one');
    time += KEYS_RENEWAL_MS;
    answerDiscovery = (response) => response.writeHead(500).end();
    expect(await keyIds('two')).toEqual(['one']);
    expect(keyRequests).toBe(1);
  });

  // Addresses that reach this very server, so that a request that did leave would be counted.
  test.each([['0.0.0.0'], ['[::ffff:127.0.0.1]']])(
    'by http on %s, which is not loopback by name, is unavailable, and no request leaves',
    async (host) => {
      const leads = authority.replace('127.0.0.1', host);
      await fetch(`${leads}/keys`);
      expect(keyRequests).toBe(1);
      answerDiscovery = (response) =>
        json(response, { issuer: `${authority}/${TENANT}/v2.0`, jwks_uri: `${leads}/keys` });
      await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
      expect(keyRequests).toBe(1);
    },
  );
});

test.each([
  ['of 512 KiB is read', 512 * 1024, true],
  ['of a byte more is refused', 512 * 1024 + 1, false],
])('a key set %s', async (_title, bytes, good) => {
  answerKeys = (response) => response.end(JSON.stringify({ keys: published }).padEnd(bytes));
  if (good) expect(await keyIds()).toEqual(['one']);
  else await expect(find(TENANT, 'one')).rejects.toMatchObject(unavailable);
});

describe('of a key set', () => {
  test('a key of another use does not take the key id of one that may verify', async () => {
    published = [rsa('one', { use: 'enc' }), { kty: 'oct', k: 'AAAA', kid: 'one' }, rsa('one', { alg: 'RS256' })];
    expect((await find(TENANT, 'one')).keys.get('one')).toMatchObject({ algorithm: 'RS256' });
  });

  test('the first of two keys of one id is the one that verifies', async () => {
    published = [
      rsa('one'),
      { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }), kid: 'one' },
    ];
    const { publicKey: first } = (await find(TENANT, 'one')).keys.get('one') ?? {};
    expect(first?.export({ format: 'jwk' }).n).toBe(publicJwk.n);
  });

  test('a key that is published with its private half is a public key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    published = [{ ...privateKey.export({ format: 'jwk' }), kid: 'one' }];
    expect((await find(TENANT, 'one')).keys.get('one')?.publicKey.type).toBe('public');
  });

  const ignored: [string, unknown][] = [
    [
      'RSA of 2,040 bits',
      { ...generateKeyPairSync('rsa', { modulusLength: 2040 }).publicKey.export({ format: 'jwk' }) },
    ],
    ['a use that is no text', rsa('x', { use: ['sig'] })],
    ['operations that are no list', rsa('x', { key_ops: 'verify' })],
    ['no operation at all', rsa('x', { key_ops: [] })],
    ['operations of signing only', rsa('x', { key_ops: ['sign'] })],
    ['an algorithm that is no text', rsa('x', { alg: 7 })],
    ['an issuer that is no text', rsa('x', { issuer: {} })],
    ['a key id that is no text', rsa('x', { kid: 7 })],
    ['an elliptic curve that is none', { kty: 'EC', crv: 'P-000', x: 'AA', y: 'AA' }],
    ['a point that is on no curve', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }],
  ];
  test.each(ignored)('a key with %s is ignored, and the others are not', async (_title, key) => {
    published = [{ kid: 'x', ...(key as object) }, rsa('one')];
    expect(await keyIds()).toEqual(['one']);
  });

  test('a key whose id is a member of every object is a key like any other', async () => {
    published = [rsa('__proto__'), rsa('constructor')];
    expect(await keyIds('constructor')).toEqual(['__proto__', 'constructor']);
    expect((await find(TENANT, 'constructor')).keys.get('toString')).toBeUndefined();
  });
});

// Tokens made by hand, under a clock and keys that a test moves. What a caller gets for them is in test/contract/tokens.test.ts.
import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, type JWK } from 'jose';
import { CLOCK_SKEW_SECONDS, createVerifyAccessToken, MAX_TOKEN_LENGTH } from '../../../shared/auth/accessToken.ts';
import type { FindTenantKeys } from '../../../shared/auth/signingKeys.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import type { AuthSettings } from '../../../shared/settings.ts';
import { TENANT } from '../../support/operations.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE } from '../../support/tokens.ts';

const authority = 'https://login.example';
const NOW = 1_800_000_000;
const times = { iat: NOW, nbf: NOW, exp: NOW + 600 };

const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const signing = newKey();
const jwkOf = ({ publicKey }: typeof signing): JWK => ({ ...publicKey.export({ format: 'jwk' }), kid: 'one' });

const goodClaims = claimsOf({ authority }, times);
const goodHeader = { typ: 'JWT', alg: 'RS256', kid: 'one' };
const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** The given header and payload, signed with the published key: only their content can be wrong. */
const signedParts = (header: string, payload: string, { privateKey } = signing) => {
  const input = `${header}.${payload}`;
  return `${input}.${signBytes('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
};
const signed = (header: unknown, claims: unknown = goodClaims) => signedParts(base64url(header), base64url(claims));
const signedClaims = (changes: Readonly<Record<string, unknown>> = {}) =>
  signed(goodHeader, { ...goodClaims, ...changes });

const publishedKeys: FindTenantKeys = () => ({
  load: async () => 1,
  find: createLocalJWKSet({ keys: [jwkOf(signing)] }),
});

function verifier(changes: Partial<AuthSettings> = {}, keys = publishedKeys, now = () => NOW) {
  const settings: AuthSettings = {
    authority,
    tenants: [TENANT],
    audiences: [AUDIENCE],
    appRoles: [],
    scopes: [],
    v1Issuer: 'https://sts.windows.net/{tenantid}/',
    algorithms: ['RS256'],
    ...changes,
  };
  return createVerifyAccessToken(settings, keys, () => now() * 1000);
}

const outcome = async (answer: Promise<unknown>) =>
  answer.then(
    () => 'good',
    (error: unknown) => (error instanceof ServiceError ? error.reason : error),
  );
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The same bytes, if the text has spare bits, in another encoding. */
const strayBits = (text: string) => text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.at(-1) ?? '') + 1];

/** A row for each value of each name. */
const rowsOf = (values: Readonly<Record<string, readonly unknown[]>>) =>
  Object.entries(values).flatMap(([name, all]) => all.map((value): [string, unknown] => [name, value]));
const check = (token: string, changes?: Partial<AuthSettings>) => outcome(verifier(changes)(`Bearer ${token}`));

test('a refused token: the log has the part at fault, the response only what the caller can do something about', async () => {
  const generic = 'The access token is not valid for this service.';
  const named = (claim: string) => generic.replace('.', `: its "${claim}" claim is not accepted.`);
  const [expiry, clock] = [NOW - 61, NOW].map((time) => new Date(time * 1000).toISOString().replace('.000', ''));
  const expired = `The access token expired at ${expiry}; the clock of the service is at ${clock}.`;
  const [header, payload] = signedClaims({ exp: NOW - 61, aud: 'x', ver: 'x' }).split('.');
  const rows: [part: string, token: string, message: string][] = [
    ['exp', signedClaims({ exp: NOW - 61 }), expired],
    ['iss', signedClaims({ iss: 'x' }), named('iss')],
    ['aud', signedClaims({ aud: 'x' }), named('aud')],
    ['aud', signed(goodHeader, { ...goodClaims, aud: [AUDIENCE] }), named('aud')],
    ['ver', signedClaims({ ver: '3.0' }), named('ver')],
    ['nbf', signedClaims({ nbf: NOW + 600 }), generic],
    ['roles', signed(goodHeader, { ...goodClaims, roles: 'x' }), generic],
    ['tid', signedClaims({ tid: 'x' }), generic],
    ['claims', signed(goodHeader, '{'), generic],
    ['signature', `${header}.${payload}.${'A'.repeat(342)}`, generic],
    ['kid', signed({ ...goodHeader, kid: 'two' }), generic],
    ['alg', signed({ ...goodHeader, alg: 'PS256' }), generic],
    ['header', signed({ ...goodHeader, typ: 'dpop+jwt' }), generic],
    ['form', `${header}.${payload}`, generic],
  ];
  for (const [part, token, message] of rows) {
    const refusal = { cause: `access token refused: ${part}`, message };
    await expect(verifier()(`Bearer ${token}`)).rejects.toMatchObject(refusal);
  }
  const message = 'An access token is required: Authorization: Bearer {token}.';
  for (const none of [null, 'x Bearer a.b.c'])
    await expect(verifier()(none)).rejects.toMatchObject({ reason: 'tokenMissing', message });
});

test.each([
  ['exp at the edge of the skew', { exp: NOW - CLOCK_SKEW_SECONDS + 1 }, 'good'],
  ['exp at the skew', { exp: NOW - CLOCK_SKEW_SECONDS }, 'tokenInvalid'],
  ['nbf at the skew', { nbf: NOW + CLOCK_SKEW_SECONDS }, 'good'],
  ['nbf beyond the skew', { nbf: NOW + CLOCK_SKEW_SECONDS + 1 }, 'tokenInvalid'],
  ['no nbf', { nbf: undefined }, 'good'],
])('the clock: %s', async (_title, changes, expected) => {
  expect(await check(signedClaims(changes))).toBe(expected);
});

test('the algorithm may be any that is configured, and no other, though the key would fit', async () => {
  expect(await check(signedClaims(), { algorithms: ['ES256', 'RS256'] })).toBe('good');
  expect(await check(signedClaims(), { algorithms: ['PS256'] })).toBe('tokenInvalid');
});

test('a signature by an RSA key of less than 2,048 bits is refused, although the issuer publishes the key', async () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 2040 });
  const keys: FindTenantKeys = () => ({ load: async () => 1, find: createLocalJWKSet({ keys: [jwkOf(small)] }) });
  const token = signedParts(base64url(goodHeader), base64url(goodClaims), small);
  expect(await outcome(verifier({}, keys)(`Bearer ${token}`))).toBe('tokenInvalid');
});

describe('a token that was found good', () => {
  /** A check whose clock and keys a test moves. */
  function aCheck(exp = NOW + 86_400) {
    const state = { now: NOW, fetchedAt: 1, keys: [jwkOf(signing)] };
    const keys: FindTenantKeys = () => ({
      load: async () => state.fetchedAt,
      find: createLocalJWKSet({ keys: state.keys }),
    });
    const verify = verifier({}, keys, () => state.now);
    const token = signedClaims({ exp });
    return { state, run: () => verify(`Bearer ${token}`) };
  }

  test('is remembered for five minutes, in which its signature is not checked again', async () => {
    const { state, run } = aCheck();
    const first = await run();
    state.now += 299;
    expect(await run()).toBe(first);
    state.now += 1;
    const again = await run();
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });

  test('is refused to the second when it has expired, within the skew', async () => {
    const { state, run } = aCheck(NOW + 100);
    await run();
    state.now = NOW + 100 + CLOCK_SKEW_SECONDS - 1;
    await run();
    state.now += 1;
    await expect(run()).rejects.toMatchObject({ cause: 'access token refused: exp' });
  });

  test.each([
    ['refused when its key is no longer published', 'kid', []],
    ['checked against another key of the same id', 'signature', [jwkOf(newKey())]],
  ])('is %s', async (_title, part, keys) => {
    const { state, run } = aCheck();
    await run();
    Object.assign(state, { keys, fetchedAt: 2 });
    await expect(run()).rejects.toMatchObject({ cause: `access token refused: ${part}` });
  });
});

test('when the keys are unavailable, a token is neither accepted nor refused, unless it is bad without them', async () => {
  const unavailable = () => Promise.reject(new ServiceError('unavailable', 'no keys'));
  const failing = verifier({}, () => ({ load: unavailable, find: unavailable }));
  expect(await outcome(failing(`Bearer ${signedClaims()}`))).toBe('unavailable');
  for (const bad of [signedClaims({ tid: OTHER_TENANT }), `${signedClaims()}.`])
    expect(await outcome(failing(`Bearer ${bad}`))).toBe('tokenInvalid');
});

test('keys are asked for by the token’s own tenant, if it is admitted', async () => {
  const asked: string[] = [];
  const verify = verifier({ tenants: [OTHER_TENANT, TENANT] }, (tenant) => {
    asked.push(tenant);
    return publishedKeys(tenant);
  });
  for (const tid of [TENANT, crypto.randomUUID()]) await outcome(verify(`Bearer ${signedClaims({ tid })}`));
  expect(asked).toEqual([TENANT]);
});

describe('the form, of a token whose signature is good for its text', () => {
  const token = signedClaims();
  test.each<[reason: string, headers: readonly (string | null)[]]>([
    ['tokenMissing', [null, '', 'Bearer   ', 'Basic YTpi', token, `Bearer\t${token}`, `Bearer${token}`]],
    ['tokenMissing', [`Bearer: ${token}`, `Basic YTpi, Bearer ${token}`]],
    ['tokenInvalid', [`Bearer Bearer ${token}`, `Bearer "${token}"`, `Bearer ${token},`, `Bearer ${token} x`]],
    ['tokenInvalid', [`Bearer ${token},Bearer ${token}`, `Bearer ${token}, Bearer ${token}`]],
    ['tokenInvalid', [`Bearer ${token}\nBearer ${token}`, `Bearer ${token.replace('.', '\n.')}`]],
    ['tokenInvalid', [`Bearer ${token}.`, `Bearer ${token}..`, `Bearer ${token}==`, `Bearer ${strayBits(token)}`]],
    ['tokenInvalid', [`Bearer ${token.replace(/[^.]*$/, '')}`]],
    ['good', [`bEaReR ${token}`, `Bearer   ${token}`]],
  ])('%s, row %#', async (expected, headers) => {
    for (const each of headers) expect([each, await outcome(verifier()(each))]).toEqual([each, expected]);
  });

  const padded = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  const base64 = (text: string) => text.replaceAll('-', '+').replaceAll('_', '/');
  // Of one byte more than three, so that the text has spare bits; with characters that base64 and base64url write apart.
  const header = base64url(`{"alg":"RS256","kid":"one","a":"~~~???"}`.padEnd(43));
  const payload = base64url(JSON.stringify({ ...goodClaims, filler: '~~~???' }).padEnd(400));

  test('is good in strict base64url, and in nothing else', async () => {
    expect(await check(signedParts(header, payload))).toBe('good');
    const changes = [padded, base64, strayBits, (text: string) => text.replace(/^.{8}/, '$& ')];
    for (const change of [...changes, (text: string) => text.replace(/^.{8}/, '$&\r\n')]) {
      expect([change(header) === header, change(payload) === payload]).toEqual([false, false]);
      expect(await check(signedParts(change(header), payload))).toBe('tokenInvalid');
      expect(await check(signedParts(header, change(payload)))).toBe('tokenInvalid');
    }
    expect(await check(signedParts(`${header.slice(0, -2)}A`, payload))).toBe('tokenInvalid');
  });

  test('has at most 16 Ki characters', async () => {
    const space = 16_384 - signedParts(header, '').length;
    const tokenWith = (bytes: number) => signedParts(header, base64url(JSON.stringify(goodClaims).padEnd(bytes)));
    const [longest, longer] = [tokenWith((space * 3) / 4), tokenWith((space * 3) / 4 + 1)];
    expect([longest.length, longer.length]).toEqual([MAX_TOKEN_LENGTH, MAX_TOKEN_LENGTH + 1]);
    expect([await check(longest), await check(longer)]).toEqual(['good', 'tokenInvalid']);
  });
});

describe('the header, of a token whose signature is good', () => {
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    alg: ['RS256 ', 'rs256', 'none', 'None', 'HS256', 'RS512', ['RS256'], null, undefined],
    kid: [undefined, '', null, ['one'], 1, 'two', 'ONE', 'one ', 'one\0', 'one'.padEnd(10_000, ' '), '__proto__'],
    crit: [['exp'], [], null, 'b64', ['b64']],
    b64: [true, false],
    typ: ['dpop+jwt', 'jwt+other', ['JWT']],
  };
  test.each(rowsOf(wrong))('%s %j is refused', async (name, value) => {
    expect(await check(signed({ ...goodHeader, exp: times.exp, [name]: value }))).toBe('tokenInvalid');
  });

  test.each(['null', '[]', '7', '"RS256"', '{', ' '])('%s in its place is refused', async (header) => {
    expect(await check(signed(header))).toBe('tokenInvalid');
  });

  test.each(['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined])('typ %s is that of a token', async (typ) => {
    expect(await check(signed({ ...goodHeader, typ }))).toBe('good');
  });

  test('chooses no key by jwk, jku, x5u or x5c: of two tokens with all of them, that of the published key is good', async () => {
    const attacker = newKey();
    const x5c = [attacker.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];
    const [jku, x5u] = ['http://127.0.0.1:9/keys', 'http://127.0.0.1:9/certificate'];
    const header = base64url({ ...goodHeader, jwk: jwkOf(attacker), jku, x5u, x5c });
    expect(await check(signedParts(header, base64url(goodClaims), attacker))).toBe('tokenInvalid');
    expect(await check(signedParts(header, base64url(goodClaims)))).toBe('good');
  });
});

describe('the claims, of a token whose signature is good', () => {
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    iss: [undefined, null, '', 7, [goodClaims.iss], {}],
    aud: [undefined, null, '', 7, [AUDIENCE], [AUDIENCE, 'api://other'], AUDIENCE.toUpperCase(), `${AUDIENCE}/`],
    tid: [undefined, null, '', 7, [TENANT], `${TENANT} `, '{tenantid}', `${TENANT}/../${TENANT}`],
    ver: [undefined, null, '', 2, ['2.0'], '2', '1.0', '3.0'],
    exp: [undefined, null, '', String(times.exp), [times.exp], true, {}],
    nbf: [null, '', String(times.nbf), [times.nbf], false, {}],
    roles: [null, '', ROLE, { 0: ROLE }, [7], [null], [[ROLE]]],
    scp: [null, 7, ['Calls.Use'], {}],
    idtyp: [null, 7, ['app'], true],
    oid: [null, 7, ['a']],
    sub: [null, 7, ['a']],
  };
  test.each(rowsOf(wrong))('%s %j is refused', async (claim, value) => {
    expect(await check(signedClaims())).toBe('good');
    expect(await check(signedClaims({ [claim]: value }))).toBe('tokenInvalid');
  });

  test('a number beyond all numbers, and a payload that is no object, are refused', async () => {
    const endless = JSON.stringify(goodClaims).replace(`"exp":${times.exp}`, '"exp":1e999');
    for (const claims of [endless, 'null', '[]', '7', '"text"', '{'])
      expect(await check(signed(goodHeader, claims))).toBe('tokenInvalid');
  });
});

describe('the issuer', () => {
  const v2 = `${authority}/${TENANT}/v2.0`;
  const v1 = `https://sts.windows.net/${TENANT}/`;

  test.each([
    ['2.0', v2, 'good'],
    ['1.0', v1, 'good'],
    ['2.0', v1, 'tokenInvalid'],
    ['1.0', v2, 'tokenInvalid'],
    ['2.0', `${v2}/`, 'tokenInvalid'],
    ['2.0', v2.replace(TENANT, OTHER_TENANT), 'tokenInvalid'],
    ['1.0', v1.replace(TENANT, OTHER_TENANT), 'tokenInvalid'],
    ['1.0', 'https://sts.windows.net/{tenantid}/', 'tokenInvalid'],
  ])('of version %s named %s is answered %s', async (ver, iss, expected) => {
    expect(await check(signedClaims({ ver, iss }))).toBe(expected);
  });

  test('of version 1.0 may be another, by AUTH_V1_ISSUER', async () => {
    const v1Issuer = 'https://sts.example/{tenantid}/';
    const own = v1Issuer.replace('{tenantid}', TENANT);
    expect(await check(signedClaims({ ver: '1.0', iss: own }), { v1Issuer })).toBe('good');
    expect(await check(signedClaims({ ver: '1.0', iss: v1 }), { v1Issuer })).toBe('tokenInvalid');
  });
});

// What no ordinary issuer signs: tokens made by hand, under a clock and keys that a test moves. The tokens of an issuer, good
// and bad, are in test/contract/tokens.test.ts.
import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLocalJWKSet, type JWK, type JWTPayload } from 'jose';
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
const signedClaims = (changes: JWTPayload = {}) => signed(goodHeader, { ...goodClaims, ...changes });

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
const check = (token: string, changes?: Partial<AuthSettings>) => outcome(verifier(changes)(`Bearer ${token}`));
const refusal = (token: string) => verifier()(`Bearer ${token}`).catch((error: unknown) => error);

describe('the log has the faulty part of a token', () => {
  const generic = 'The access token is not valid for this service.';
  const named = (claim: string) =>
    `The access token is not valid for this service: its "${claim}" claim is not accepted.`;
  const [expiry, clock] = [NOW - 61, NOW].map((time) => new Date(time * 1000).toISOString().replace('.000', ''));
  const [header, payload] = signedClaims({ exp: NOW - 61, aud: 'x', ver: 'x' }).split('.');
  const rows: [string, string, string, string][] = [
    [
      'the response tells when it expired',
      'exp',
      signedClaims({ exp: NOW - 61 }),
      `The access token expired at ${expiry}; the clock of the service is at ${clock}.`,
    ],
    ['the response names it', 'iss', signedClaims({ iss: 'x' }), named('iss')],
    ['the response names it', 'aud', signedClaims({ aud: 'x' }), named('aud')],
    ['the response names it', 'aud', signed(goodHeader, { ...goodClaims, aud: [AUDIENCE] }), named('aud')],
    ['the response names it', 'ver', signedClaims({ ver: '3.0' }), named('ver')],
    ['the response does not', 'nbf', signedClaims({ nbf: NOW + 600 }), generic],
    ['the response does not', 'roles', signedClaims({ roles: 'x' }), generic],
    ['the response does not', 'tid', signedClaims({ tid: 'x' }), generic],
    ['the response does not', 'claims', signed(goodHeader, '{'), generic],
    ['the response does not', 'signature', `${header}.${payload}.${'A'.repeat(342)}`, generic],
    ['the response does not', 'kid', signed({ ...goodHeader, kid: 'two' }), generic],
    ['the response does not', 'alg', signed({ ...goodHeader, alg: 'PS256' }), generic],
    ['the response does not', 'header', signed({ ...goodHeader, typ: 'dpop+jwt' }), generic],
    ['the response does not', 'form', `${header}.${payload}`, generic],
  ];
  test.each(rows)('%s: %s', async (_title, part, token, message) => {
    expect(await refusal(token)).toMatchObject({ cause: `access token refused: ${part}`, message });
  });

  test('no token at all is what the caller does learn', async () => {
    const message = 'An access token is required: Authorization: Bearer {token}.';
    await expect(verifier()(null)).rejects.toMatchObject({ reason: 'tokenMissing', message });
    await expect(verifier()('x Bearer a.b.c')).rejects.toMatchObject({ reason: 'tokenMissing', message });
  });
});

describe('the clock', () => {
  test.each([
    ['exp at the edge of the skew', { exp: NOW - CLOCK_SKEW_SECONDS + 1 }, 'good'],
    ['exp at the skew', { exp: NOW - CLOCK_SKEW_SECONDS }, 'tokenInvalid'],
    ['nbf at the skew', { nbf: NOW + CLOCK_SKEW_SECONDS }, 'good'],
    ['nbf beyond the skew', { nbf: NOW + CLOCK_SKEW_SECONDS + 1 }, 'tokenInvalid'],
  ])('%s', async (_title, changes, expected) => {
    expect(await check(signedClaims(changes))).toBe(expected);
  });
});

describe('the algorithm', () => {
  test('may be any that is configured', async () => {
    expect(await check(signedClaims(), { algorithms: ['ES256', 'RS256'] })).toBe('good');
  });

  test('that is not configured is refused, though the key would fit', async () => {
    expect(await check(signedClaims(), { algorithms: ['PS256'] })).toBe('tokenInvalid');
  });
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

test('when the keys are unavailable, a token is neither accepted nor refused', async () => {
  const unavailable = () => Promise.reject(new ServiceError('unavailable', 'no keys'));
  const failing = verifier({}, () => ({ load: unavailable, find: unavailable }));
  expect(await outcome(failing(`Bearer ${signedClaims()}`))).toBe('unavailable');
});

test('keys are asked for by the token’s own tenant, if it is admitted', async () => {
  const asked: string[] = [];
  const recording: FindTenantKeys = (tenant) => {
    asked.push(tenant);
    return publishedKeys(tenant);
  };
  const verify = verifier({ tenants: [OTHER_TENANT, TENANT] }, recording);
  expect(await outcome(verify(`Bearer ${signedClaims()}`))).toBe('good');
  expect(await outcome(verify(`Bearer ${signedClaims({ tid: '33333333-3333-4333-8333-333333333333' })}`))).toBe(
    'tokenInvalid',
  );
  expect(asked).toEqual([TENANT]);
});

describe('the form, of a token whose signature is good for its text', () => {
  test.each([
    ['nothing', 'tokenMissing', () => null],
    ['a tab after the scheme', 'tokenMissing', (token: string) => `Bearer\t${token}`],
    ['nothing after the scheme', 'tokenMissing', (token: string) => `Bearer${token}`],
    ['a colon after the scheme', 'tokenMissing', (token: string) => `Bearer: ${token}`],
    ['another scheme before it', 'tokenMissing', (token: string) => `Basic YTpi, Bearer ${token}`],
    ['the scheme twice', 'tokenInvalid', (token: string) => `Bearer Bearer ${token}`],
    ['quotes', 'tokenInvalid', (token: string) => `Bearer "${token}"`],
    ['a comma after it', 'tokenInvalid', (token: string) => `Bearer ${token},`],
    ['two joined by a comma and no space', 'tokenInvalid', (token: string) => `Bearer ${token},Bearer ${token}`],
    ['a line break within it', 'tokenInvalid', (token: string) => `Bearer ${token.replace('.', '\n.')}`],
    ['a second line', 'tokenInvalid', (token: string) => `Bearer ${token}\nBearer ${token}`],
    ['a dot after it', 'tokenInvalid', (token: string) => `Bearer ${token}.`],
    ['five parts, of which two are empty', 'tokenInvalid', (token: string) => `Bearer ${token}..`],
    ['the scheme in mixed casing', 'good', (token: string) => `bEaReR ${token}`],
  ])('with %s is answered %s', async (_title, expected, authorization) => {
    expect(await outcome(verifier()(authorization(signedClaims())))).toBe(expected);
  });

  const padded = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  const strayBits = (text: string) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) ?? '') + 1];
  };
  // Of one byte more than three, so that the text has spare bits; with characters that base64 and base64url write apart.
  const header = base64url(`{"alg":"RS256","kid":"one","a":"~~~???"}`.padEnd(43));
  const payload = base64url(JSON.stringify({ ...goodClaims, filler: '~~~???' }).padEnd(400));
  const base64 = (text: string) => text.replaceAll('-', '+').replaceAll('_', '/');

  test('is good in strict base64url', async () => {
    expect(await check(signedParts(header, payload))).toBe('good');
  });

  test.each([header, payload])('differs from its variants in the rows below: %#', (part) => {
    for (const change of [base64, padded, strayBits]) expect(change(part)).not.toBe(part);
  });

  test.each([
    ['padding of the header', padded(header), payload],
    ['padding of the payload', header, padded(payload)],
    ['a header in base64', base64(header), payload],
    ['a payload in base64', header, base64(payload)],
    ['stray bits in the header', strayBits(header), payload],
    ['stray bits in the payload', header, strayBits(payload)],
    ['an impossible length of the header', `${header.slice(0, -2)}A`, payload],
    ['a space in the payload', header, payload.replace(/^.{8}/, '$& ')],
    ['a line break in the payload', header, payload.replace(/^.{8}/, '$&\r\n')],
  ])('%s is refused', async (_title, head, claims) => {
    expect(await check(signedParts(head, claims))).toBe('tokenInvalid');
  });

  /** A good token of exactly this length, if there is one: of a payload or a header that is longer by a few characters. */
  const tokenOfLength = (length: number) => {
    for (const filler of ['', 'x', 'xx', 'xxx']) {
      const head = base64url({ ...goodHeader, filler });
      const space = length - signedParts(head, '').length;
      const bytes = Math.floor((space * 3) / 4);
      const token = signedParts(head, base64url(JSON.stringify(goodClaims).padEnd(bytes)));
      if (token.length === length) return token;
    }
    throw new Error(`No token has ${length} characters.`);
  };

  test.each([
    [MAX_TOKEN_LENGTH, 'good'],
    [MAX_TOKEN_LENGTH + 1, 'tokenInvalid'],
  ])('of %d characters is answered %s', async (length, expected) => {
    expect(MAX_TOKEN_LENGTH).toBe(16_384);
    expect(await check(tokenOfLength(length))).toBe(expected);
  });
});

describe('the header, of a token whose signature is good', () => {
  test.each([
    ['alg with a space', { alg: 'RS256 ' }],
    ['alg a list', { alg: ['RS256'] }],
    ['alg null', { alg: null }],
    ['alg missing', { alg: undefined }],
    ['alg of another signature', { alg: 'RS512' }],
    ['kid missing', { kid: undefined }],
    ['kid empty', { kid: '' }],
    ['kid null', { kid: null }],
    ['kid a list', { kid: ['one'] }],
    ['kid a number', { kid: 1 }],
    ['kid of no key', { kid: 'two' }],
    ['kid in another casing', { kid: 'ONE' }],
    ['kid with a space', { kid: 'one ' }],
    ['kid with a NUL', { kid: 'one\0' }],
    ['kid that is a path', { kid: '../keys/one' }],
    ['kid that is SQL', { kid: "one' OR '1'='1" }],
    ['kid that is an address', { kid: 'http://127.0.0.1:9/key' }],
    ['kid of 10 KB', { kid: 'one'.padEnd(10_000, ' ') }],
    ['kid of a member of every object', { kid: 'constructor' }],
    ['kid __proto__', { kid: '__proto__' }],
    ['crit of a claim', { crit: ['exp'], exp: times.exp }],
    ['crit of nothing', { crit: [] }],
    ['crit null', { crit: null }],
    ['crit that is text', { crit: 'b64' }],
    ['crit of b64: true', { crit: ['b64'], b64: true }],
    ['crit of b64: false', { crit: ['b64'], b64: false }],
    ['b64: false without crit', { b64: false }],
    ['typ of another kind of token', { typ: 'dpop+jwt' }],
    ['typ that only begins as it should', { typ: 'jwt+other' }],
    ['typ that is no text', { typ: ['JWT'] }],
  ])('%s is refused', async (_title, changes) => {
    expect(await check(signed({ ...goodHeader, ...changes }))).toBe('tokenInvalid');
  });

  test.each([['null'], ['[]'], ['7'], ['"RS256"'], ['{'], [' ']])('%s in its place is refused', async (header) => {
    expect(await check(signed(header))).toBe('tokenInvalid');
  });

  test.each([['JWT'], ['jwt'], ['at+jwt'], ['application/at+jwt'], [undefined]])(
    'typ %s is that of an access token',
    async (typ) => {
      expect(await check(signed({ ...goodHeader, typ }))).toBe('good');
    },
  );

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
  const wrong: Record<string, readonly unknown[]> = {
    iss: [undefined, null, '', 7, [goodClaims.iss], {}],
    aud: [undefined, null, '', 7, [AUDIENCE], [AUDIENCE, 'api://other'], { 0: AUDIENCE }],
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
  const rows = Object.entries(wrong).flatMap(([claim, values]) =>
    values.map((value): [string, string, unknown] => [claim, JSON.stringify(value) ?? 'missing', value]),
  );

  test('are good to begin with', async () => {
    expect(await check(signedClaims())).toBe('good');
  });

  test.each(rows)('%s: %s is refused', async (claim, _title, value) => {
    expect(await check(signedClaims({ [claim]: value }))).toBe('tokenInvalid');
  });

  test.each([['exp'], ['nbf']])('%s: a number beyond all numbers is refused', async (claim) => {
    const claims = JSON.stringify({ ...goodClaims, [claim]: 7 }).replace(`"${claim}":7`, `"${claim}":1e999`);
    expect(claims).toContain('1e999');
    expect(await check(signed(goodHeader, claims))).toBe('tokenInvalid');
  });

  test.each([['null'], ['[]'], ['7'], ['"text"'], ['{']])('%s in their place is refused', async (claims) => {
    expect(await check(signed(goodHeader, claims))).toBe('tokenInvalid');
  });

  test('a good token within a good token is refused', async () => {
    expect(await check(signed({ ...goodHeader, cty: 'JWT' }, signedClaims()))).toBe('tokenInvalid');
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
    ['2.0', v2.toUpperCase(), 'tokenInvalid'],
    ['2.0', v2.replace(TENANT, OTHER_TENANT), 'tokenInvalid'],
    ['2.0', `${authority}/{tenantid}/v2.0`, 'tokenInvalid'],
    ['2.0', v2.replace('https:', 'http:'), 'tokenInvalid'],
    ['1.0', v1.slice(0, -1), 'tokenInvalid'],
    ['1.0', v1.replace(TENANT, OTHER_TENANT), 'tokenInvalid'],
    ['1.0', 'https://sts.windows.net/{tenantid}/', 'tokenInvalid'],
  ])('of version %s named %s is answered %s', async (ver, iss, expected) => {
    expect(await check(signedClaims({ ver, iss }))).toBe(expected);
  });

  test.each([
    ['1.0', 'https://sts.example/', 'good'],
    ['2.0', 'https://sts.example/', 'tokenInvalid'],
    ['1.0', 'https://sts.windows.net/', 'tokenInvalid'],
  ])('of version %s below %s is answered %s where AUTH_V1_ISSUER is another', async (ver, base, expected) => {
    const v1Issuer = 'https://sts.example/{tenantid}/';
    expect(await check(signedClaims({ ver, iss: `${base}${TENANT}/` }), { v1Issuer })).toBe(expected);
  });
});

test('no character of a good token can be changed', async () => {
  const token = signedClaims();
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=';
  const change = fc.tuple(fc.nat({ max: token.length - 1 }), fc.constantFrom(...characters));
  await fc.assert(
    fc.asyncProperty(change, async ([at, character]) => {
      fc.pre(token[at] !== character);
      expect(await check(`${token.slice(0, at)}${character}${token.slice(at + 1)}`)).toBe('tokenInvalid');
    }),
    { numRuns: 300 },
  );
});

test('any other Authorization header is refused, and never a failure of the service', async () => {
  const part = fc.oneof(fc.base64String(), fc.json().map(base64url), fc.string({ unit: 'binary' }));
  const token = fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.'));
  const header = fc.oneof(
    fc.string({ unit: 'binary' }),
    token,
    fc.tuple(fc.constantFrom('Bearer ', 'bearer  '), token).map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(header, async (authorization) => {
      expect(['tokenMissing', 'tokenInvalid']).toContain(await outcome(verifier()(authorization)));
    }),
    { numRuns: 500 },
  );
});

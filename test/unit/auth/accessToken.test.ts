import { createPublicKey, KeyObject, sign as signBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type Issuer, startIssuer } from '../../../local/issuer.ts';
import { close, listen } from '../../../local/loopback.ts';
import { CLOCK_SKEW_SECONDS, createVerifyAccessToken, MAX_TOKEN_LENGTH } from '../../../shared/auth/accessToken.ts';
import { authorize } from '../../../shared/auth/permission.ts';
import { createTenantKeys, type SigningKey } from '../../../shared/auth/signingKeys.ts';
import { wireErrors } from '../../../shared/odata/errorResponse.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { readSettings } from '../../../shared/settings.ts';
import { TENANT } from '../../support/operations.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE, tokenCases, v1ClaimsOf } from '../../support/tokens.ts';

const issuer = { authority: 'https://login.example' };
const NOW = 1_800_000_000;
const times = { iat: NOW, nbf: NOW, exp: NOW + 600 };

let privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let publicKey: SigningKey['publicKey'];
beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  privateKey = pair.privateKey;
  publicKey = createPublicKey({ key: { ...(await exportJWK(pair.publicKey)) }, format: 'jwk' });
});

const sign = (claims: JWTPayload, alg = 'RS256') =>
  new SignJWT(claims).setProtectedHeader({ alg, kid: 'one' }).sign(privateKey);

function authenticate({
  key = {},
  issuerName = `${issuer.authority}/${TENANT}/v2.0`,
  now = NOW,
  algorithms = ['RS256'] as const,
  v1Issuer = 'https://sts.windows.net/{tenantid}/',
}: {
  key?: Partial<SigningKey>;
  issuerName?: string;
  now?: number;
  algorithms?: readonly ('RS256' | 'PS256' | 'ES256')[];
  v1Issuer?: string;
} = {}) {
  const settings = {
    authority: issuer.authority,
    tenants: [TENANT],
    audiences: [AUDIENCE],
    appRoles: [],
    scopes: [],
    v1Issuer,
    algorithms: [...algorithms],
  };
  const keys = new Map([['one', { publicKey, algorithm: undefined, issuer: undefined, ...key }]]);
  return createVerifyAccessToken(
    settings,
    async () => ({ issuer: issuerName, keys }),
    () => now * 1000,
  );
}

const outcome = async (answer: Promise<unknown>) =>
  answer.then(
    () => 'good',
    (error: unknown) => (error instanceof ServiceError ? error.reason : error),
  );
const check = async (claims: JWTPayload, options?: Parameters<typeof authenticate>[0], alg?: string) =>
  outcome(authenticate(options)(`Bearer ${await sign(claims, alg)}`));

describe('the tokens of SPEC section 5', () => {
  let local: Issuer;
  beforeAll(async () => {
    local = await startIssuer(0);
  });
  afterAll(() => local.close());

  test.each(tokenCases)('$title is answered $status', async ({ status, authorization }) => {
    const { auth } = readSettings({
      AUTH_AUTHORITY: local.authority,
      AUTH_TENANTS: `${TENANT},${OTHER_TENANT}`,
      AUTH_AUDIENCES: AUDIENCE,
      TABLES_CONNECTION: 'UseDevelopmentStorage=true',
    });
    const check = createVerifyAccessToken(auth, createTenantKeys({ authority: auth.authority }));
    const answer = authorization(local, 'http://127.0.0.1:9')
      .then((header) => check(header ?? null))
      .then((claims) => authorize(claims, { appRoles: [ROLE, 'Calls.AccessMedia.All'], scopes: [] }));
    if (status === 200) await expect(answer).resolves.toMatchObject({ tenant: TENANT });
    else {
      const error: unknown = await answer.catch((thrown) => thrown);
      expect(error instanceof ServiceError && wireErrors[error.reason].status).toBe(status);
      expect(error).toHaveProperty('message', expect.stringMatching(/\w/));
    }
  });
});

describe('the log has the faulty part of a token, the response does not', () => {
  const elsewhere = createVerifyAccessToken(
    {
      authority: '',
      tenants: [TENANT],
      audiences: [AUDIENCE],
      appRoles: [],
      scopes: [],
      v1Issuer: '',
      algorithms: ['RS256'],
    },
    async () => ({ issuer: '', keys: new Map() }),
  );
  const part = (answer: Promise<unknown>) =>
    answer.catch((error: ServiceError) => {
      if (error.cause !== 'access token refused: exp') {
        expect(error.message).toBe('The access token is not valid for this service.');
      }
      return error.cause;
    });
  const partOf = async (changes: object, options?: Parameters<typeof authenticate>[0]) =>
    part(authenticate(options)(`Bearer ${await sign(claimsOf(issuer, { ...times, ...changes }))}`));

  test.each([
    ['exp', { exp: 1 }, {}],
    ['nbf', { nbf: NOW + 600 }, {}],
    ['iss', { iss: 'x' }, {}],
    ['aud', { aud: 'x' }, {}],
    ['tid', { tid: 'x' }, {}],
    ['claims', { ver: 'x' }, {}],
    ['issuer of the key', {}, { key: { issuer: 'x' } }],
    ['alg', {}, { key: { algorithm: 'RS512' } }],
  ])('%s', async (expected, changes, options) => {
    expect(await partOf(changes, options)).toBe(`access token refused: ${expected}`);
  });

  test('that it has expired, and by whose clock, once its signature is good', async () => {
    const expired = await sign(claimsOf(issuer, { ...times, exp: NOW - 61 }));
    const [expiry, clock] = [NOW - 61, NOW].map((time) => new Date(time * 1000).toISOString().replace('.000', ''));
    await expect(authenticate()(`Bearer ${expired}`)).rejects.toThrow(
      `The access token expired at ${expiry}; the clock of the service is at ${clock}.`,
    );
    const [header, payload] = expired.split('.');
    const forged = authenticate()(`Bearer ${header}.${payload}.${'A'.repeat(342)}`);
    await expect(forged).rejects.toThrow('The access token is not valid for this service.');
  });

  test('signature', async () => {
    const token = await sign(claimsOf(issuer, times));
    const [header, payload] = token.split('.');
    const other = `${header}.${payload}.${'A'.repeat(342)}`;
    expect(await part(authenticate()(`Bearer ${other}`))).toBe('access token refused: signature');
  });

  test('kid', async () => {
    const token = await sign(claimsOf(issuer));
    expect(await part(elsewhere(`Bearer ${token}`))).toBe('access token refused: kid');
  });

  test('its form, from one character beyond 16 KiB on', async () => {
    const ofLength = (length: number) => `${'A'.repeat(length - 2)}..`;
    expect(await part(elsewhere(`Bearer ${ofLength(16_384)}`))).toBe('access token refused: header');
    expect(await part(elsewhere(`Bearer ${ofLength(16_385)}`))).toBe('access token refused: form');
  });

  test('no token at all is what the caller does learn', async () => {
    await expect(elsewhere(null)).rejects.toThrow('An access token is required: Authorization: Bearer {token}.');
    await expect(elsewhere('x Bearer a.b.c')).rejects.toMatchObject({ reason: 'tokenMissing' });
  });
});

describe('the clock', () => {
  test.each([
    ['exp at the edge of the skew', { exp: NOW - CLOCK_SKEW_SECONDS + 1 }, 'good'],
    ['exp at the skew', { exp: NOW - CLOCK_SKEW_SECONDS }, 'tokenInvalid'],
    ['nbf at the skew', { nbf: NOW + CLOCK_SKEW_SECONDS }, 'good'],
    ['nbf beyond the skew', { nbf: NOW + CLOCK_SKEW_SECONDS + 1 }, 'tokenInvalid'],
  ])('%s', async (_title, changes, expected) => {
    expect(await check(claimsOf(issuer, { ...times, ...changes }))).toBe(expected);
  });
});

describe('a key that names an issuer', () => {
  test.each([
    ['of this tenant', `https://login.example/${TENANT}/v2.0`, 'good'],
    ['of any tenant', 'https://login.example/{tenantid}/v2.0', 'good'],
    ['of another tenant', 'https://login.example/22222222-2222-4222-8222-222222222222/v2.0', 'tokenInvalid'],
    ['of another cloud', 'https://login.other.example/{tenantid}/v2.0', 'tokenInvalid'],
    ['that is empty', '', 'tokenInvalid'],
  ])('%s', async (_title, name, expected) => {
    expect(await check(claimsOf(issuer, times), { key: { issuer: name } })).toBe(expected);
    expect(await check(v1ClaimsOf(issuer, times), { key: { issuer: name } })).toBe(expected);
  });
});

test('an issuer that discovery names with {tenantid} stands for the token’s own tenant', async () => {
  const issuerName = 'https://login.example/{tenantid}/v2.0';
  expect(await check(claimsOf(issuer, times), { issuerName })).toBe('good');
  expect(await check(claimsOf(issuer, { ...times, iss: issuerName }), { issuerName })).toBe('tokenInvalid');
});

describe('the algorithm', () => {
  test('may be any that is configured', async () => {
    expect(await check(claimsOf(issuer, times), { algorithms: ['ES256', 'RS256'] })).toBe('good');
  });

  test('that is not configured is refused, though the key would fit', async () => {
    expect(await check(claimsOf(issuer, times), { algorithms: ['PS256'] })).toBe('tokenInvalid');
  });

  test('other than the one that the key is for is refused', async () => {
    const key = { algorithm: 'PS256' };
    expect(await check(claimsOf(issuer, times), { key, algorithms: ['RS256', 'PS256'] })).toBe('tokenInvalid');
  });

  test('that the key cannot have is refused', async () => {
    const { publicKey: ecKey } = await generateKeyPair('ES256', { extractable: true });
    const key = { publicKey: createPublicKey({ key: { ...(await exportJWK(ecKey)) }, format: 'jwk' }) };
    expect(await check(claimsOf(issuer, times), { key })).toBe('tokenInvalid');
  });
});

describe('a token that was found good', () => {
  /** A check whose clock and keys a test moves, and how often the keys were looked up for a signature. */
  async function aCheck(exp = NOW + 86_400) {
    const state = { now: NOW, keys: new Map([['one', { publicKey, algorithm: undefined, issuer: undefined }]]) };
    const settings = { authority: '', tenants: [TENANT], audiences: [AUDIENCE], appRoles: [], scopes: [] };
    const algorithms: ['RS256'] = ['RS256'];
    const check = createVerifyAccessToken(
      { ...settings, v1Issuer: '', algorithms },
      async () => ({ issuer: `${issuer.authority}/${TENANT}/v2.0`, keys: state.keys }),
      () => state.now * 1000,
    );
    const token = await sign(claimsOf(issuer, { ...times, exp }));
    return { state, run: () => check(`Bearer ${token}`) };
  }

  test('is remembered: its signature is not checked again', async () => {
    const { run } = await aCheck();
    const first = await run();
    expect(await run()).toBe(first);
  });

  test('is checked again after five minutes', async () => {
    const { state, run } = await aCheck();
    const first = await run();
    state.now += 299;
    expect(await run()).toBe(first);
    state.now += 1;
    const again = await run();
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });

  test('is refused to the second when it has expired, within the skew', async () => {
    const { state, run } = await aCheck(NOW + 100);
    await run();
    state.now = NOW + 100 + CLOCK_SKEW_SECONDS - 1;
    await run();
    state.now += 1;
    await expect(run()).rejects.toMatchObject({ cause: 'access token refused: exp' });
  });

  test('is refused when its key is no longer among the tenant’s', async () => {
    const { state, run } = await aCheck();
    await run();
    state.keys = new Map();
    await expect(run()).rejects.toMatchObject({ cause: 'access token refused: kid' });
  });

  test('is checked against another key of the same id', async () => {
    const { state, run } = await aCheck();
    await run();
    const { publicKey: other } = await generateKeyPair('RS256', { extractable: true });
    const key = createPublicKey({ key: { ...(await exportJWK(other)) }, format: 'jwk' });
    state.keys = new Map([['one', { publicKey: key, algorithm: undefined, issuer: undefined }]]);
    await expect(run()).rejects.toMatchObject({ cause: 'access token refused: signature' });
  });
});

test('when the keys are unavailable, a token is neither accepted nor refused', async () => {
  const failing = createVerifyAccessToken(
    { authority: '', tenants: [TENANT], audiences: [], appRoles: [], scopes: [], v1Issuer: '', algorithms: ['RS256'] },
    () => Promise.reject(new ServiceError('unavailable', 'no keys')),
  );
  expect(await outcome(failing(`Bearer ${await sign(claimsOf(issuer))}`))).toBe('unavailable');
});

test('of a tenant that is not admitted no keys are asked for', async () => {
  let asked = 0;
  const counting = createVerifyAccessToken(
    { authority: '', tenants: [], audiences: [], appRoles: [], scopes: [], v1Issuer: '', algorithms: ['RS256'] },
    async () => {
      asked += 1;
      throw new Error('asked');
    },
  );
  expect(await outcome(counting(`Bearer ${await sign(claimsOf(issuer))}`))).toBe('tokenInvalid');
  expect(asked).toBe(0);
});

test('keys are asked for by the token’s own tenant and key id, and by nothing else of it', async () => {
  const asked: unknown[][] = [];
  const recording = createVerifyAccessToken(
    readSettings({
      AUTH_AUTHORITY: issuer.authority,
      AUTH_TENANTS: `${OTHER_TENANT},${TENANT}`,
      AUTH_AUDIENCES: AUDIENCE,
      TABLES_CONNECTION: 'UseDevelopmentStorage=true',
    }).auth,
    async (...names) => {
      asked.push(names);
      return { issuer: `${issuer.authority}/${TENANT}/v2.0`, keys: new Map() };
    },
  );
  const { publicKey: attackers } = await generateKeyPair('RS256', { extractable: true });
  const header = { alg: 'RS256', kid: 'two', jwk: await exportJWK(attackers), jku: 'http://127.0.0.1:9/', x5t: 'one' };
  expect(await outcome(recording(`Bearer ${signedAsItIs(header)}`))).toBe('tokenInvalid');
  expect(asked).toEqual([[TENANT, 'two']]);
});

const goodClaims = claimsOf(issuer, times);
const goodHeader = { typ: 'JWT', alg: 'RS256', kid: 'one' };
const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** The given header and payload, signed with the published key: only their content can be wrong. */
const signedParts = (header: string, payload: string) => {
  const input = `${header}.${payload}`;
  return `${input}.${signBytes('sha256', Buffer.from(input), KeyObject.from(privateKey)).toString('base64url')}`;
};
const signedAsItIs = (header: unknown, claims: unknown = goodClaims) =>
  signedParts(base64url(header), base64url(claims));
const checkSigned = (header: unknown, claims?: unknown) =>
  outcome(authenticate()(`Bearer ${signedAsItIs(header, claims)}`));

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
    ['five parts, as an encrypted token has', 'tokenInvalid', (token: string) => `Bearer ${token}.YQ.YQ`],
    ['five parts, of which two are empty', 'tokenInvalid', (token: string) => `Bearer ${token}..`],
    ['the scheme in mixed casing', 'good', (token: string) => `bEaReR ${token}`],
  ])('with %s is answered %s', async (_title, expected, authorization) => {
    expect(await outcome(authenticate()(authorization(signedAsItIs(goodHeader))))).toBe(expected);
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
    expect(await outcome(authenticate()(`Bearer ${signedParts(header, payload)}`))).toBe('good');
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
    expect(await outcome(authenticate()(`Bearer ${signedParts(head, claims)}`))).toBe('tokenInvalid');
  });

  const tokenOfLength = (length: number) => {
    for (const pad of ['', 'x', 'xx', 'xxx']) {
      const empty = signedAsItIs({ ...goodHeader, pad }, { ...goodClaims, filler: '' }).length;
      for (let more = Math.floor(((length - empty) * 3) / 4) - 3; more < length; more++) {
        const token = signedAsItIs({ ...goodHeader, pad }, { ...goodClaims, filler: 'x'.repeat(more) });
        if (token.length === length) return token;
        if (token.length > length) break;
      }
    }
    throw new Error(`No token has ${length} characters.`);
  };

  test.each([
    [MAX_TOKEN_LENGTH, 'good'],
    [MAX_TOKEN_LENGTH + 1, 'tokenInvalid'],
  ])('of %d characters is answered %s', async (length, expected) => {
    expect(MAX_TOKEN_LENGTH).toBe(16_384);
    expect(await outcome(authenticate()(`Bearer ${tokenOfLength(length)}`))).toBe(expected);
  });
});

describe('the header, of a token whose signature is good', () => {
  test.each([
    ['alg in small letters', { alg: 'rs256' }],
    ['alg with a space', { alg: 'RS256 ' }],
    ['alg none', { alg: 'none' }],
    ['alg nOnE', { alg: 'nOnE' }],
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
    expect(await checkSigned({ ...goodHeader, ...changes })).toBe('tokenInvalid');
  });

  test.each([['null'], ['[]'], ['7'], ['"RS256"'], ['{'], [' ']])('%s in its place is refused', async (header) => {
    expect(await checkSigned(header)).toBe('tokenInvalid');
  });

  test.each([['JWT'], ['jwt'], ['at+jwt'], ['application/at+jwt'], [undefined]])(
    'typ %s is that of an access token',
    async (typ) => {
      expect(await checkSigned({ ...goodHeader, typ })).toBe('good');
    },
  );
});

describe('a header that leads to a key', () => {
  const requests: string[] = [];
  const attackers = createServer(({ url = '' }, response) => {
    requests.push(url);
    response.end('{}');
  });
  let address: string;
  beforeAll(async () => {
    address = `http://127.0.0.1:${await listen(attackers, 0, '')}`;
  });
  afterAll(() => close(attackers));

  const leads = ['jwk', 'jku', 'x5u', 'x5c'] as const;
  const headerOf = async (lead: (typeof leads)[number]) => {
    const pair = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one' };
    const x5c = [KeyObject.from(pair.publicKey).export({ type: 'spki', format: 'der' }).toString('base64')];
    const values = { jwk, jku: `${address}/keys`, x5u: `${address}/certificate`, x5c };
    return { pair, header: { ...goodHeader, [lead]: values[lead] } };
  };

  test.each(leads)('%s chooses no key: what that key signed is refused', async (lead) => {
    const { pair, header } = await headerOf(lead);
    const token = await new SignJWT(goodClaims).setProtectedHeader(header).sign(pair.privateKey);
    expect(await outcome(authenticate()(`Bearer ${token}`))).toBe('tokenInvalid');
    expect(requests).toEqual([]);
  });

  test.each(leads)('%s chooses no key: what the published key signed is good', async (lead) => {
    const { header } = await headerOf(lead);
    expect(await checkSigned(header)).toBe('good');
    expect(requests).toEqual([]);
  });
});

describe('the claims, of a token whose signature is good', () => {
  const wrong: Record<string, readonly unknown[]> = {
    iss: [undefined, null, '', 7, [goodClaims.iss], {}],
    aud: [undefined, null, '', 7, [AUDIENCE], [AUDIENCE, 'api://other'], { 0: AUDIENCE }],
    tid: [undefined, null, '', 7, [TENANT], `${TENANT} `, '{tenantid}'],
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
    expect(await checkSigned(goodHeader)).toBe('good');
  });

  test.each(rows)('%s: %s is refused', async (claim, _title, value) => {
    expect(await checkSigned(goodHeader, { ...goodClaims, [claim]: value })).toBe('tokenInvalid');
  });

  test.each([['exp'], ['nbf']])('%s: a number beyond all numbers is refused', async (claim) => {
    const claims = JSON.stringify({ ...goodClaims, [claim]: 7 }).replace(`"${claim}":7`, `"${claim}":1e999`);
    expect(claims).toContain('1e999');
    expect(await checkSigned(goodHeader, claims)).toBe('tokenInvalid');
  });

  test.each([['null'], ['[]'], ['7'], ['"text"'], ['{']])('%s in their place is refused', async (claims) => {
    expect(await checkSigned(goodHeader, claims)).toBe('tokenInvalid');
  });

  test('a good token within a good token is refused', async () => {
    expect(await checkSigned({ ...goodHeader, cty: 'JWT' }, signedAsItIs(goodHeader))).toBe('tokenInvalid');
  });
});

describe('the issuer', () => {
  const v2 = `${issuer.authority}/${TENANT}/v2.0`;
  const v1 = `https://sts.windows.net/${TENANT}/`;

  test.each([
    ['2.0', v2, 'good'],
    ['1.0', v1, 'good'],
    ['2.0', v1, 'tokenInvalid'],
    ['1.0', v2, 'tokenInvalid'],
    ['2.0', `${v2}/`, 'tokenInvalid'],
    ['2.0', v2.toUpperCase(), 'tokenInvalid'],
    ['2.0', v2.replace(TENANT, OTHER_TENANT), 'tokenInvalid'],
    ['2.0', `${issuer.authority}/{tenantid}/v2.0`, 'tokenInvalid'],
    ['2.0', v2.replace('https:', 'http:'), 'tokenInvalid'],
    ['1.0', v1.slice(0, -1), 'tokenInvalid'],
    ['1.0', v1.replace(TENANT, OTHER_TENANT), 'tokenInvalid'],
    ['1.0', 'https://sts.windows.net/{tenantid}/', 'tokenInvalid'],
  ])('of version %s named %s is answered %s', async (ver, iss, expected) => {
    expect(await checkSigned(goodHeader, { ...goodClaims, ver, iss })).toBe(expected);
  });

  test.each([
    ['1.0', `http://127.0.0.1:9/${TENANT}/`, 'good'],
    ['1.0', v1, 'tokenInvalid'],
    ['2.0', `http://127.0.0.1:9/${TENANT}/`, 'tokenInvalid'],
    ['2.0', v2, 'good'],
  ])(
    'of version %s named %s is answered %s, where another issuer of version 1.0 is set',
    async (ver, iss, expected) => {
      const options = { v1Issuer: 'http://127.0.0.1:9/{tenantid}/' };
      expect(await check(claimsOf(issuer, { ...times, ver, iss }), options)).toBe(expected);
    },
  );
});

test('no character of a good token can be changed', async () => {
  const token = signedAsItIs(goodHeader);
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=';
  const change = fc.tuple(fc.nat({ max: token.length - 1 }), fc.constantFrom(...characters));
  await fc.assert(
    fc.asyncProperty(change, async ([at, character]) => {
      fc.pre(token[at] !== character);
      const changed = `${token.slice(0, at)}${character}${token.slice(at + 1)}`;
      expect(await outcome(authenticate()(`Bearer ${changed}`))).toBe('tokenInvalid');
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
    fc.tuple(fc.constantFrom('Bearer ', 'bearer  '), token),
  );
  await fc.assert(
    fc.asyncProperty(header, async (value) => {
      const authorization = typeof value === 'string' ? value : value.join('');
      expect(['tokenMissing', 'tokenInvalid']).toContain(await outcome(authenticate()(authorization)));
    }),
    { numRuns: 500 },
  );
});

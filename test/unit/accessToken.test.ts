import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { CLOCK_SKEW_SECONDS, createAuthenticate } from '../../shared/accessToken.ts';
import { GraphError } from '../../shared/graphError.ts';
import { authorize } from '../../shared/permission.ts';
import { readSettings } from '../../shared/settings.ts';
import { createTenantKeys, type SigningKey } from '../../shared/signingKeys.ts';
import { TENANT } from '../support/operations.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE, tokenCases, v1ClaimsOf } from '../support/tokens.ts';

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
}: {
  key?: Partial<SigningKey>;
  issuerName?: string;
  now?: number;
  algorithms?: readonly ('RS256' | 'PS256' | 'ES256')[];
} = {}) {
  const settings = {
    authority: issuer.authority,
    tenants: [TENANT],
    audiences: [AUDIENCE],
    appRoles: [],
    scopes: [],
    v1Issuer: 'https://sts.windows.net/{tenantid}/',
    algorithms: [...algorithms],
  };
  const keys = new Map([['one', { publicKey, algorithm: undefined, issuer: undefined, ...key }]]);
  return createAuthenticate(
    settings,
    async () => ({ issuer: issuerName, keys }),
    () => now * 1000,
  );
}

const outcome = async (answer: Promise<unknown>) =>
  answer.then(
    () => 'good',
    (error: unknown) => (error instanceof GraphError ? error.reason : error),
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
    const check = createAuthenticate(auth, createTenantKeys({ authority: auth.authority }));
    const answer = authorization(local, 'http://127.0.0.1:9')
      .then((header) => check(header ?? null))
      .then((claims) => authorize(claims, { appRoles: [ROLE, 'Calls.AccessMedia.All'], scopes: [] }));
    if (status === 200) await expect(answer).resolves.toEqual({ tenant: TENANT });
    else await expect(answer).rejects.toMatchObject({ status, message: expect.stringMatching(/\w/) });
  });
});

describe('the log learns which part of a token was at fault, the caller does not', () => {
  const elsewhere = createAuthenticate(
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
    answer.catch((error: GraphError) => {
      expect(error.message).toBe('The access token is not valid for this service.');
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
    const check = createAuthenticate(
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

test('when the keys cannot be had, neither good nor bad can be said', async () => {
  const failing = createAuthenticate(
    { authority: '', tenants: [TENANT], audiences: [], appRoles: [], scopes: [], v1Issuer: '', algorithms: ['RS256'] },
    () => Promise.reject(new GraphError('unavailable', 'no keys')),
  );
  expect(await outcome(failing(`Bearer ${await sign(claimsOf(issuer))}`))).toBe('unavailable');
});

test('of a tenant that is not admitted no keys are asked for', async () => {
  let asked = 0;
  const counting = createAuthenticate(
    { authority: '', tenants: [], audiences: [], appRoles: [], scopes: [], v1Issuer: '', algorithms: ['RS256'] },
    async () => {
      asked += 1;
      throw new Error('asked');
    },
  );
  expect(await outcome(counting(`Bearer ${await sign(claimsOf(issuer))}`))).toBe('tokenInvalid');
  expect(asked).toBe(0);
});

// Access tokens, good and bad: each row changes one thing of a token that is good.
import { createHmac, createPublicKey } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import * as z from 'zod';
import type { Issuer } from '../../local/issuer.ts';
import { TENANT } from './operations.ts';

export const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
export const AUDIENCE = 'api://playpromptoperation';
export const ROLE = 'Calls.Initiate.All';

const now = () => Math.floor(Date.now() / 1000);

type Changes = Readonly<Record<string, unknown>>;

/** The claims of a version 2.0 token of an application, but for the changes; undefined takes a claim away. */
export function claimsOf({ authority }: Pick<Issuer, 'authority'>, changes: Changes = {}): JWTPayload {
  const claims: Changes = {
    iss: `${authority}/${TENANT}/v2.0`,
    aud: AUDIENCE,
    tid: TENANT,
    ver: '2.0',
    iat: now(),
    nbf: now(),
    exp: now() + 3600,
    azp: 'app-7',
    oid: 'app-object-7',
    sub: 'app-object-7',
    idtyp: 'app',
    roles: [ROLE],
    ...changes,
  };
  // Claims of a wrong type are what some rows are about.
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as JWTPayload;
}

/** The claims of a version 1.0 token of an application. */
export function v1ClaimsOf(issuer: Pick<Issuer, 'authority'>, changes: Changes = {}): JWTPayload {
  return claimsOf(issuer, { ver: '1.0', iss: `https://sts.windows.net/${TENANT}/`, ...changes });
}

export interface TokenCase {
  readonly title: string;
  readonly status: 200 | 401 | 403;
  /** The whole `Authorization` header; undefined for none. `watched` is an address that no one may ask. */
  authorization(issuer: Issuer, watched: string): Promise<string | undefined>;
}

/** A row whose token is signed as it should be, with other claims. */
const withClaims = (title: string, status: TokenCase['status'], changes: Changes): TokenCase => ({
  ...{ title, status },
  authorization: async (issuer) => `Bearer ${await issuer.sign(claimsOf(issuer, changes))}`,
});

/** A row that makes something else of a good token. */
const withToken = (title: string, change: (token: string) => string | undefined): TokenCase => ({
  ...{ title, status: 401 },
  authorization: async (issuer) => change(await issuer.sign(claimsOf(issuer))),
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const keySet = z.object({ keys: z.tuple([z.looseObject({ kid: z.string(), kty: z.string() })], z.unknown()) });

/** A row whose token names the issuer's key, but is signed otherwise. */
const forged = (
  title: string,
  alg: string,
  sign: (header: object, claims: JWTPayload, pem: string, watched: string) => Promise<string> | string,
): TokenCase => ({
  ...{ title, status: 401 },
  async authorization(issuer, watched) {
    const response = await fetch(`${issuer.authority}/${TENANT}/discovery/v2.0/keys`);
    const [jwk] = keySet.parse(await response.json()).keys;
    const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    return `Bearer ${await sign({ typ: 'JWT', alg, kid: jwk.kid }, claimsOf(issuer), pem.toString(), watched)}`;
  },
});

const unsigned = (header: object, claims: object) => `${encode(header)}.${encode(claims)}.`;

/** Signs with another key, to which the header leads. */
async function signedByAnother(header: { alg?: string }, claims: JWTPayload, _pem: string, watched: string) {
  const { publicKey, privateKey } = await generateKeyPair(header.alg ?? '', { extractable: true });
  const certificate = await exportSPKI(publicKey);
  const leads = { jku: `${watched}/keys`, x5u: `${watched}/cert.pem`, x5c: [certificate.replace(/-.*-|\n/g, '')] };
  const protectedHeader = { ...header, ...leads, alg: header.alg ?? '', jwk: await exportJWK(publicKey) };
  return new SignJWT(claims).setProtectedHeader(protectedHeader).sign(privateKey);
}

/** What an issuer may sign and a caller may send. test/unit/auth has each claim, and what is made by hand. */
export const tokenCases: readonly TokenCase[] = [
  withClaims('a token of an application with an app role', 200, {}),
  withClaims('the other app role', 200, { roles: ['Calls.AccessMedia.All'] }),
  withClaims('no nbf', 200, { nbf: undefined }),
  {
    ...{ title: 'version 1.0', status: 200 },
    authorization: async (issuer) => `Bearer ${await issuer.sign(v1ClaimsOf(issuer))}`,
  },

  withToken('no header', () => undefined),
  withToken('an empty header', () => ''),
  withToken('a token without its scheme', (token) => token),
  withToken('two tokens joined by a comma', (token) => `Bearer ${token}, Bearer ${token}`),
  withToken('two parts', (token) => `Bearer ${token.replace(/\.[^.]*$/, '')}`),
  withToken('a signature of something else', (token) => {
    const [header, payload = '', signature] = token.split('.');
    const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), sub: 'someone else' };
    return `Bearer ${header}.${encode(claims)}.${signature}`;
  }),
  forged('alg none', 'none', unsigned),
  forged('HS256 with the public key as its secret', 'HS256', (header, claims, pem) => {
    const input = `${encode(header)}.${encode(claims)}`;
    return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
  }),
  forged('a key of its own, to which its header leads', 'RS256', signedByAnother),
  ...['PS256', 'ES256', 'EdDSA'].map((alg) => forged(`${alg}, which is not on the list`, alg, signedByAnother)),

  withClaims('iss of another issuer', 401, { iss: 'https://login.example/v2.0' }),
  withClaims('aud of Microsoft Graph', 401, { aud: '00000003-0000-0000-c000-000000000000' }),
  withClaims('tid of a tenant that is not admitted', 401, { tid: '44444444-4444-4444-8444-444444444444' }),
  withClaims('tid of the personal accounts', 401, { tid: '9188040d-6c67-4c5b-b112-36a304b66dad' }),
  withClaims('iss of another tenant than tid', 401, { tid: OTHER_TENANT }),
  withClaims('exp long over', 401, { exp: now() - 7 * 24 * 3600 }),
  withClaims('nbf beyond the skew', 401, { nbf: now() + 3600 }),

  withClaims('another role', 403, { roles: ['Calls.JoinGroupCall.All'] }),
  withClaims('a user with the role', 403, { idtyp: 'user', sub: 'pairwise' }),
  withClaims('an ID token of this very application', 403, {
    ...{ idtyp: undefined, sub: 'pairwise', roles: undefined },
    ...{ nonce: 'n', name: 'Ada Lovelace', preferred_username: 'ada@example.org' },
  }),
];

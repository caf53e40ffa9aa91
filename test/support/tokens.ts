// Access tokens, good and bad: each row changes one thing of a token that is good.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { CompactEncrypt, exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import * as z from 'zod';
import type { Issuer } from '../../local/issuer.ts';
import { TENANT } from './operations.ts';

export const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
export const PERSONAL_ACCOUNTS_TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad';
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

const bearer = (token: string) => `Bearer ${token}`;
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A row whose token is signed as it should be, with other claims, which may depend on when and by whom. */
function withClaims(
  title: string,
  status: TokenCase['status'],
  changes: Changes | ((issuer: Issuer) => Changes),
): TokenCase {
  return {
    title,
    status,
    async authorization(issuer) {
      const changed = typeof changes === 'function' ? changes(issuer) : changes;
      return bearer(await issuer.sign(claimsOf(issuer, changed)));
    },
  };
}

/** A row that makes something else of a good token. */
function withToken(
  title: string,
  status: TokenCase['status'],
  change: (token: string) => string | undefined,
): TokenCase {
  return { title, status, authorization: async (issuer) => change(await issuer.sign(claimsOf(issuer))) };
}

/** A row whose token names the issuer's key, but another one signed it, whose location the header names. */
function forged(title: string, header: (jwk: JWK, watched: string) => object, algorithm = 'RS256'): TokenCase {
  return {
    title,
    status: 401,
    async authorization(issuer, watched) {
      const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
      const { kid } = await publishedKey(issuer);
      const protectedHeader = { typ: 'JWT', alg: algorithm, kid, ...header(await exportJWK(publicKey), watched) };
      return bearer(await new SignJWT(claimsOf(issuer)).setProtectedHeader(protectedHeader).sign(privateKey));
    },
  };
}

const keySet = z.object({ keys: z.tuple([z.looseObject({ kid: z.string(), kty: z.string() })], z.unknown()) });

async function publishedKey({ authority }: Pick<Issuer, 'authority'>) {
  return keySet.parse(await (await fetch(`${authority}/${TENANT}/discovery/v2.0/keys`)).json()).keys[0];
}

/** A row whose token is not signed at all, or with an HMAC. */
function unsigned(
  title: string,
  header: object,
  signature: string | ((input: string, pem: string) => Promise<string>),
): TokenCase {
  return {
    title,
    status: 401,
    async authorization(issuer) {
      const jwk = await publishedKey(issuer);
      const input = `${encode({ typ: 'JWT', kid: jwk.kid, ...header })}.${encode(claimsOf(issuer))}`;
      const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
        .toString();
      return bearer(`${input}.${typeof signature === 'string' ? signature : await signature(input, pem)}`);
    },
  };
}

const hmac = async (input: string, secret: string) => {
  const { createHmac } = await import('node:crypto');
  return createHmac('sha256', secret).update(input).digest('base64url');
};

const [WEEK, SKEW] = [7 * 24 * 3600, 60];

/** What an issuer may sign and a caller may send. test/unit/auth has each claim, and what is made by hand. */
export const tokenCases: readonly TokenCase[] = [
  // What is good
  withClaims('a token of an application with an app role', 200, {}),
  withClaims('the other app role', 200, { roles: ['Calls.AccessMedia.All'] }),
  withClaims('no nbf', 200, { nbf: undefined }),
  withToken('the scheme in capitals', 200, (token) => `BEARER ${token}`),
  withToken('the scheme in small letters', 200, (token) => `bearer ${token}`),
  withToken('more than one space after the scheme', 200, (token) => `Bearer   ${token}`),
  {
    title: 'version 1.0',
    status: 200,
    authorization: async (issuer) => bearer(await issuer.sign(v1ClaimsOf(issuer))),
  },

  // The header of the request
  { title: 'no header', status: 401, authorization: async () => undefined },
  { title: 'an empty header', status: 401, authorization: async () => '' },
  { title: 'a scheme alone', status: 401, authorization: async () => 'Bearer' },
  { title: 'a scheme and spaces', status: 401, authorization: async () => 'Bearer   ' },
  { title: 'another scheme', status: 401, authorization: async () => 'Basic YTpi' },
  withToken('a token without its scheme', 401, (token) => token),
  withToken('two tokens joined by a comma', 401, (token) => `Bearer ${token}, Bearer ${token}`),
  withToken('something behind the token', 401, (token) => `Bearer ${token} x`),

  // The form of the token
  withToken('two parts', 401, (token) => bearer(token.split('.').slice(0, 2).join('.'))),
  withToken('an empty signature', 401, (token) => bearer(`${token.split('.').slice(0, 2).join('.')}.`)),
  withToken('padding', 401, (token) => bearer(`${token}==`)),
  withToken('a signature that is not canonical', 401, (token) => bearer(notCanonical(token))),
  withToken('the flattened JSON serialization', 401, (token) => {
    const [header, payload, signature] = token.split('.');
    return bearer(JSON.stringify({ protected: header, payload, signature }));
  }),
  {
    title: 'an encrypted token',
    status: 401,
    async authorization(issuer) {
      const jwk = await publishedKey(issuer);
      const key = await importJWK({ ...jwk, alg: 'RSA-OAEP-256', use: 'enc' });
      const header = { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: jwk.kid };
      const plaintext = new TextEncoder().encode(JSON.stringify(claimsOf(issuer)));
      return bearer(await new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(key));
    },
  },

  // The header of the token
  ...['none', 'None', 'NONE', 'nOnE'].flatMap((alg) => [
    unsigned(`alg ${alg}, a signature of nothing`, { alg }, ''),
    unsigned(`alg ${alg}, some signature`, { alg }, 'aaaa'),
  ]),
  unsigned('alg rs256', { alg: 'rs256' }, 'aaaa'),
  unsigned('HS256 with the public key as its secret', { alg: 'HS256' }, hmac),
  unsigned('HS256 with an empty secret', { alg: 'HS256' }, (input) => hmac(input, '')),
  ...['RS384', 'RS512', 'PS256', 'ES256', 'EdDSA'].map((alg) =>
    forged(`${alg}, which is not on the list`, () => ({}), alg),
  ),
  forged('signed by another key', () => ({})),
  forged('signed by another key, which jwk holds', (jwk) => ({ jwk })),
  forged('signed by another key, to which jku leads', (_jwk, watched) => ({ jku: `${watched}/keys` })),
  forged('signed by another key, to which x5u leads', (_jwk, watched) => ({ x5u: `${watched}/cert.pem` })),
  forged('signed by another key, in x5c', () => ({ x5c: [selfMadeCertificate()] })),
  withToken('a signature of something else', 401, (token) => bearer(otherPayload(token))),

  // The claims
  withClaims('iss of another issuer', 401, { iss: 'https://login.example/v2.0' }),
  withClaims('aud of Microsoft Graph', 401, { aud: '00000003-0000-0000-c000-000000000000' }),
  withClaims('aud in another casing', 401, { aud: AUDIENCE.toUpperCase() }),
  withClaims('aud with a slash more', 401, { aud: `${AUDIENCE}/` }),
  withClaims('tid of a tenant that is not admitted', 401, { tid: '44444444-4444-4444-8444-444444444444' }),
  withClaims('tid of the personal accounts', 401, { tid: PERSONAL_ACCOUNTS_TENANT }),
  withClaims('iss of another tenant than tid', 401, { tid: OTHER_TENANT }),
  withClaims('exp long over', 401, () => ({ exp: now() - WEEK })),
  withClaims('nbf beyond the skew', 401, () => ({ nbf: now() + SKEW + 30 })),

  // The permission
  withClaims('another role', 403, { roles: ['Calls.JoinGroupCall.All'] }),
  withClaims('a user with the role', 403, { idtyp: 'user', sub: 'pairwise' }),
  withClaims('an ID token of this very application', 403, {
    idtyp: undefined,
    sub: 'pairwise',
    roles: undefined,
    nonce: 'n',
    name: 'Ada Lovelace',
    preferred_username: 'ada@example.org',
  }),
];

/** The same bytes, written with stray bits in the last character. */
function notCanonical(token: string) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1];
}

function otherPayload(token: string) {
  const [header, payload = '', signature] = token.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), sub: 'someone else' };
  return [header, encode(claims), signature].join('.');
}

function selfMadeCertificate() {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .publicKey.export({ type: 'spki', format: 'der' })
    .toString('base64');
}

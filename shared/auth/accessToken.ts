import { hash } from 'node:crypto';
import { metrics } from '@opentelemetry/api';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import QuickLRU from 'quick-lru';
import * as z from 'zod';
import { ServiceError } from '../serviceError.ts';
import type { AuthSettings } from '../settings.ts';
import { CACHE_LOOKUPS, SCOPE } from '../tracing.ts';
import { type FindTenantKeys, issuerOf } from './signingKeys.ts';

/** The longest access token that is accepted, in characters. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/** The tolerated difference between the clocks of issuer and service, in seconds. */
export const CLOCK_SKEW_SECONDS = 60;

const tokenHeader = z.object({
  kid: z.string().min(1),
  typ: z
    .string()
    .regex(/^(?:application\/)?(?:at\+)?jwt$/i)
    .optional(),
  // No extension is supported (RFC 7515, section 4.1.11), and `b64` is one (RFC 7797).
  crit: z.undefined().optional(),
  b64: z.undefined().optional(),
});

const tokenClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  tid: z.string(),
  ver: z.enum(['1.0', '2.0']),
  exp: z.number(),
  nbf: z.number().optional(),
  sub: z.string().optional(),
  oid: z.string().optional(),
  idtyp: z.string().optional(),
  // The application: azp in version 2.0, appid in version 1.0.
  azp: z.string().optional(),
  appid: z.string().optional(),
  roles: z.array(z.string()).optional(),
  scp: z.string().optional(),
});

/** The claims of a verified access token. `authorize` decides what they permit. */
export type AccessTokenClaims = z.infer<typeof tokenClaims>;

/** A token with a good signature and good claims, and how long that holds. */
interface VerifiedToken {
  readonly claims: AccessTokenClaims;
  /** When the keys were fetched that it was verified with. */
  readonly keysFetchedAt: number;
  /** When it has to be verified again, in milliseconds. */
  readonly until: number;
}

/** The cache of verified tokens: its size, and how long an entry is used at most. */
const CACHED_TOKENS = 1000;
const CACHED_FOR_MS = 5 * 60_000;

/**
 * Verifies the access token of an `Authorization` header.
 *
 * @throws ServiceError `tokenMissing`; `tokenInvalid`; `unavailable` when the signing keys cannot be fetched
 */
export type VerifyAccessToken = (authorization: string | null) => Promise<AccessTokenClaims>;

/**
 * Verifies access tokens of Microsoft Entra ID, version 1.0 and 2.0, as RFC 8725 advises. A verified token is cached by its
 * SHA-256, so that its signature is checked once: for five minutes at most, not beyond its `exp` and the skew, and only
 * until the keys of its tenant are fetched again.
 */
export function createVerifyAccessToken(
  settings: AuthSettings,
  findTenantKeys: FindTenantKeys,
  now: () => number = Date.now,
): VerifyAccessToken {
  const verify = createVerify(settings, findTenantKeys, now);
  const verified = new QuickLRU<string, VerifiedToken>({ maxSize: CACHED_TOKENS });
  const lookups = metrics.getMeter(SCOPE).createCounter(CACHE_LOOKUPS.name, CACHE_LOOKUPS);

  return async (authorization) => {
    const token = bearerToken(authorization);
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    lookups.add(1, { cache: 'tokens', hit: known !== undefined });
    if (known && now() < known.until) {
      if ((await findTenantKeys(known.claims.tid).load()) === known.keysFetchedAt) return known.claims;
    }
    const fresh = await verify(token);
    verified.set(digest, fresh);
    return fresh.claims;
  };
}

function createVerify(
  { authority, tenants, audiences, v1Issuer, algorithms }: AuthSettings,
  findTenantKeys: FindTenantKeys,
  now: () => number,
): (token: string) => Promise<VerifiedToken> {
  return async (token) => {
    // JWS Compact Serialization, RFC 7515, section 7.1.
    const parts = token.split('.');
    if (token.length > MAX_TOKEN_LENGTH || parts.length !== 3 || !parts.every(isCanonicalBase64url)) reject('form');
    if (!tokenHeader.safeParse(attempt(() => decodeProtectedHeader(token))).success) reject('header');
    // The tenant chooses the keys. Every other claim waits for the signature.
    const { tid } = tokenClaims.pick({ tid: true }).safeParse(attempt(() => decodeJwt(token))).data ?? reject('claims');
    if (!tenants.includes(tid)) reject('tid');

    const keys = findTenantKeys(tid);
    const keysFetchedAt = await keys.load();
    const { payload } = await jwtVerify(token, keys.find, {
      algorithms: [...algorithms],
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate: new Date(now()),
    }).catch((error: unknown) => rejectUnverified(error, now()));

    const { data: claims, error } = tokenClaims.safeParse(payload);
    if (!claims) return rejectClaim(String(error.issues[0]?.path[0]));
    const issuer = claims.ver === '2.0' ? issuerOf(authority, tid) : v1Issuer.replaceAll('{tenantid}', tid);
    if (claims.iss !== issuer) rejectClaim('iss');
    if (!audiences.includes(claims.aud)) rejectClaim('aud');
    const until = Math.min((claims.exp + CLOCK_SKEW_SECONDS) * 1000, now() + CACHED_FOR_MS);
    return { claims, keysFetchedAt, until };
  };
}

/** RFC 6750, section 2.1: one header, its scheme in any casing. Two headers arrive joined by a comma and are refused. */
function bearerToken(authorization: string | null): string {
  const [, token] = /^Bearer +(\S.*)/is.exec(authorization ?? '') ?? [];
  if (token === undefined) {
    throw new ServiceError('tokenMissing', 'An access token is required: Authorization: Bearer {token}.');
  }
  return token;
}

/** Whether the text is the canonical encoding of its bytes: no stray bits, no impossible length. */
function isCanonicalBase64url(text: string) {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}

function attempt(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Refuses the token. The log names the part of it that was at fault; the caller learns it only once the signature is good. */
function reject(part: string, message = 'The access token is not valid for this service.'): never {
  throw new ServiceError('tokenInvalid', message, { cause: `access token refused: ${part}` });
}

/** Refuses a token whose signature is good, and names the claim where a caller can do something about it. */
function rejectClaim(claim: string): never {
  if (!['aud', 'iss', 'ver'].includes(claim)) reject(claim);
  reject(claim, `The access token is not valid for this service: its "${claim}" claim is not accepted.`);
}

/** jose checks the times after the signature, so that an expired token is otherwise good. */
function rejectUnverified(error: unknown, now: number): never {
  if (error instanceof ServiceError) throw error;
  if (error instanceof errors.JWTExpired) {
    const [expiry, clock] = [Number(error.payload.exp) * 1000, now].map(toUtc);
    reject('exp', `The access token expired at ${expiry}; the clock of the service is at ${clock}.`);
  }
  if (error instanceof errors.JWTClaimValidationFailed) reject(error.claim);
  if (error instanceof errors.JOSEAlgNotAllowed) reject('alg');
  reject(error instanceof errors.JWKSNoMatchingKey ? 'kid' : 'signature');
}

/** A time in milliseconds in UTC, to the second; the number where it is beyond what a date can be. */
const toUtc = (time: number) =>
  Math.abs(time) <= 8.64e15 ? new Date(time).toISOString().replace(/\.\d+/, '') : String(time);

import { createPublicKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { readBounded } from '../boundedRead.ts';
import { ServiceError } from '../serviceError.ts';
import { secureUrl } from '../settings.ts';

const MINUTE = 60_000;

/** Keys older than this are renewed in the background, while they still serve. */
export const KEYS_RENEWAL_MS = 60 * MINUTE;

/** Keys older than this do not serve any more. */
export const KEYS_MAX_AGE_MS = 24 * 60 * MINUTE;

/** After a failed renewal, the next one starts no earlier than this. */
export const RENEWAL_COOLDOWN_MS = 5 * MINUTE;

/** An unknown key id causes a request to the issuer at most this often. */
export const UNKNOWN_KEY_COOLDOWN_MS = 30_000;

/** While a tenant has no keys that may serve, its issuer is asked again after this long. */
export const FIRST_FETCH_COOLDOWN_MS = 1000;

const FETCH_TIMEOUT_MS = 2500;
const MAX_DOCUMENT_BYTES = 512 * 1024;
const MIN_RSA_BITS = 2048;

/** What a tenant's issuer publishes: its name, and its signing keys by key id. */
export interface TenantKeys {
  readonly issuer: string;
  readonly keys: ReadonlyMap<string, SigningKey>;
}

export interface SigningKey {
  readonly publicKey: KeyObject;
  /** The only signature algorithm of the key; undefined for any that fits its type. */
  readonly algorithm: string | undefined;
  /** The only issuer that the key signs for, with `{tenantid}` for the tenant; undefined for any. */
  readonly issuer: string | undefined;
}

/**
 * Returns the signing keys of a tenant, with the key `keyId` among them if the issuer publishes it.
 *
 * @throws ServiceError `unavailable` when no keys of the tenant are known and its issuer does not answer
 */
export type FindTenantKeys = (tenant: string, keyId: string | undefined) => Promise<TenantKeys>;

/**
 * Caches the signing keys of each tenant, found by OpenID Connect Discovery. One fetch serves all requests that wait. No
 * request waits for a renewal: it happens in the background, hourly, while the present keys serve. An unknown key id
 * causes a fetch at most every 30 seconds. While the issuer does not answer, the last good keys serve for 24 hours.
 */
export function createTenantKeys(options: { readonly authority: string; readonly now?: () => number }): FindTenantKeys {
  const { authority, now = Date.now } = options;
  const tenants = new Map<string, TenantState>();
  const unavailable = (cause?: unknown) =>
    new ServiceError('unavailable', 'The signing keys of the token issuer are not available. Try again.', { cause });

  const fetchKeys = async (tenant: string): Promise<TenantKeys> => {
    const asked = `${authority}/${tenant}/v2.0`;
    const { issuer, jwks_uri } = await fetchDocument(`${asked}/.well-known/openid-configuration`, discoveryDocument);
    // OpenID Connect Discovery 1.0, section 4.3. Entra's documents may have a template for the tenant.
    if (issuer.replaceAll('{tenantid}', tenant) !== asked) throw new Error(`${asked} names another issuer.`);
    if (asked.startsWith('https:') && !jwks_uri.startsWith('https:'))
      throw new Error(`${asked} names keys without TLS.`);
    const { keys } = await fetchDocument(jwks_uri, keySet);
    return { issuer, keys: usableKeys(keys) };
  };

  const renew = (tenant: string, state: TenantState): Promise<TenantKeys> => {
    state.renewal ??= (async () => {
      try {
        const next = await fetchKeys(tenant);
        // An issuer that signs has a key: without any, this is a failure of it, and the last good keys serve.
        if (next.keys.size === 0 && state.current?.keys.size) throw new Error(`${next.issuer} has no usable key left.`);
        state.current = next;
        state.renewedAt = now();
        return state.current;
      } catch (cause) {
        state.failedAt = now();
        throw unavailable(cause);
      } finally {
        state.renewal = undefined;
      }
    })();
    return state.renewal;
  };

  return async (tenant, keyId) => {
    const state = tenants.get(tenant) ?? newTenantState();
    tenants.set(tenant, state);
    const since = (time: number) => now() - time;
    const current = since(state.renewedAt) < KEYS_MAX_AGE_MS ? state.current : undefined;

    if (current === undefined) {
      if (!state.renewal && since(state.failedAt) < FIRST_FETCH_COOLDOWN_MS) throw unavailable();
      return renew(tenant, state);
    }
    const isUnknown = keyId !== undefined && !current.keys.has(keyId);
    if (isUnknown && (state.renewal || since(state.unknownKeyAt) >= UNKNOWN_KEY_COOLDOWN_MS)) {
      if (!state.renewal) state.unknownKeyAt = now();
      return renew(tenant, state).catch(() => current);
    }
    if (since(state.renewedAt) >= KEYS_RENEWAL_MS && since(state.failedAt) >= RENEWAL_COOLDOWN_MS) {
      void renew(tenant, state).catch(() => {});
    }
    return current;
  };
}

interface TenantState {
  current: TenantKeys | undefined;
  renewal: Promise<TenantKeys> | undefined;
  renewedAt: number;
  failedAt: number;
  unknownKeyAt: number;
}

function newTenantState(): TenantState {
  return {
    current: undefined,
    renewal: undefined,
    renewedAt: Number.NEGATIVE_INFINITY,
    failedAt: Number.NEGATIVE_INFINITY,
    unknownKeyAt: Number.NEGATIVE_INFINITY,
  };
}

/** OpenID Connect Discovery 1.0, section 3. */
const discoveryDocument = z.object({ issuer: z.string().min(1), jwks_uri: secureUrl });

/** RFC 7517, section 5. Keys are parsed one by one, so that a bad one does not affect the others. */
const keySet = z.object({ keys: z.array(z.unknown()) });

const verificationKey = z.object({
  kid: z.string().min(1),
  kty: z.enum(['RSA', 'EC', 'OKP']),
  use: z.literal('sig').optional(),
  key_ops: z.array(z.string()).optional(),
  alg: z.string().optional(),
  issuer: z.string().optional(),
  n: z.string().optional(),
  e: z.string().optional(),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
});

function usableKeys(published: readonly unknown[]) {
  const keys = new Map<string, SigningKey>();
  for (const candidate of published) {
    const parsed = verificationKey.safeParse(candidate);
    if (!parsed.success) continue;
    const { kid, use, key_ops, alg, issuer, ...jwk } = parsed.data;
    if (keys.has(kid)) continue;
    if (key_ops && !key_ops.includes('verify')) continue;
    const publicKey = toPublicKey(jwk);
    if (publicKey) keys.set(kid, { publicKey, algorithm: alg, issuer });
  }
  return keys;
}

function toPublicKey(jwk: object): KeyObject | undefined {
  try {
    const publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const { modulusLength, publicExponent } = publicKey.asymmetricKeyDetails ?? {};
    const weak =
      publicKey.asymmetricKeyType === 'rsa' && ((modulusLength ?? 0) < MIN_RSA_BITS || (publicExponent ?? 0n) < 3n);
    return weak ? undefined : publicKey;
  } catch {
    return undefined;
  }
}

async function fetchDocument<Document>(url: string, schema: z.ZodType<Document>): Promise<Document> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}.`);
  }
  const bytes = await readBounded(response.body, MAX_DOCUMENT_BYTES);
  if (bytes === undefined) throw new Error(`${url} answered more than ${MAX_DOCUMENT_BYTES} bytes.`);
  return schema.parse(JSON.parse(bytes.toString('utf8')));
}

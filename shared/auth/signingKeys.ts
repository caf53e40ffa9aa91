import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  type RemoteJWKSet,
} from 'jose';
import * as z from 'zod';
import { readBounded } from '../bounds.ts';
import { ServiceError } from '../serviceError.ts';
import { secureUrl } from '../settings.ts';

/** Keys older than this are renewed in the background, while they still serve. */
export const KEYS_RENEWAL_MS = 60 * 60_000;

/** Keys older than this do not serve any more. */
export const KEYS_MAX_AGE_MS = 24 * KEYS_RENEWAL_MS;

/** While the keys of a tenant serve, neither a renewal nor an unknown key id causes another fetch sooner than this. */
export const REFETCH_COOLDOWN_MS = 30_000;

/** While a tenant has no keys that may serve, its issuer is asked again after this long. */
export const FIRST_FETCH_COOLDOWN_MS = 1000;

const MAX_DOCUMENT_BYTES = 512 * 1024;

/** The signing keys that the issuer of a tenant publishes. */
export interface TenantKeys {
  /**
   * Fetches the keys unless they are known, and renews old ones in the background.
   *
   * @returns when they were fetched
   * @throws ServiceError `unavailable` when no keys are known and the issuer does not answer
   */
  load(): Promise<number>;
  /** Finds the key of a token by its header, for `jwtVerify`. */
  readonly find: (header?: JWSHeaderParameters, token?: FlattenedJWSInput) => Promise<CryptoKey>;
}

export type FindTenantKeys = (tenant: string) => TenantKeys;

/** The name of a tenant's issuer of version 2.0, which is also where its discovery begins. */
export const issuerOf = (authority: string, tenant: string) => `${authority}/${tenant}/v2.0`;

/** Keeps the signing keys of each tenant that is asked for. */
export function createTenantKeys({ authority }: { readonly authority: string }): FindTenantKeys {
  const tenants = new Map<string, TenantKeys>();
  return (tenant) => {
    const keys = tenants.get(tenant) ?? createKeysOfTenant(authority, tenant);
    tenants.set(tenant, keys);
    return keys;
  };
}

/**
 * `jose` shares one fetch among all who wait, chooses a key by `kid`, `alg`, `use` and `key_ops`, and keeps the keys for 24
 * hours. Its own cooldown begins with a fetch that succeeded, and so would neither spare an issuer that fails nor find a
 * key that is published just after the first fetch; it has no discovery, and no renewal in the background.
 */
function createKeysOfTenant(authority: string, tenant: string): TenantKeys {
  const asked = issuerOf(authority, tenant);
  let fetchedAt = 0;
  let nextFetchAt = 0;
  const mayFetch = () => Date.now() >= nextFetchAt;

  const discover = async (url: string, signal: AbortSignal) => {
    const { issuer, jwks_uri } = await fetchDocument(url, signal, discoveryDocument);
    const forTenant = (name: string) => name.replaceAll('{tenantid}', tenant);
    // OpenID Connect Discovery 1.0, section 4.3. Entra's documents may have a template for the tenant.
    if (forTenant(issuer) !== asked) throw new Error(`${asked} names another issuer.`);
    if (asked.startsWith('https:') && !jwks_uri.startsWith('https:'))
      throw new Error(`${asked} names keys without TLS.`);
    const { keys } = await fetchDocument(jwks_uri, signal, keySet);
    // A key that names an issuer signs for that one only, the tokens of both versions.
    const own = keys.filter((key) => key.issuer === undefined || forTenant(key.issuer) === asked);
    // An issuer that signs has a key: without any, this is a failure of it, and the last good keys serve.
    if (own.length === 0) throw new Error(`${asked} has no usable key.`);
    return own;
  };

  const published: RemoteJWKSet = createRemoteJWKSet(new URL(`${asked}/.well-known/openid-configuration`), {
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: 0,
    async [customFetch](url, { signal }) {
      const serve = published.fresh;
      try {
        if (!mayFetch()) throw new Error(`${asked} was asked a moment ago.`);
        nextFetchAt = Date.now() + (serve ? REFETCH_COOLDOWN_MS : FIRST_FETCH_COOLDOWN_MS);
        const keys = await discover(url, signal);
        if (!serve) nextFetchAt = 0;
        fetchedAt = Date.now();
        return Response.json({ keys });
      } catch (cause) {
        if (serve) throw new errors.JWKSNoMatchingKey(undefined, { cause });
        const message = 'The signing keys of the token issuer are not available. Try again.';
        throw new ServiceError('unavailable', message, { cause });
      }
    },
  });

  return {
    async load() {
      if (!published.fresh) await published.reload();
      else if (Date.now() - fetchedAt >= KEYS_RENEWAL_MS && mayFetch()) void published.reload().catch(() => {});
      return fetchedAt;
    },
    find: published,
  };
}

/** OpenID Connect Discovery 1.0, section 3. */
const discoveryDocument = z.object({ issuer: z.string().min(1), jwks_uri: secureUrl });

/** What `jose` does not check by itself when it chooses a key (RFC 7517, section 4). */
const signingKey = z.looseObject({
  kid: z.string().min(1),
  kty: z.enum(['RSA', 'EC', 'OKP']),
  use: z.literal('sig').optional(),
  issuer: z.string().optional(),
  // Of RSA: with the exponent 1, a signature would be the message itself.
  e: z
    .string()
    .regex(/^(?!A*[QEB]$)/)
    .optional(),
});

/** RFC 7517, section 5. Keys are parsed one by one, so that a bad one does not affect the others. */
const keySet = z.object({
  keys: z.array(z.unknown()).transform((keys) => keys.flatMap((key) => signingKey.safeParse(key).data ?? [])),
});

async function fetchDocument<Document>(url: string, signal: AbortSignal, schema: z.ZodType<Document>) {
  const response = await fetch(url, { redirect: 'error', signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}.`);
  }
  const bytes = await readBounded(response.body, MAX_DOCUMENT_BYTES);
  if (bytes === undefined) throw new Error(`${url} answered more than ${MAX_DOCUMENT_BYTES} bytes.`);
  return schema.parse(JSON.parse(bytes.toString('utf8')));
}

import { metrics } from '@opentelemetry/api';
import { ServiceError } from '../serviceError.ts';
import type { AuthSettings } from '../settings.ts';
import { SCOPE, withChildSpan } from '../tracing.ts';
import { createVerifyAccessToken } from './accessToken.ts';
import { authorize, type Caller } from './permission.ts';
import { createTenantKeys } from './signingKeys.ts';

/**
 * Authenticates the caller by the `Authorization` header of a request, and checks that the caller has the permission.
 *
 * @throws ServiceError `tokenMissing`, `tokenInvalid`, `forbidden`, or `unavailable` when the signing keys cannot be fetched
 */
export type Authenticate = (authorization: string | null) => Promise<Caller>;

export interface Authentication {
  readonly authenticate: Authenticate;
  /** Fetches the signing keys of a tenant unless they are cached. */
  readonly fetchKeys: () => Promise<unknown>;
}

export function createAuthentication(settings: AuthSettings): Authentication {
  const findTenantKeys = createTenantKeys(settings);
  const verifyAccessToken = createVerifyAccessToken(settings, findTenantKeys);
  const failures = metrics.getMeter(SCOPE).createCounter('playpromptoperation.token.failures', {
    description: 'Requests that failed authentication or authorization, by cause.',
  });
  const [tenant = ''] = settings.tenants;

  return {
    authenticate: (authorization) =>
      withChildSpan('authenticate', async () => {
        try {
          return authorize(await verifyAccessToken(authorization), settings);
        } catch (error) {
          if (error instanceof ServiceError) failures.add(1, { cause: failureCause(error) });
          throw error;
        }
      }),

    fetchKeys: () => findTenantKeys(tenant).load(),
  };
}

/** The cause of a refused token names the part of it that was at fault, and nothing of its content. */
function failureCause({ reason, cause }: ServiceError) {
  return typeof cause === 'string' ? cause.replace('access token refused: ', '') : reason;
}

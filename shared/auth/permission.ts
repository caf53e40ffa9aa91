import { ServiceError } from '../serviceError.ts';
import type { AuthSettings } from '../settings.ts';
import type { AccessTokenClaims } from './accessToken.ts';

/** The caller of a request. Operations belong to its tenant. */
export interface Caller {
  readonly tenant: string;
  /** The object id of a service principal or a user; in a token without one, its subject or its application. */
  readonly id: string;
  /** The client id of the application, which every token of Entra names. */
  readonly applicationId: string | undefined;
}

/**
 * Checks that the claims of a verified token permit reading and changing operations: an application needs an app role, a
 * user a scope. A role of a user is not an application permission.
 *
 * @throws ServiceError `forbidden` when they do not
 */
export function authorize(
  claims: AccessTokenClaims,
  { appRoles, scopes }: Pick<AuthSettings, 'appRoles' | 'scopes'>,
): Caller {
  const permitted = isAppOnly(claims)
    ? claims.roles?.some((role) => appRoles.includes(role))
    : claims.scp?.split(' ').some((scope) => scopes.includes(scope));
  if (!permitted) {
    const user = scopes.length > 0 ? `a user needs the scope ${scopes.join(' or ')}` : 'users are not supported';
    throw new ServiceError(
      'forbidden',
      `The access token lacks the permission: an application needs the app role ${appRoles.join(' or ')}; ${user}.`,
    );
  }
  // A claim that is empty names nobody.
  const applicationId = claims.azp || claims.appid || undefined;
  return { tenant: claims.tid, id: claims.oid || claims.sub || applicationId || '', applicationId };
}

/** Microsoft identity platform, optional claims: `idtyp` decides; without it, an app's token has no scopes, and its subject is its own object. */
function isAppOnly({ idtyp, oid, sub, scp }: AccessTokenClaims) {
  if (idtyp !== undefined) return idtyp === 'app';
  return Boolean(oid) && oid === sub && scp === undefined;
}

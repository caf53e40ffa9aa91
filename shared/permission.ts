import type { AccessTokenClaims } from './accessToken.ts';
import { GraphError } from './graphError.ts';
import type { AuthSettings } from './settings.ts';

/** Who calls. Operations belong to a tenant, whoever of it calls. */
export interface Caller {
  readonly tenant: string;
  /** Who it is within the tenant: the object id of a service principal or a user. */
  readonly id: string;
}

/**
 * Checks the `Authorization` header of a request, and whether its bearer may do what this service does.
 *
 * @throws GraphError 401, 403 or 503
 */
export type Admit = (authorization: string | null) => Promise<Caller>;

/**
 * Finds out whether the claims of a good token permit their bearer to read and change operations: an application by an app
 * role, a user by a scope. A role of a user is no permission of an application.
 *
 * @throws GraphError 403 when they do not
 */
export function authorize(
  claims: AccessTokenClaims,
  { appRoles, scopes }: Pick<AuthSettings, 'appRoles' | 'scopes'>,
): Caller {
  const permitted = isAppOnly(claims)
    ? claims.roles?.some((role) => appRoles.includes(role))
    : claims.scp?.split(' ').some((scope) => scopes.includes(scope));
  if (!permitted) {
    const user = scopes.length > 0 ? `a user needs the scope ${scopes.join(' or ')}` : 'users are not admitted';
    throw new GraphError(
      'forbidden',
      `The access token lacks the permission: an application needs the app role ${appRoles.join(' or ')}; ${user}.`,
    );
  }
  return { tenant: claims.tid, id: claims.oid ?? claims.sub ?? '' };
}

/** Microsoft identity platform, optional claims: `idtyp` says so; without it, an app's token has its own object as subject. */
function isAppOnly({ idtyp, oid, sub }: AccessTokenClaims) {
  return idtyp === undefined ? oid !== undefined && oid === sub : idtyp === 'app';
}

import type { JWTPayload } from 'jose';
import type { Issuer } from '../../local/issuer.ts';
import { TENANT } from './operations.ts';

export const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
export const AUDIENCE = 'api://playpromptoperation';
export const ROLE = 'Calls.Initiate.All';
export const requiredSettings = {
  AUTH_TENANTS: TENANT,
  AUTH_AUDIENCES: AUDIENCE,
  TABLES_CONNECTION: 'UseDevelopmentStorage=true',
};

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
  // Claims of a wrong type are what some tests are about.
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as JWTPayload;
}

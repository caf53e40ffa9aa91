import { describe, expect, test } from '@jest/globals';
import type { AccessTokenClaims } from '../../shared/accessToken.ts';
import { authorize } from '../../shared/permission.ts';
import { TENANT } from '../support/operations.ts';

const claims: AccessTokenClaims = { iss: 'i', aud: 'a', tid: TENANT, ver: '2.0', exp: 1 };
const settings = { appRoles: ['Role.A', 'Role.B'], scopes: ['Scope.A', 'Scope.B'] };
const forbidden = expect.objectContaining({ reason: 'forbidden' });

describe('an application', () => {
  const rows: [string, Partial<AccessTokenClaims>][] = [
    ['by idtyp', { idtyp: 'app' }],
    ['by idtyp, whatever oid and sub are', { idtyp: 'app', oid: 'a', sub: 'b' }],
    ['by an oid that equals sub, where there is no idtyp', { oid: 'a', sub: 'a' }],
  ];
  test.each(rows)('%s is admitted by any of the roles, as its tenant', (_title, app) => {
    expect(authorize({ ...claims, ...app, roles: ['Role.B'] }, settings)).toEqual({ tenant: TENANT });
    expect(authorize({ ...claims, ...app, roles: ['Other', 'Role.A'] }, settings)).toEqual({ tenant: TENANT });
  });

  test.each([
    [{}],
    [{ roles: [] }],
    [{ roles: ['Other'] }],
    [{ roles: ['Role'] }],
    [{ scp: 'Scope.A' }],
    [{ roles: ['Scope.A'], scp: 'Role.A' }],
  ])('is not admitted by %j', (permissions) => {
    expect(() => authorize({ ...claims, idtyp: 'app', ...permissions }, settings)).toThrow(forbidden);
  });
});

describe('a user', () => {
  const rows: [string, Partial<AccessTokenClaims>][] = [
    ['by idtyp', { idtyp: 'user' }],
    ['by idtyp, whatever oid and sub are', { idtyp: 'user', oid: 'a', sub: 'a' }],
    ['by an oid that is not sub', { oid: 'a', sub: 'b' }],
    ['by nothing at all', {}],
    ['by a sub alone', { sub: 'a' }],
  ];
  test.each(rows)('%s is admitted by any of the scopes, and by no role', (_title, user) => {
    expect(authorize({ ...claims, ...user, scp: 'Other Scope.B' }, settings)).toEqual({ tenant: TENANT });
    expect(() => authorize({ ...claims, ...user, roles: ['Role.A'] }, settings)).toThrow(forbidden);
    expect(() => authorize({ ...claims, ...user, scp: 'Scope' }, settings)).toThrow(forbidden);
  });

  test('is not admitted where no scope is configured', () => {
    expect(() => authorize({ ...claims, scp: '' }, { ...settings, scopes: [] })).toThrow(forbidden);
    expect(() => authorize({ ...claims, scp: 'Scope.A' }, { ...settings, scopes: [] })).toThrow(forbidden);
  });
});

describe('who is not admitted learns what would be right', () => {
  test('roles and scopes', () => {
    expect(() => authorize(claims, settings)).toThrow(/Role\.A or Role\.B.*Scope\.A or Scope\.B/);
  });

  test('and that users are not admitted, where they are not', () => {
    expect(() => authorize(claims, { ...settings, scopes: [] })).toThrow(/Role\.A or Role\.B.*users are not admitted/);
  });
});

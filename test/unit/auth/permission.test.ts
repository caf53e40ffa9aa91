import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AccessTokenClaims } from '../../../shared/auth/accessToken.ts';
import { authorize } from '../../../shared/auth/permission.ts';
import { TENANT } from '../../support/operations.ts';

const claims: AccessTokenClaims = { iss: 'i', aud: 'a', tid: TENANT, ver: '2.0', exp: 1 };
const settings = { appRoles: ['Role.A', 'Role.B'], scopes: ['Scope.A', 'Scope.B'] };
const forbidden = expect.objectContaining({ reason: 'forbidden' });

describe('an application', () => {
  const rows: [string, Partial<AccessTokenClaims>][] = [
    ['by idtyp', { idtyp: 'app' }],
    ['by idtyp, for any oid and sub', { idtyp: 'app', oid: 'a', sub: 'b' }],
    ['by an oid that equals sub, where there is no idtyp', { oid: 'a', sub: 'a' }],
  ];
  test.each(rows)('%s is admitted by any of the roles, as its tenant', (_title, app) => {
    expect(authorize({ ...claims, ...app, roles: ['Role.B'] }, settings)).toMatchObject({ tenant: TENANT });
    expect(authorize({ ...claims, ...app, roles: ['Other', 'Role.A'] }, settings)).toMatchObject({ tenant: TENANT });
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
    ['by idtyp, for any oid and sub', { idtyp: 'user', oid: 'a', sub: 'a' }],
    ['by an oid that is not sub', { oid: 'a', sub: 'b' }],
    ['by nothing at all', {}],
    ['by a sub alone', { sub: 'a' }],
  ];
  test.each(rows)('%s is admitted by any of the scopes, and by no role', (_title, user) => {
    expect(authorize({ ...claims, ...user, scp: 'Other Scope.B' }, settings)).toMatchObject({ tenant: TENANT });
    expect(() => authorize({ ...claims, ...user, roles: ['Role.A'] }, settings)).toThrow(forbidden);
    expect(() => authorize({ ...claims, ...user, scp: 'Scope' }, settings)).toThrow(forbidden);
  });

  test('is not admitted where no scope is configured', () => {
    expect(() => authorize({ ...claims, scp: '' }, { ...settings, scopes: [] })).toThrow(forbidden);
    expect(() => authorize({ ...claims, scp: 'Scope.A' }, { ...settings, scopes: [] })).toThrow(forbidden);
  });
});

test.each([
  [{ oid: 'a', sub: 'b' }, 'a', undefined],
  [{ sub: 'b' }, 'b', undefined],
  [{ oid: '', sub: 'b', azp: 'c' }, 'b', 'c'],
  [{ oid: '', sub: '', azp: 'c', appid: 'd' }, 'c', 'c'],
  [{ azp: '', appid: 'd' }, 'd', 'd'],
  [{ azp: '', appid: '' }, '', undefined],
  [{}, '', undefined],
])('an empty name of the caller is none: of %j, its id is the first other', (names, id, applicationId) => {
  const caller = authorize({ ...claims, idtyp: 'app', roles: ['Role.A'], ...names }, settings);
  expect(caller).toEqual({ tenant: TENANT, id, applicationId });
});

describe('who is not admitted learns what would be right', () => {
  test('roles and scopes', () => {
    expect(() => authorize(claims, settings)).toThrow(/Role\.A or Role\.B.*Scope\.A or Scope\.B/);
  });

  test('and that users are not admitted, where they are not', () => {
    expect(() => authorize(claims, { ...settings, scopes: [] })).toThrow(/Role\.A or Role\.B.*users are not supported/);
  });
});

describe('the names of roles and scopes', () => {
  const rows: [string, Partial<AccessTokenClaims>][] = [
    ['a role in another casing', { idtyp: 'app', roles: ['role.a'] }],
    ['a role with a space', { idtyp: 'app', roles: ['Role.A '] }],
    ['two roles as one', { idtyp: 'app', roles: ['Role.A Role.B'] }],
    ['two roles joined by a comma', { idtyp: 'app', roles: ['Role.A,Role.B'] }],
    ['an empty role', { idtyp: 'app', roles: [''] }],
    ['a scope in another casing', { idtyp: 'user', scp: 'scope.a' }],
    ['two scopes joined by a comma', { idtyp: 'user', scp: 'Scope.A,Scope.B' }],
    ['a scope that only begins as it should', { idtyp: 'user', scp: 'Scope.A.Read' }],
    ['a scope with the address of its API', { idtyp: 'user', scp: 'api://x/Scope.A' }],
    ['an empty scope', { idtyp: 'user', scp: '' }],
    ['idtyp in another casing', { idtyp: 'App', oid: 'a', sub: 'a', roles: ['Role.A'] }],
    ['an empty idtyp', { idtyp: '', oid: 'a', sub: 'a', roles: ['Role.A'] }],
    ['an oid without sub', { oid: 'a', roles: ['Role.A'] }],
  ];
  test.each(rows)('are compared exactly: %s is not enough', (_title, changes) => {
    expect(() => authorize({ ...claims, ...changes }, settings)).toThrow(forbidden);
  });

  test.each([['Scope.B Scope.A'], [' Scope.A '], ['Other  Scope.A']])('are found in the scopes “%s”', (scp) => {
    expect(authorize({ ...claims, idtyp: 'user', scp }, settings)).toMatchObject({ tenant: TENANT });
  });
});

test('with any claims, only a role admits an application and only a scope admits a user', () => {
  const text = fc.constantFrom(undefined, 'app', 'user', 'a', 'b', '');
  const role = fc.constantFrom<string[]>('Role.A', 'Role.B', 'Scope.A', 'Other', '');
  const scope = fc.constantFrom<string[]>('Scope.A', 'Scope.B', 'Role.A', 'Other');
  const anyClaims = fc.record({
    idtyp: text,
    oid: text,
    sub: text,
    roles: fc.option(fc.array(role, { maxLength: 3 }), { nil: undefined }),
    scp: fc.option(fc.array(scope, { maxLength: 3 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(anyClaims, ({ idtyp, oid, sub, roles, scp }) => {
      const application = idtyp === 'app' || (idtyp === undefined && Boolean(oid) && oid === sub && scp === undefined);
      const held = (application ? roles : scp) ?? [];
      const permitted = application
        ? held.includes('Role.A') || held.includes('Role.B')
        : held.includes('Scope.A') || held.includes('Scope.B');
      const ask = () => authorize({ ...claims, idtyp, oid, sub, roles, scp: scp?.join(' ') }, settings);
      if (permitted) expect(ask()).toMatchObject({ tenant: TENANT });
      else expect(ask).toThrow(forbidden);
    }),
    { numRuns: 1000 },
  );
});

test('the caller is of the token’s own tenant, and of no other claim', () => {
  const tid = '22222222-2222-4222-8222-222222222222';
  const app = { ...claims, tid, idtyp: 'app', iss: `https://login.example/${TENANT}/v2.0`, roles: ['Role.A'] };
  expect(authorize(app, settings).tenant).toBe(tid);
});

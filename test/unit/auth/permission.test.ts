import { expect, test } from '@jest/globals';
import type { AccessTokenClaims } from '../../../shared/auth/accessToken.ts';
import { authorize } from '../../../shared/auth/permission.ts';
import { TENANT } from '../../support/operations.ts';

const claims: AccessTokenClaims = { iss: 'i', aud: 'a', tid: TENANT, ver: '2.0', exp: 1 };
const settings = { appRoles: ['Role.A', 'Role.B'], scopes: ['Scope.A', 'Scope.B'] };
const forbidden = expect.objectContaining({ reason: 'forbidden' });
const ask = (changes: Partial<AccessTokenClaims>) => authorize({ ...claims, ...changes }, settings);

const application = [{ idtyp: 'app' }, { idtyp: 'app', oid: 'a', sub: 'b' }, { oid: 'a', sub: 'a' }];
const user = [{ idtyp: 'user' }, { idtyp: 'user', oid: 'a', sub: 'a' }, { oid: 'a', sub: 'b' }, {}, { sub: 'a' }];
const neither = [{ idtyp: 'App' }, { idtyp: '' }, { oid: 'a', sub: undefined }];

test.each(application)('%j is an application, which needs one of the roles, exactly named', (who) => {
  expect(ask({ ...who, roles: ['Role.B'] })).toMatchObject({ tenant: TENANT });
  expect(ask({ ...who, roles: ['Other', 'Role.A'] })).toMatchObject({ tenant: TENANT });
  const wrong = ['Other', 'Role', 'role.a', 'Role.A ', 'Role.A Role.B', 'Role.A,Role.B', 'Scope.A', ''];
  for (const roles of [undefined, [], ...wrong.map((role) => [role])])
    expect(() => ask({ ...who, roles })).toThrow(forbidden);
  expect(() => ask({ idtyp: 'app', ...who, scp: 'Scope.A Role.A' })).toThrow(forbidden);
});

test.each(user)(
  '%j is a user, who needs one of the scopes, exactly named, and whose roles count for nothing',
  (who) => {
    for (const scp of ['Other Scope.B', 'Scope.B Scope.A', ' Scope.A ', 'Other  Scope.A'])
      expect(ask({ ...who, scp })).toMatchObject({ tenant: TENANT });
    const wrong = ['', 'Scope', 'scope.a', 'Scope.A,Scope.B', 'Scope.A.Read', 'api://x/Scope.A', 'Role.A'];
    for (const scp of [undefined, ...wrong])
      expect(() => ask({ ...who, scp, roles: ['Role.A', 'Scope.A'] })).toThrow(forbidden);
  },
);

test.each(neither)('%j is no application', (who) => {
  expect(() => ask({ oid: 'a', sub: 'a', ...who, roles: ['Role.A'] })).toThrow(forbidden);
});

test('where no scope is configured, no user is admitted; who is not learns what would be right', () => {
  const withoutScopes = (scp?: string) => () => authorize({ ...claims, scp }, { ...settings, scopes: [] });
  for (const scp of ['', 'Scope.A', undefined]) expect(withoutScopes(scp)).toThrow(forbidden);
  expect(withoutScopes()).toThrow(/Role\.A or Role\.B.*users are not supported/);
  expect(() => ask({})).toThrow(/Role\.A or Role\.B.*Scope\.A or Scope\.B/);
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
  const caller = ask({ idtyp: 'app', roles: ['Role.A'], ...names });
  expect(caller).toEqual({ tenant: TENANT, id, applicationId });
});

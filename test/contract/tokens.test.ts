// SPEC section 5: who may call. Its rows, token by token, are in test/unit/accessToken.test.ts and, over HTTP, in
// test/attacks/tokens.test.ts.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';
import { TENANT } from '../support/operations.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE, tokenCases, v1ClaimsOf } from '../support/tokens.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

describe('401', () => {
  const send = (token: string | undefined) => app.send({ token, body: {} });

  test('says that a token is wanted, without an error where none came', async () => {
    expect((await send(undefined)).headers.get('www-authenticate')).toBe('Bearer realm=""');
  });

  test('says that the token is not valid where one came', async () => {
    expect((await send('a.b.c')).headers.get('www-authenticate')).toBe('Bearer realm="", error="invalid_token"');
  });

  test('is the same, whatever is wrong with a token', async () => {
    const answers = new Set<string>();
    for (const { status, authorization } of tokenCases) {
      const header = status === 401 ? await authorization(app.issuer, 'http://127.0.0.1:9') : undefined;
      if (!header?.startsWith('Bearer ') || header.trim() === 'Bearer') continue;
      const { json, headers } = await app.send({ token: undefined, headers: { authorization: header }, body: {} });
      answers.add(
        JSON.stringify([json.error.code, json.error.message, json.error.details, headers.get('www-authenticate')]),
      );
    }
    expect(answers.size).toBe(1);
  });
});

describe('before anything of the body is read', () => {
  const broken = { headers: { 'content-type': 'text/plain', 'if-match': '?' }, body: 'x'.repeat(100_000) };

  test('comes the token', async () => {
    expect((await app.send({ ...broken, token: undefined })).status).toBe(401);
  });

  test('and the permission', async () => {
    const token = await app.issuer.sign(claimsOf(app.issuer, { roles: [] }));
    expect((await app.send({ ...broken, token })).status).toBe(403);
  });
});

test('a token is taken from the header only', async () => {
  const path = `/v1.0/playPromptOperation?access_token=${app.token}`;
  const headers = { cookie: `access_token=${app.token}` };
  const { status } = await app.send({ path, headers, token: undefined, body: { access_token: app.token } });
  expect(status).toBe(401);
});

describe('the tenants', () => {
  const tokenOf = (tenant: string) => app.issuer.issueToken({ tenant, audience: AUDIENCE, roles: [ROLE] });

  test('have operations of their own: one id is one operation for each', async () => {
    const path = `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
    const mine = await app.send({ path, body: { status: 'Running' } });
    const token = await tokenOf(OTHER_TENANT);
    expect((await app.send({ path, token, headers: { 'if-match': '*' }, body: {} })).status).toBe(412);
    expect((await app.send({ path, token, body: {} })).json.status).toBe('NotStarted');
    expect((await app.send({ path, body: {} })).json).toEqual(mine.json);
  });

  test('have operations of their own: one clientContext is one operation for each', async () => {
    const body = { clientContext: 'the same' };
    const ids = [TENANT, OTHER_TENANT].map(
      async (tenant) => (await app.send({ token: await tokenOf(tenant), body })).json.id,
    );
    expect(new Set(await Promise.all(ids)).size).toBe(2);
  });
});

test('version 1.0 and 2.0 of one tenant are the same caller', async () => {
  const path = `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
  const first = await app.send({ path, token: await app.issuer.sign(v1ClaimsOf(app.issuer)), body: {} });
  const second = await app.send({ path, token: await app.issuer.sign(claimsOf(app.issuer)), body: {} });
  expect(second.json).toEqual(first.json);
});

test('no token and no claim is ever logged, but what was wrong is', async () => {
  app.logged.length = 0;
  const personal = { name: 'Ada Lovelace', upn: 'ada@example.org', oid: 'oid-of-ada', sub: 'sub-of-ada' };
  for (const changes of [{ exp: 1 }, { aud: 'api://secret-audience' }, { roles: [] }, { tid: OTHER_TENANT }, {}]) {
    const token = await app.issuer.sign(claimsOf(app.issuer, { ...personal, ...changes }));
    await app.send({ token, body: {} });
    for (const part of token.split('.')) expect(app.logged.join('\n')).not.toContain(part);
  }
  const log = app.logged.join('\n');
  expect(log).not.toMatch(/Ada|ada@|of-ada|secret-audience|eyJ/);
  expect(log).toMatch(/access token refused: exp/);
  expect(log).toMatch(/access token refused: aud/);
});

describe('a user', () => {
  let scoped: TestApp;
  beforeAll(async () => {
    scoped = await startApp({ AUTH_SCOPES: 'Calls.Use,Calls.Manage' });
  });
  afterAll(() => scoped.close());

  test.each([
    ['with the scope', { scp: 'Calls.Use' }, 200],
    ['with the scope among others', { scp: 'openid Calls.Manage profile' }, 200],
    ['with another scope', { scp: 'Calls.UseOther' }, 403],
    ['with a role, whatever it is', { roles: [ROLE], scp: undefined }, 403],
    ['without idtyp, with the scope', { scp: 'Calls.Use', idtyp: undefined }, 200],
  ])('%s, where scopes are configured', async (_title, changes, status) => {
    const user = { idtyp: 'user', oid: 'user-7', sub: 'pairwise', roles: undefined };
    const token = await scoped.issuer.sign(claimsOf(scoped.issuer, { ...user, ...changes }));
    expect((await scoped.send({ token, body: { id: 'a' } })).status).toBe(status);
  });

  test('is not what an application is: its scope is no permission', async () => {
    const token = await scoped.issuer.sign(claimsOf(scoped.issuer, { roles: [], scp: 'Calls.Use' }));
    expect((await scoped.send({ token, body: { id: 'a' } })).status).toBe(403);
  });
});

// Who may call, and what who may not learns: docs/entra.md.
import { createServer } from 'node:http';
import { afterAll, expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { sameService, type TestAnswer, type TestApp, useApp } from '../support/app.ts';
import { TENANT } from '../support/operations.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE } from '../support/tokens.ts';

/** A server that a token may name. No one may ask it. */
const watchedRequests: string[] = [];
const watch = createServer(({ url = '' }, response) => {
  watchedRequests.push(url);
  response.end('{}');
});
const watched = `http://127.0.0.1:${await listen(watch, 0, '')}`;
afterAll(() => close(watch));
const app = useApp();
const tokenOf = (tenant: string) => app.issuer.issueToken({ tenant, audience: AUDIENCE, roles: [ROLE] });

test('one clientContext is an operation for each tenant, and a caller the same with version 1.0 and 2.0', async () => {
  const version1 = claimsOf(app.issuer, { ver: '1.0', iss: `https://sts.windows.net/${TENANT}/` });
  const tokens = [await tokenOf(OTHER_TENANT), await app.issuer.sign(version1), await tokenOf(TENANT)];
  const answers = await Promise.all(tokens.map((token) => app.send({ token, body: { clientContext: 'the same' } })));
  const [theirs, first, second] = answers.map(({ json }) => json.id);
  expect([first === second, first === theirs]).toEqual([true, false]);
});

const scoped = useApp({ AUTH_SCOPES: 'Calls.Use,Calls.Manage' });

test('where scopes are configured, a user needs one of them, and a role is none', async () => {
  const user = { idtyp: 'user', oid: 'user-7', sub: 'pairwise', roles: undefined };
  const statusWith = async (changes: object) => {
    const token = await scoped.issuer.sign(claimsOf(scoped.issuer, { ...user, ...changes }));
    return (await scoped.send({ token, body: { id: 'a' } })).status;
  };
  expect([await statusWith({ scp: 'Calls.Use' }), await statusWith({ roles: [ROLE] })]).toEqual([200, 403]);
});

/** An answer without what is different in each: its ids and its date. */
const withoutIds = ({ status, headers, text }: TestAnswer) => ({
  status,
  headers: [...headers].filter(([name]) => name !== 'request-id').sort(),
  text: text.replace(/"date":"[\d:T-]{19}","request-id":"[\da-f-]{36}"/, ''),
});

/** Sends an unchanged Authorization header, to an operation that does not exist; whether it does then. */
async function sendTo(authorization: string | undefined, to: TestApp = app) {
  const path = `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
  const answer = await to.send({ path, token: undefined, headers: { authorization }, body: { status: 'Running' } });
  return { answer, isStored: (await app.send({ method: 'GET', path })).status === 200 };
}

/** Of a person, and of this test alone. */
const mark = `mark-${crypto.randomUUID()}`;
const personal = {
  ...{ azp: `azp-${mark}`, name: `name-${mark}`, upn: `upn-${mark}`, email: `${mark}@example.org` },
  ...{ oid: `oid-${mark}`, sub: `oid-${mark}`, uti: `uti-${mark}`, ipaddr: '192.0.2.7' },
};

/** Expects that no line of the log holds a token, a part of one or a claim. */
function expectLoggedWithout(token: string, { logged }: TestApp) {
  for (const secret of [...token.split('.'), mark, '192.0.2.7', '1234567891', '9876543219', ROLE, AUDIENCE, 'eyJ'])
    expect(logged.join('\n')).not.toContain(secret);
}

const idToken = { idtyp: undefined, sub: 'pairwise', roles: undefined, nonce: 'n', preferred_username: mark };
test.each<[status: number, claims: Record<string, unknown>, header?: Record<string, string>]>([
  [200, {}],
  [401, { iss: `https://${mark}/` }],
  [401, { aud: mark }],
  [401, { tid: mark }],
  [401, { tid: OTHER_TENANT }],
  [401, { ver: mark }],
  [401, { exp: 1_234_567_891 }],
  [401, { nbf: 9_876_543_219 }],
  [401, { exp: mark }],
  [401, { roles: mark }],
  [401, {}, { typ: mark }],
  [401, {}, { kid: mark, jku: `${watched}/keys`, x5u: `${watched}/certificate` }],
  [403, { roles: [mark] }],
  [403, { roles: undefined, scp: mark }],
  [403, { idtyp: mark }],
  [403, idToken],
])('%i for %j: a refusal stores nothing, is as any other, and no log line has a part of a token', async (...row) => {
  const [status, claims, header] = row;
  const token = await app.issuer.sign(claimsOf(app.issuer, { ...personal, ...claims }), header);
  app.logged.length = 0;
  const { answer, isStored } = await sendTo(`Bearer ${token}`);
  expect([answer.status, isStored]).toEqual([status, status === 200]);
  expectLoggedWithout(token, app);
  expect(watchedRequests).toEqual([]);
  if (status === 401) {
    expect(app.logged.join()).toMatch(/access token refused: \w+/);
    // The message may name the claim at fault. But for that, the answers are the same, byte for byte.
    const reference = (await sendTo('Bearer a.b.c')).answer;
    const [message, generic] = [answer, reference].map(({ json }) => JSON.stringify(json.error.message));
    const text = answer.text.replace(message ?? '', generic ?? '');
    expect(withoutIds({ ...answer, text })).toEqual(withoutIds(reference));
  }
});

test.each<[string, number, () => Promise<string | undefined>]>([
  ['no token', 401, async () => undefined],
  ['a bad token', 401, () => app.issuer.sign(claimsOf(app.issuer, { ver: '3.0' }))],
  ['no permission', 403, () => app.issuer.sign(claimsOf(app.issuer, { idtyp: 'user', sub: 'pairwise' }))],
])('what exists is neither changed nor disclosed with %s', async (_title, status, token) => {
  const path = `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
  const before = await app.send({ path, body: { status: 'Running', clientContext: 'mine' } });
  const refused = await app.send({ path, token: await token(), body: { status: 'Failed' } });
  expect([refused.status, refused.headers.has('etag')]).toEqual([status, false]);
  expect(withoutIds(refused)).toEqual(withoutIds(await app.send({ token: await token(), body: { id: 'none' } })));
  expect((await app.send({ path, body: {} })).json).toEqual(before.json);
});

test('an operation of another tenant is like one that does not exist, with any precondition, and in a batch', async () => {
  const id = crypto.randomUUID();
  const token = await tokenOf(OTHER_TENANT);
  const etag = (await app.send({ body: { id, status: 'Running' } })).headers.get('etag') ?? '';
  expect(etag).not.toBe('');
  for (const headers of [{ 'if-match': etag }, { 'if-match': '*' }]) {
    const answer = async (to: string) => withoutIds(await app.send({ token, headers, body: { id: to } }));
    const mine = await answer(id);
    expect(mine.status).toBe(412);
    expect(mine).toEqual(await answer(crypto.randomUUID()));
  }
  const url = `/playPromptOperation/${id}`;
  const [path, method] = [`/v1.0${url}`, 'GET'];
  const read = (token: string) => app.send({ method, path, token });
  expect([(await read(token)).status, (await app.send({ method: 'DELETE', path, token })).status]).toEqual([404, 404]);
  const body = { requests: [{ id: '1', method, url }] };
  const { json } = await app.send({ method: 'POST', path: '/v1.0/$batch', token, body });
  expect(json.responses).toMatchObject([{ status: 404 }]);
  const created = await app.send({ token, headers: { 'if-none-match': '*' }, body: { id } });
  expect([created.status, created.json.status]).toEqual([200, 'NotStarted']);
  expect([await read(token), await read(app.token)].map(({ json }) => json.status)).toEqual(['NotStarted', 'Running']);
});

const down = createServer((_request, response) => response.writeHead(500).end());
const AUTH_AUTHORITY = `http://127.0.0.1:${await listen(down, 0, '')}`;
afterAll(() => close(down));
const cut = useApp(() => ({ ...sameService(app), AUTH_AUTHORITY }));

test('without its issuer, a token is neither good nor bad: 503, and nothing is stored, or logged of it', async () => {
  const token = await cut.issuer.sign(claimsOf(cut.issuer, personal));
  cut.logged.length = 0;
  const { answer, isStored } = await sendTo(`Bearer ${token}`, cut);
  expect([answer.status, answer.json.error.code, isStored]).toEqual([503, 'ServiceUnavailable', false]);
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  expect(answer.headers.has('www-authenticate')).toBe(false);
  expect(cut.logged).not.toEqual([]);
  expectLoggedWithout(token, cut);
});

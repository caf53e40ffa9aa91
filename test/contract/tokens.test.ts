// Who may call, and what who may not learns: docs/entra.md.
import { createServer } from 'node:http';
import { RestError } from '@azure/data-tables';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { type TestAnswer, type TestApp, useApp } from '../support/app.ts';
import { TENANT } from '../support/operations.ts';
import { tableClient } from '../support/tables.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE, tokenCases, v1ClaimsOf } from '../support/tokens.ts';

/** A server that a token may name. No one may ask it. */
const watchedRequests: string[] = [];
const watch = createServer(({ url = '' }, response) => {
  watchedRequests.push(url);
  response.end('{}');
});
let watched: string;
beforeAll(async () => {
  watched = `http://127.0.0.1:${await listen(watch, 0, '')}`;
});
afterAll(() => close(watch));
const app = useApp();
const tokenOf = (tenant: string) => app.issuer.issueToken({ tenant, audience: AUDIENCE, roles: [ROLE] });

const codes: Readonly<Record<number, string>> = { 401: 'InvalidAuthenticationToken', 403: 'Forbidden' };

test.each(tokenCases)('$title is answered $status', async ({ title, status, authorization }) => {
  const { answer, stored } = await sendTo(await authorization(app.issuer, watched));
  expect([answer.status, answer.json.error?.code]).toEqual([status, codes[status]]);
  expect(stored.length).toBe(status === 200 ? 1 : 0);
  expect(watchedRequests).toEqual([]);
  if (status !== 401 || answer.headers.get('www-authenticate') === 'Bearer realm=""') return;

  // The message names the claim at fault, with which the title begins, if the caller can do something about it.
  const generic = 'The access token is not valid for this service.';
  const { message } = answer.json.error;
  if (!/^(?:aud|iss|exp) /.test(title)) expect(message).toBe(generic);
  // But for that, every fault has the same answer, byte for byte.
  const reference = (await sendTo('Bearer a.b.c')).answer;
  const same = { ...answer, text: answer.text.replace(JSON.stringify(message), JSON.stringify(generic)) };
  expect(withoutIds(same)).toEqual(withoutIds(reference));
});

test('one clientContext is an operation for each tenant, and a caller the same with version 1.0 and 2.0', async () => {
  const tokens = [await tokenOf(OTHER_TENANT), await app.issuer.sign(v1ClaimsOf(app.issuer)), await tokenOf(TENANT)];
  const answers = await Promise.all(tokens.map((token) => app.send({ token, body: { clientContext: 'the same' } })));
  const [theirs, first, second] = answers.map(({ json }) => json.id);
  expect([first === second, first === theirs]).toEqual([true, false]);
});

describe('where scopes are configured', () => {
  const scoped = useApp({ AUTH_SCOPES: 'Calls.Use,Calls.Manage' });

  test.each([
    [200, { scp: 'Calls.Use' }],
    [403, { roles: [ROLE] }],
  ])('the answer is %i to a user with %j', async (status, changes) => {
    const user = { idtyp: 'user', oid: 'user-7', sub: 'pairwise', roles: undefined };
    const token = await scoped.issuer.sign(claimsOf(scoped.issuer, { ...user, ...changes }));
    expect((await scoped.send({ token, body: { id: 'a' } })).status).toBe(status);
  });
});

/** An answer without what is different in each: its ids and its date. */
const withoutIds = ({ status, headers, text }: TestAnswer) => ({
  status,
  headers: [...headers].filter(([name]) => name !== 'request-id').sort(),
  text: text.replace(/"date":"[\d:T-]{19}","request-id":"[\da-f-]{36}"/, ''),
});

/** The partitions in which something is stored under an id; none, too, as long as nothing made the table. */
async function stored(id: string, { table }: TestApp = app): Promise<string[]> {
  const rows = tableClient(table).listEntities({ queryOptions: { filter: `RowKey eq '${id}'` } });
  return Array.fromAsync(rows, ({ partitionKey = '' }) => partitionKey).catch((error: unknown) => {
    if (error instanceof RestError && error.statusCode === 404) return [];
    throw error;
  });
}

/** Sends an unchanged Authorization header, to an operation that does not exist. */
async function sendTo(authorization: string | undefined, to: TestApp = app) {
  const id = crypto.randomUUID();
  const answer = await to.send({
    path: `/v1.0/playPromptOperation/${id}`,
    token: undefined,
    headers: { authorization },
    body: { status: 'Running' },
  });
  return { id, answer, stored: await stored(id, to) };
}

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

test('an operation of another tenant is, to every precondition, like one that does not exist', async () => {
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
  expect(await stored(id)).toEqual([expect.stringMatching(`^${TENANT}_`)]);
  const created = await app.send({ token, headers: { 'if-none-match': '*' }, body: { id } });
  expect([created.status, created.json.status]).toEqual([200, 'NotStarted']);
  expect((await stored(id)).map((partition) => partition.split('_')[0]).sort()).toEqual([TENANT, OTHER_TENANT]);
  expect((await app.send({ body: { id } })).json.status).toBe('Running');
});

describe('a key that the issuer publishes later', () => {
  const rotating = useApp();

  test('is found, for all who wait, and the one before still counts', async () => {
    const send = async (token: string) => (await rotating.send({ token, body: { clientContext: 'rotated' } })).status;
    expect(await send(rotating.token)).toBe(200);
    await rotating.issuer.rotate();
    const token = await rotating.issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });
    expect(await Promise.all([token, token, rotating.token, token].map(send))).toEqual([200, 200, 200, 200]);
  });
});

describe('an issuer that is down', () => {
  const down = createServer((_request, response) => response.writeHead(500).end());
  let authority = '';
  beforeAll(async () => {
    authority = `http://127.0.0.1:${await listen(down, 0, '')}`;
  });
  afterAll(() => close(down));
  const cut = useApp(() => ({ AUTH_AUTHORITY: authority }));

  test('leaves a token neither good nor bad: 503, to be tried again, and nothing is stored', async () => {
    const { answer, stored } = await sendTo(`Bearer ${cut.token}`, cut);
    expect([answer.status, answer.json.error.code]).toEqual([503, 'ServiceUnavailable']);
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(answer.headers.has('www-authenticate')).toBe(false);
    expect(stored).toEqual([]);
  });

  test('is no excuse for a token that is bad without it', async () => {
    const token = await cut.issuer.sign(claimsOf(cut.issuer, { tid: '33333333-3333-4333-8333-333333333333' }));
    for (const bad of [token, `${token}.`]) expect((await sendTo(`Bearer ${bad}`, cut)).answer.status).toBe(401);
  });

  test('is logged like every other refusal, without the token or its owner', async () => {
    const personal = { name: 'Ada Lovelace', oid: 'oid-of-ada', sub: 'oid-of-ada', azp: 'azp-of-ada' };
    const token = await cut.issuer.sign(claimsOf(cut.issuer, personal));
    cut.logged.length = 0;
    expect((await sendTo(`Bearer ${token}`, cut)).answer.status).toBe(503);
    expect(cut.logged).not.toEqual([]);
    for (const secret of [...Object.values(personal), ...token.split('.')]) {
      expect(cut.logged.join('\n')).not.toContain(secret);
    }
  });
});

test('no log line holds a token, a part of one or a claim, accepted or not', async () => {
  const mark = `mark-${crypto.randomUUID()}`;
  const personal = {
    ...{ azp: `azp-${mark}`, name: `name-${mark}`, upn: `upn-${mark}`, email: `${mark}@example.org` },
    ...{ oid: `oid-${mark}`, sub: `oid-${mark}`, uti: `uti-${mark}`, ipaddr: '192.0.2.7' },
  };
  const changes: [number, Record<string, unknown>][] = [
    [200, {}],
    [401, { iss: `https://${mark}/` }],
    [401, { aud: mark }],
    [401, { tid: mark }],
    [401, { ver: mark }],
    [401, { exp: 1_234_567_891 }],
    [401, { nbf: 9_876_543_219 }],
    [401, { exp: mark }],
    [401, { roles: mark }],
    [401, { scp: [mark] }],
    [403, { roles: [mark] }],
    [403, { roles: undefined, scp: mark }],
    [403, { idtyp: mark }],
  ];
  app.logged.length = 0;
  const tokens: string[] = [];
  for (const [status, change] of changes) {
    const token = await app.issuer.sign(claimsOf(app.issuer, { ...personal, ...change }));
    tokens.push(token);
    expect((await sendTo(`Bearer ${token}`)).answer.status).toBe(status);
  }
  for (const header of [{ kid: mark }, { alg: 'RS256', typ: mark }]) {
    const token = await app.issuer.sign(claimsOf(app.issuer, personal), header);
    tokens.push(token);
    expect((await sendTo(`Bearer ${token}`)).answer.status).toBe(401);
  }
  const log = app.logged.join('\n');
  expect(log).toMatch(/access token refused: exp/);
  expect(log).toMatch(/access token refused: aud/);
  for (const part of tokens.flatMap((token) => token.split('.'))) expect(log).not.toContain(part);
  for (const value of [mark, '192.0.2.7', '1234567891', '9876543219', ROLE, AUDIENCE, 'eyJ']) {
    expect(log).not.toContain(value);
  }
});

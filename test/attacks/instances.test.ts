// Two instances on one store under a mix of plain, conditional and repeatable updates: nothing that was acknowledged is
// lost, and nothing new is refused. INSTANCES_UPDATES makes it longer, INSTANCES_SEED repeats a run.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { type Answer, call } from '../support/caller.ts';
import { TENANT } from '../support/operations.ts';
import { randomOf } from '../support/random.ts';
import { startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';
import { AUDIENCE, ROLE } from '../support/tokens.ts';

const seed = Number(process.env.INSTANCES_SEED ?? Date.now() % 2 ** 32);
const updates = Number(process.env.INSTANCES_UPDATES ?? 25);
const OPERATIONS = 3;
const SECOND = 1000;

let issuer: Issuer;
let instances: TestService[];
beforeAll(async () => {
  issuer = await startIssuer(0);
  const env = {
    AUTH_AUTHORITY: issuer.authority,
    TABLES_CONNECTION: azuriteConnection(),
    TABLES_NAME: newTableName(),
  };
  instances = await Promise.all([startService(env), startService(env)]);
});
afterAll(async () => {
  await Promise.all(instances.map((instance) => instance.end('SIGINT')));
  await issuer.close();
});

test(`nothing acknowledged is lost and nothing new is refused, seed ${seed}`, async () => {
  const token = await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });
  const random = randomOf(seed);
  const send = (id: string, body: object, headers: Readonly<Record<string, string>> = {}, n = random() < 0.5 ? 0 : 1) =>
    call({ baseUrl: instances[n]?.facts.baseUrl ?? '', token }, id, body, headers);
  const acknowledged = (answer: Answer) => {
    expect(answer.status).toBe(200);
    return answer.stored;
  };

  /** Sets the code while others write. */
  async function plain(id: string) {
    for (let code = 1; code <= updates; code++) {
      expect(acknowledged(await send(id, { resultInfo: { code } }))?.entity.resultInfo?.code).toBe(code);
    }
  }

  /** Sets the clientContext, each time on top of what it has read. */
  async function conditional(id: string) {
    for (let n = 1; n <= updates; n++) {
      for (let isDone = false; !isDone; ) {
        const current = acknowledged(await send(id, {}));
        const answer = await send(id, { clientContext: `context ${n}` }, { 'if-match': current?.etag ?? '' });
        expect([200, 412]).toContain(answer.status);
        isDone = answer.status === 200;
      }
    }
  }

  /** Sets the message, and sends every update to both instances, at once or one after the other. */
  async function repeatable(id: string) {
    for (let n = 1; n <= updates; n++) {
      // A clock that is up to a minute fast or slow.
      const firstSent = new Date(Date.now() + (random() * 120 - 60) * SECOND).toUTCString();
      const headers = { 'repeatability-request-id': crypto.randomUUID(), 'repeatability-first-sent': firstSent };
      const body = { resultInfo: { message: `message ${n}` } };
      const first = send(id, body, headers, 0);
      if (random() < 0.5) await first;
      const [one, other] = (await Promise.all([first, send(id, body, headers, 1)])).map(acknowledged);
      expect(other).toEqual(one);
    }
  }

  const ids = Array.from({ length: OPERATIONS }, () => crypto.randomUUID());
  await Promise.all(ids.flatMap((id) => [plain(id), conditional(id), repeatable(id), repeatable(id)]));
  for (const id of ids) {
    for (const n of [0, 1]) {
      const entity = acknowledged(await send(id, {}, {}, n))?.entity;
      expect(entity?.clientContext).toBe(`context ${updates}`);
      expect(entity?.resultInfo).toMatchObject({ code: updates, message: `message ${updates}` });
    }
  }
}, 600_000);

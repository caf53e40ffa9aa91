// CPU of each warm PATCH, in a process of its own: of the handler with an in-process store in the table's place, beside
// the handler written by hand; and of the service with a table service that responds at once, beside the plainest function.
import { type HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import * as z from 'zod';
import { toHttpHandler } from '../../functions/httpHandler.ts';
import { createPlayPromptOperationRoutes } from '../../functions/playPromptOperationRoutes.ts';
import { createUpdatePlayPromptOperation } from '../../functions/updatePlayPromptOperation.ts';
import { serveUntilStopped, startChild } from '../../local/childProcess.ts';
import { startIssuer } from '../../local/issuer.ts';
import { createAuthentication } from '../../shared/auth/authentication.ts';
import { createTenantKeys } from '../../shared/auth/signingKeys.ts';
import { readSettings } from '../../shared/settings.ts';
import { createTableRepository } from '../../shared/store/tableRepository.ts';
import { AUDIENCE, connectionString, listening, ROLE, TENANT } from '../environment.ts';
import { createPlainUpdate } from '../load/plainFunction/update.ts';
import { bodyOf, operationIds } from '../load/updates.ts';
import { readPeerSettings } from '../peers/parts/peer.ts';
import { interleave } from '../statistics.ts';
import { type Compute, contenders } from './figures.ts';
import { createHandWritten } from './handWritten.ts';
import { createMemoryOperations } from './memoryOperations.ts';
import { profile } from './profile.ts';

/** Of a round, short: what disturbs the machine disturbs all. */
const TURNS = 100;
/** Of a turn; they are made before its time counts. */
const REQUESTS = 10;
const WARM_UP_ROUNDS = 5;
const PROFILED_REQUESTS = 10_000;
const OPERATIONS = 64;

let requestCount = 0;
const context = new InvocationContext({ invocationId: crypto.randomUUID(), functionName: 'bench' });
const roundCount = z.coerce.number().parse(process.env.BENCH_ROUNDS);

await serveUntilStopped(async () => {
  const issuer = await startIssuer(0);
  const store = await startChild(new URL('instantStore.ts', import.meta.url).href, process.env);
  const env = {
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: TENANT,
    AUTH_AUDIENCES: AUDIENCE,
    AUTH_APP_ROLES: ROLE,
    TABLES_CONNECTION: connectionString(listening.parse(store.ready).port),
    TABLES_NAME: 'instant',
  };
  const { auth, tables } = readSettings(env);
  const authorization = `Bearer ${await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] })}`;
  const { authenticate } = createAuthentication(auth);
  const findTenantKeys = createTenantKeys({ authority: auth.authority });
  const onStore = createPlayPromptOperationRoutes({ authenticate, operations: createTableRepository(tables) });
  const entity = onStore.find(({ template }) => template.endsWith('/{id}'));
  if (!entity) throw new Error('There is no route of an entity.');
  const update = createUpdatePlayPromptOperation({ authenticate, operations: createMemoryOperations() });
  const handlers: Record<(typeof contenders)[number], HttpHandler> = {
    handler: toHttpHandler({ ...entity, find: () => update }),
    handWritten: createHandWritten(auth, findTenantKeys, createMemoryOperations()),
    service: toHttpHandler(entity),
    plainFunction: createPlainUpdate(readPeerSettings(env)),
  };

  const ids = operationIds(OPERATIONS);
  const takeRound = async () => {
    const turns = await interleave(contenders, TURNS, (key) =>
      cpuOf(handlers[key], requests(REQUESTS, ids, authorization)),
    );
    const cpu = { handler: 0, handWritten: 0, service: 0, plainFunction: 0 };
    for (const [key, times] of turns) cpu[key] = times.reduce((sum, time) => sum + time, 0) / times.length;
    return cpu;
  };

  await checkSameAnswer(handlers.handler, handlers.handWritten, authorization);
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await takeRound();
  const rounds: Compute['rounds'] = [];
  while (rounds.length < roundCount) rounds.push(await takeRound());
  const profiled = requests(PROFILED_REQUESTS, ids, authorization);
  const places = await profile(() => cpuOf(handlers.handler, profiled));

  const ready: Compute = { rounds, profile: places };
  return {
    ready,
    async stop() {
      await store.stop();
      await issuer.close();
    },
  };
});

/** Requests that each change something, of operations in no order. */
function requests(length: number, ids: readonly string[], authorization: string) {
  return Array.from({ length }, () => {
    const id = ids[(requestCount++ * 7919) % ids.length] ?? '';
    return new HttpRequest({
      method: 'PATCH',
      url: `http://127.0.0.1:7071/v1.0/playPromptOperation/${id}`,
      headers: { authorization, 'content-type': 'application/json' },
      params: { id },
      body: { bytes: Buffer.from(JSON.stringify(bodyOf({ id, message: `update ${requestCount}` }))) },
    });
  });
}

/** The CPU time of one request, all threads included, in microseconds. */
async function cpuOf(handler: HttpHandler, batch: readonly HttpRequest[]) {
  const before = process.cpuUsage();
  for (const request of batch) await send(handler, request);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / batch.length;
}

async function send(handler: HttpHandler, request: HttpRequest) {
  const answer = await handler(request, context);
  if (answer?.status !== 200) throw new Error(`A request was answered ${answer?.status}.`);
}

async function checkSameAnswer(a: HttpHandler, b: HttpHandler, authorization: string) {
  const [request] = requests(1, ['checked'], authorization);
  if (!request) return;
  const [one, other] = [await a(request.clone(), context), await b(request, context)];
  if (JSON.stringify(one) !== JSON.stringify(other)) {
    throw new Error(`The handlers do not answer the same:\n${JSON.stringify(one)}\n${JSON.stringify(other)}`);
  }
}

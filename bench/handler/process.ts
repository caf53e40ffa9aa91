// CPU of each warm PATCH, in a process of its own: of the handler with an in-process store in the table's place, and of the
// handler written by hand.
import { type HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import { toHttpHandler } from '../../functions/httpHandler.ts';
import { createUpdatePlayPromptOperation } from '../../functions/updatePlayPromptOperation.ts';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { startIssuer } from '../../local/issuer.ts';
import { createAuthentication } from '../../shared/auth/authentication.ts';
import { createTenantKeys } from '../../shared/auth/signingKeys.ts';
import { readSettings } from '../../shared/settings.ts';
import { memoryOperations } from '../../test/support/memoryOperations.ts';
import { AUDIENCE, ROLE, TENANT } from '../environment.ts';
import { bodyOf, operationIds } from '../load/updates.ts';
import { interleave } from '../statistics.ts';
import { createHandWritten } from './handWritten.ts';

/** Of a round; and of a turn, whose requests are made before its time counts. */
const [TURNS, REQUESTS] = [100, 100];
const WARM_UP_ROUNDS = 2;

const OPERATIONS = operationIds(64);

let requestCount = 0;
const context = new InvocationContext({ invocationId: crypto.randomUUID(), functionName: 'bench' });

await serveUntilStopped(async () => {
  const issuer = await startIssuer(0);
  const { auth } = readSettings({
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: TENANT,
    AUTH_AUDIENCES: AUDIENCE,
    AUTH_APP_ROLES: ROLE,
    TABLES_CONNECTION: 'UseDevelopmentStorage=true',
  });
  const authorization = `Bearer ${await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] })}`;
  const { authenticate } = createAuthentication(auth);
  const update = createUpdatePlayPromptOperation({ authenticate, operations: memoryOperations().instance() });
  const route = { name: 'update', template: 'v1.0/playPromptOperation/{id}', find: () => update };
  const handler = toHttpHandler(route);
  const handWritten = createHandWritten(authenticate, createTenantKeys(auth)(TENANT), memoryOperations().instance());

  const takeRound = async () => {
    const turns = await interleave([handler, handWritten], TURNS, (each) =>
      cpuOf(each, requests(REQUESTS, authorization)),
    );
    const mean = (times: readonly number[] = []) => times.reduce((sum, time) => sum + time, 0) / times.length;
    return { handler: mean(turns.get(handler)), handWritten: mean(turns.get(handWritten)) };
  };
  for (const request of requests(1, authorization)) await checkSameAnswer([handler, handWritten], request);
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await takeRound();
  process.on('message', async (message) => {
    if (message === 'round') process.send?.({ round: await takeRound() });
  });
  return { ready: {}, stop: () => issuer.close() };
});

/** Requests that each change something, of operations in no order. */
function requests(length: number, authorization: string) {
  return Array.from({ length }, () => {
    const id = OPERATIONS[(requestCount++ * 7919) % OPERATIONS.length] ?? '';
    return new HttpRequest({
      method: 'PATCH',
      url: `http://127.0.0.1:7071/v1.0/playPromptOperation/${id}`,
      headers: { authorization, 'content-type': 'application/json' },
      params: { id },
      body: { bytes: Buffer.from(JSON.stringify(bodyOf({ id, message: `update ${requestCount}` }))) },
    });
  });
}

/**
 * The CPU time of a request, in microseconds: of the thread that runs it. What V8 does beside it on other threads, its
 * compiler and garbage collector, depends on the machine, and falls into the turn of either.
 */
async function cpuOf(handler: HttpHandler, batch: readonly HttpRequest[]) {
  globalThis.gc?.({ type: 'minor' });
  const before = threadCpu();
  for (const request of batch) {
    const response = await handler(request, context);
    if (response?.status !== 200) throw new Error(`A request was answered ${response?.status}.`);
  }
  return (threadCpu() - before) / batch.length;
}

/** Linux brings the time of the thread up to date when that of the process is asked for; until then it is that of the last tick. */
function threadCpu() {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

async function checkSameAnswer(handlers: readonly HttpHandler[], request: HttpRequest) {
  const [one, other] = await Promise.all(
    handlers.map(async (handler) => JSON.stringify(await handler(request.clone(), context))),
  );
  if (one !== other) throw new Error(`The handlers do not answer the same:\n${one}\n${other}`);
}

// The handler with an in-process store in the table's place, in a process of its own: CPU of each warm PATCH, beside the
// handler written by hand.
import { type HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import * as z from 'zod';
import { toHttpHandler } from '../../functions/graphHandler.ts';
import { createUpdatePlayPromptOperation } from '../../functions/updatePlayPromptOperation.ts';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { startIssuer } from '../../local/issuer.ts';
import { createAuthentication } from '../../shared/auth/authentication.ts';
import { createTenantKeys } from '../../shared/auth/signingKeys.ts';
import { readSettings } from '../../shared/settings.ts';
import { AUDIENCE, ROLE, TENANT } from '../environment.ts';
import { bodyOf, operationIds } from '../load/updates.ts';
import { shuffled } from '../statistics.ts';
import type { Compute } from './figures.ts';
import { createHandWritten } from './handWritten.ts';
import { createMemoryOperations } from './memoryOperations.ts';
import { profile } from './profile.ts';

/** How many requests one batch has; they are made before its time counts. */
const BATCH = 1000;
const WARM_UP_BATCHES = 5;
const PROFILED_BATCHES = 10;
const OPERATIONS = 64;

const { gc } = globalThis;
let requestCount = 0;
const context = new InvocationContext({ invocationId: crypto.randomUUID(), functionName: 'bench' });
const batches = z.coerce.number().parse(process.env.BENCH_BATCHES);

await serveUntilStopped(async () => {
  const issuer = await startIssuer(0);
  const { auth } = readSettings({
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: TENANT,
    AUTH_AUDIENCES: AUDIENCE,
    AUTH_APP_ROLES: ROLE,
    TABLES_CONNECTION: 'UseDevelopmentStorage=true',
  });
  const findTenantKeys = createTenantKeys({ authority: auth.authority });
  const authorization = `Bearer ${await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] })}`;
  const { authenticate } = createAuthentication(auth);
  const service = toHttpHandler(
    createUpdatePlayPromptOperation({ authenticate, operations: createMemoryOperations() }),
  );
  const handWritten = createHandWritten(auth, findTenantKeys, createMemoryOperations());
  const both = { service, handWritten };

  const ids = operationIds(OPERATIONS);
  const run = (handler: HttpHandler) => {
    const batch = requests(ids, authorization);
    // What an earlier batch has left behind is not this one's.
    gc?.();
    return cpuOf(handler, batch);
  };
  const repeat = async (times: number, work: () => Promise<unknown>) => {
    for (let time = 0; time < times; time++) await work();
  };

  await checkSameAnswer(service, handWritten, authorization);
  for (const handler of Object.values(both)) await repeat(WARM_UP_BATCHES, () => run(handler));
  const handlers: Compute['handlers'] = [];
  await repeat(batches, async () => {
    const cpu = { service: 0, handWritten: 0 };
    for (const key of shuffled(['service', 'handWritten'] as const)) cpu[key] = await run(both[key]);
    handlers.push(cpu);
  });
  const profiled = Array.from({ length: PROFILED_BATCHES }, () => requests(ids, authorization)).flat();
  const places = await profile(() => cpuOf(service, profiled));

  const ready: Compute = { handlers, profile: places };
  return { ready, stop: () => issuer.close() };
});

/** Requests that each change something, of operations in no order. */
function requests(ids: readonly string[], authorization: string) {
  return Array.from({ length: BATCH }, () => {
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
  const [request] = requests(['checked'], authorization);
  if (!request) return;
  const [one, other] = [await a(request.clone(), context), await b(request, context)];
  if (JSON.stringify(one) !== JSON.stringify(other)) {
    throw new Error(`The handlers do not answer the same:\n${JSON.stringify(one)}\n${JSON.stringify(other)}`);
  }
}

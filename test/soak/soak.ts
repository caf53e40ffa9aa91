// `npm run soak -- --minutes N`: the service under a mixed load for long, while its store fails now and then and
// its issuer changes keys. It ends with code 1 when an acknowledged write is lost, an answer breaks the contract, or
// something is left running. Everything is on loopback.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { readCommandLine } from '../../local/commandLine.ts';
import { startIssuer } from '../../local/issuer.ts';
import { call, Ledger } from '../support/caller.ts';
import { type Fault, startFaultProxy } from '../support/faultProxy.ts';
import { TENANT } from '../support/operations.ts';
import { pick, randomOf } from '../support/random.ts';
import { heapSamples, isRunning, newFolder, startService, WATCH_HEAP } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';
import { AUDIENCE, ROLE } from '../support/tokens.ts';

const MINUTE = 60_000;
const CALLERS = 16;
/** A caller continues with another operation after so many steps, and looks at the one before for the last time. */
const STEPS_PER_OPERATION = 200;
const MAX_STEPS = 200_000;
const TOKEN_EVERY_MS = 20_000;
/** The first change comes soon; after it, a key that is not known is looked for once in 5 minutes only. */
const [FIRST_ROTATION_MS, ROTATE_EVERY_MS] = [15_000, 6 * MINUTE];
/** How long faults last, and how long the store is well between them. */
const [FAULTS_MS, PAUSE_MS] = [5000, 5000];
const LEFT_DEADLINE_MS = 15_000;

const USAGE = `
npm run soak -- [options]

Runs the service under a mixed load while its store fails now and then, and fails when an acknowledged write is lost.

  --minutes NUMBER  how long, by default 1
  --seed NUMBER     repeats the random choices of another run
  --help            print this text
`;

const { values } = readCommandLine(USAGE, { minutes: { type: 'string' }, seed: { type: 'string' } });
const minutes = z.coerce
  .number()
  .positive()
  .max(1440)
  .parse(values.minutes ?? '1');
const seed = z.coerce
  .number()
  .int()
  .parse(values.seed ?? Date.now() % 2 ** 32);
const random = randomOf(seed);

const count = new Map<string, number>();
const tally = (what: string) => count.set(what, (count.get(what) ?? 0) + 1);
const lost: string[] = [];
const broken: string[] = [];

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'functions'], { stdio: 'inherit' });
const folder = newFolder();
const azurite = await startChild('azurite.ts', {
  ...process.env,
  AZURITE_TABLE_PORT: '0',
  AZURITE_LOCATION: folder.path,
});
const proxy = await startFaultProxy(z.object({ port: z.number() }).parse(azurite.ready).port);
const issuer = await startIssuer(0);
const service = await startService({
  AUTH_AUTHORITY: issuer.authority,
  AUTH_TENANTS: TENANT,
  AUTH_AUDIENCES: AUDIENCE,
  TABLES_CONNECTION: azuriteConnection(proxy.port),
  TABLES_NAME: newTableName(),
  ...WATCH_HEAP,
});

const newToken = () => issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });
let token = await newToken();
const { baseUrl } = service.facts;

const begun = performance.now();
const isOver = () => performance.now() - begun >= minutes * MINUTE;

console.log(`Soak of ${minutes} minutes, seed ${seed}, ${CALLERS} callers.`);
const jobs = [...Array.from({ length: CALLERS }, keepCalling), keepFailing(), keepChangingKeys()];
// A job that fails must not keep what was started from being stopped.
for (const { reason } of (await Promise.allSettled(jobs)).filter((job) => job.status === 'rejected')) {
  broken.push(`The soak itself failed: ${reason}`);
}
proxy.fault = undefined;
const seconds = (performance.now() - begun) / 1000;

// What was started is stopped, the last first; then nothing may be left.
const started = [azurite.process, service.process, ...service.parts].flatMap(({ pid }) => (pid ? [{ pid }] : []));
await service.end('SIGINT');
await issuer.close();
await proxy.close();
await azurite.stop();
folder.remove();
const left = await whatIsLeft();
report();
process.exit(lost.length + broken.length + left.processes + left.sockets === 0 ? 0 : 1);

/** One caller, who alone writes to the operations that it names, and so knows what they must hold. */
async function keepCalling() {
  for (let step = 0; step < MAX_STEPS && !isOver(); ) {
    const id = crypto.randomUUID();
    const context = new Ledger<string | null>(null);
    const code = new Ledger<number | undefined>(undefined);
    const known: { etag: string | undefined; stale: string | undefined } = { etag: undefined, stale: undefined };
    for (let n = 1; n <= STEPS_PER_OPERATION && step < MAX_STEPS && !isOver(); n++, step++) {
      await takeStep(id, n, context, code, known).catch((error: unknown) => {
        tally(`error: ${error instanceof Error ? error.name : 'unknown'}`);
        broken.push(`${id}, step ${n}: ${error instanceof Error ? error.message : error}`);
        // The result of this step is not known.
        context.note(`context ${n}`, 503);
        code.note(n, 503);
      });
    }
    await takeLastLook(id, context, code);
  }
}

type Known = { etag: string | undefined; stale: string | undefined };

async function takeStep(
  id: string,
  n: number,
  context: Ledger<string | null>,
  code: Ledger<number | undefined>,
  known: Known,
) {
  const kind = pick(random, [
    [40, 'context'],
    [20, 'code'],
    [15, 'read'],
    [10, 'if-match'],
    [5, 'stale if-match'],
    [5, 'bad body'],
    [5, 'bad token'],
  ] as const);
  const send = (body: object | string, headers = {}, bearer = token) =>
    call({ baseUrl, token: bearer }, id, body, headers);
  const value = `context ${n}`;
  // What a caller may be answered by a service that is well, and by one whose store is not.
  const expected = {
    context: 200,
    code: 200,
    read: 200,
    'if-match': 200,
    'stale if-match': 412,
    'bad body': 400,
    'bad token': 401,
  };
  const { status, stored } = await (() => {
    switch (kind) {
      case 'context':
        return send({ clientContext: value });
      case 'code':
        return send({ resultInfo: { code: n } });
      case 'read':
        return send({});
      case 'if-match':
        return send({ clientContext: value }, known.etag === undefined ? {} : { 'if-match': known.etag });
      case 'stale if-match':
        return send({ clientContext: value }, { 'if-match': known.stale ?? 'W/"never"' });
      case 'bad body':
        return send(
          pick<object | string>(random, [
            [1, '{"status":'],
            [1, { status: 'Exploded' }],
            [1, { unknown: n }],
            [1, '[]'],
          ]),
        );
      case 'bad token':
        return send(
          { clientContext: value },
          {},
          pick(random, [
            [1, 'x'],
            [1, `${token.slice(0, -8)}AAAAAAAA`],
          ]),
        );
    }
  })();
  tally('requests');
  tally(`${kind}: ${status}`);
  tally(`status ${status}`);

  // An ambiguous write that took effect later changes the ETag, which its caller cannot know.
  const isStale = kind === 'if-match' && status === 412 && context.ambiguous + code.ambiguous > 0;
  if (status !== expected[kind] && status !== 503 && status !== 409 && !isStale) {
    broken.push(`${id}, step ${n}: ${kind} was answered ${status}.`);
  }
  if (kind === 'context' || kind === 'if-match') context.note(value, status);
  if (kind === 'code') code.note(n, status);
  if (!stored) {
    if (isStale) known.etag = undefined;
    return;
  }
  if (stored.etag !== known.etag) Object.assign(known, { etag: stored.etag, stale: known.etag ?? known.stale });
  compare(id, stored.entity.clientContext, context);
  compare(id, stored.entity.resultInfo?.code, code);
}

/** Reads an operation when all that was sent for it has been answered. */
async function takeLastLook(id: string, context: Ledger<string | null>, code: Ledger<number | undefined>) {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { stored } = await call({ baseUrl, token }, id, {}).catch(() => ({ stored: undefined }));
    if (!stored) {
      await delay(500);
      continue;
    }
    compare(id, stored.entity.clientContext, context);
    compare(id, stored.entity.resultInfo?.code, code);
    tally('operations looked at for the last time');
    count.set('acknowledged', (count.get('acknowledged') ?? 0) + context.acknowledged + code.acknowledged);
    count.set('ambiguous', (count.get('ambiguous') ?? 0) + context.ambiguous + code.ambiguous);
    return;
  }
  lost.push(`${id} could not be read.`);
}

function compare<Value>(id: string, value: Value, ledger: Ledger<Value>) {
  if (!ledger.explains(value)) lost.push(`${id} has ${value}; it must be one of ${ledger.possible.join()}.`);
}

/** Lets the store fail for some seconds, then not, and so on. */
async function keepFailing() {
  while (!isOver()) {
    await wait(PAUSE_MS);
    proxy.fault = () => {
      const fault = faultNow();
      if (fault !== 'pass') tally(`fault ${nameOf(fault)}`);
      return fault;
    };
    await wait(FAULTS_MS);
    proxy.fault = undefined;
  }
}

function faultNow() {
  return pick<Fault>(random, [
    [300, 'pass'],
    [6, 'resetBefore'],
    [6, 'resetAfter'],
    [3, 'halfAnswer'],
    [1, 'stalledAnswer'],
    [1, 'hang'],
    [6, { status: 503, headers: { 'Retry-After': '1' } }],
    [6, { status: 500 }],
    [3, { status: 429 }],
    [6, { lateBy: 300 }],
    [20, { latency: Math.floor(random() * 200) }],
  ]);
}

function nameOf(fault: Fault) {
  if (typeof fault === 'string') return fault;
  return 'status' in fault ? `status ${fault.status}` : Object.keys(fault).join();
}

/** Asks for new tokens, and has the issuer sign with a new key now and then. */
async function keepChangingKeys() {
  let rotatedAt = performance.now() + FIRST_ROTATION_MS - ROTATE_EVERY_MS;
  while (!isOver()) {
    await wait(Math.min(TOKEN_EVERY_MS, FIRST_ROTATION_MS));
    if (performance.now() - rotatedAt >= ROTATE_EVERY_MS) {
      await issuer.rotate();
      rotatedAt = performance.now();
      tally('rotations');
    }
    token = await newToken();
  }
}

/** Waits, but not beyond the end. */
function wait(milliseconds: number) {
  return delay(Math.max(0, Math.min(milliseconds, minutes * MINUTE - (performance.now() - begun))));
}

/** What still runs or is connected. It may take a moment until a connection that was closed is gone. */
async function whatIsLeft() {
  const look = () => ({
    processes: started.filter(isRunning).length,
    sockets: process.getActiveResourcesInfo().filter((kind) => /^TCP/.test(kind)).length,
  });
  const deadline = performance.now() + LEFT_DEADLINE_MS;
  while (performance.now() < deadline) {
    const { processes, sockets } = look();
    if (processes + sockets === 0) break;
    await delay(200);
  }
  return look();
}
/** The slope of a line through samples of one a second, by least squares, for each minute. */
function slope(samples: readonly number[]) {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const [x, y] = [(samples.length - 1) / 2, mean(samples)];
  const covariance = mean(samples.map((sample, second) => (second - x) * (sample - y)));
  return (60 * covariance) / mean(samples.map((_, second) => (second - x) ** 2));
}

function report() {
  const section = (title: string, pattern: RegExp) => {
    console.log(`${title}:`);
    const lines = [...count].filter(([what]) => pattern.test(what)).sort();
    for (const [what, number] of lines) console.log(`  ${what.replace(pattern, '')}: ${number}`);
  };
  const total = (what: string) => count.get(what) ?? 0;
  const heap = heapSamples(service);
  const later = heap.slice(Math.floor(heap.length / 2));
  console.log(`Requests: ${total('requests')}, ${(total('requests') / seconds).toFixed(0)} a second`);
  section('Answers by status', /^status /);
  section('Answers by what was asked', /^(?=[a-z- ]+: \d{3}$)/);
  section('Faults of the store', /^fault /);
  section('Errors of the callers', /^error: /);
  console.log(`Changes of the signing key: ${total('rotations')}`);
  console.log(`Operations: ${total('operations looked at for the last time')}`);
  console.log(`Acknowledged writes: ${total('acknowledged')}`);
  console.log(`Ambiguous writes: ${total('ambiguous')}`);
  console.log(`Lost writes: ${lost.length}`);
  for (const one of lost.slice(0, 20)) console.log(`  ${one}`);
  console.log(`Answers against the contract: ${broken.length}`);
  for (const one of broken.slice(0, 20)) console.log(`  ${one}`);
  const inKiB = (number = Number.NaN) => `${number.toFixed(0)} KiB`;
  console.log(
    `Heap of the host, collected: ${inKiB(heap[0])} first, ${inKiB(heap.at(-1))} last, ${inKiB(Math.max(...heap))} at most, ` +
      `slope ${inKiB(slope(heap))} a minute, of the second half ${inKiB(slope(later))}`,
  );
  console.log(`Left at the end: ${left.processes} processes, ${left.sockets} sockets`);
}

import { readdirSync } from 'node:fs';
import type { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import type { Environment } from '../environment.ts';
import { APP_FOLDER, BENCH_FOLDER } from '../prepare.ts';
import type { Order } from './bareTable.ts';
import { type Sample, sample, sendAtRate, sendByCallers } from './drive.ts';
import { checkUpdate, createHttpSender } from './httpSender.ts';
import { Ledger, updatesOf } from './updates.ts';
import { ask, PROBE } from './usage.ts';

/** One way to do the job, running in a process of its own. */
export interface Contender {
  readonly key: string;
  readonly title: string;
  readonly isServer: boolean;
  /** Whether it uses the table store whose CPU is measured. */
  readonly usesTable: boolean;
  readonly process: Child;
  /** Updates each operation once. */
  seed(operations: readonly string[]): Promise<void>;
  paced(operations: readonly string[], count: number, perSecond: number): Promise<Sample>;
  closed(operations: readonly string[], callers: number, milliseconds: number): Promise<Sample>;
  /** How many acknowledged updates are not in the store; undefined where that is not known. */
  countLost(): Promise<number | undefined>;
}

/** What must be known of a server to start it: the service itself, or a peer. */
export interface ServerModule {
  readonly key: string;
  readonly module: string;
  /** The folder that it runs in. */
  readonly cwd?: string;
}

const PEERS = new URL('../peers/', import.meta.url);

/** The service, as it is deployed, in the embedded host. */
export const SERVICE: ServerModule = { key: 'service', module: 'host.ts', cwd: APP_FOLDER };

/** The embedded host with an app that does nothing: the part of it that Azure does not run. */
export const HOST_ONLY: ServerModule = { key: 'hostOnly', module: 'host.ts', cwd: `${BENCH_FOLDER}/load/hostOnly` };

/** The plainest function on the same packages, with one store request: about what they cost by themselves. */
export const PLAIN_FUNCTION: ServerModule = {
  key: 'plainFunction',
  module: 'host.ts',
  cwd: `${BENCH_FOLDER}/load/plainFunction`,
};

const titles = new Map([
  [SERVICE.key, 'this service'],
  [HOST_ONLY.key, 'embedded host alone'],
  [PLAIN_FUNCTION.key, 'the plainest function'],
]);

/** Every file of `bench/peers/` is a peer. */
export function peers(environment: Environment): ServerModule[] {
  return readdirSync(PEERS)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ key: file.slice(0, -'.ts'.length), module: new URL(file, PEERS).href }))
    .filter(({ key }) => key !== 'capPostgres' || environment.hasPostgres);
}

const ready = z.object({
  port: z.number(),
  title: z.string().optional(),
  store: z.enum(['table', 'own']).default('table'),
});

/** Starts a server on a table, which is created if it does not exist. */
export async function startServer(
  { key, module, cwd }: ServerModule,
  environment: Environment,
  { tableName = `${key}Operations`, storePort }: { readonly tableName?: string; readonly storePort?: number } = {},
): Promise<Contender> {
  const table = await environment.openTable(tableName);
  const settings = environment.settings(tableName, storePort);
  const child = await startChild(module, settings, { ...(cwd !== undefined && { cwd }), execArgv: PROBE });
  const { port, store, title = titles.get(key) ?? key } = ready.parse(child.ready);
  const baseUrl = `http://127.0.0.1:${port}`;
  const { token } = environment;
  const ledger = new Ledger();
  const sendHttp = createHttpSender(baseUrl, token, (failure) =>
    console.error(`${title}: a request failed: ${failure}`),
  );
  const send: typeof sendHttp = async (update) => {
    const acknowledge = ledger.sent(update);
    const acknowledged = await sendHttp(update);
    if (acknowledged) acknowledge();
    return acknowledged;
  };
  return {
    key,
    title,
    isServer: true,
    usesTable: store === 'table' && key !== HOST_ONLY.key,
    process: child,
    async seed(operations) {
      const next = updatesOf(operations);
      if (key !== HOST_ONLY.key) await checkUpdate(baseUrl, token, next());
      for (const _ of operations) await send(next());
    },
    paced: (operations, count, perSecond) => sendAtRate(updatesOf(operations), send, count, perSecond),
    closed: (operations, callers, milliseconds) => sendByCallers(updatesOf(operations), send, callers, milliseconds),
    async countLost() {
      if (key === HOST_ONLY.key) return undefined;
      return ledger.lost(await (store === 'table' ? storedInTable(table) : storedInEntitySet(baseUrl, token))).length;
    },
  };
}

/** The bare SDK, which reads and writes, or only writes. */
export async function startBareTable(
  environment: Environment,
  {
    isWriteOnly,
    tableName = isWriteOnly ? 'bareWrite' : 'bareTable',
    storePort,
  }: { readonly isWriteOnly: boolean; readonly tableName?: string; readonly storePort?: number },
): Promise<Contender> {
  await environment.openTable(tableName);
  const module = new URL('bareTable.ts', import.meta.url).href;
  const settings = { ...environment.settings(tableName, storePort), ...(isWriteOnly && { BENCH_WRITE_ONLY: '1' }) };
  const child = await startChild(module, settings, { execArgv: PROBE });
  const run = async (order: Order) => (await ask(child, order, z.object({ sample }))).sample;
  return {
    key: isWriteOnly ? 'bareWrite' : 'bareTable',
    title: isWriteOnly ? 'bare SDK, only update' : 'bare SDK, get and update',
    isServer: false,
    usesTable: true,
    process: child,
    seed: async (operations) => void (await run({ operations: [...operations], seed: true })),
    paced: (operations, count, perSecond) => run({ operations: [...operations], paced: { count, perSecond } }),
    closed: (operations, callers, milliseconds) =>
      run({ operations: [...operations], closed: { callers, milliseconds } }),
    countLost: async () => undefined,
  };
}

async function storedInTable(table: TableClient) {
  const stored = new Map<string, string>();
  for await (const { rowKey = '', resultInfoMessage } of table.listEntities<{ resultInfoMessage?: string }>()) {
    stored.set(rowKey, resultInfoMessage ?? '');
  }
  return stored;
}

const entitySet = z.object({
  value: z.array(z.object({ id: z.string(), resultInfo: z.object({ message: z.string() }) })),
});

async function storedInEntitySet(baseUrl: string, token: string) {
  const response = await fetch(`${baseUrl}/v1.0/playPromptOperation`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { value } = entitySet.parse(await response.json());
  return new Map(value.map(({ id, resultInfo }) => [id, resultInfo.message]));
}

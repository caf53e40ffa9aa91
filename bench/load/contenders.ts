import { readdirSync } from 'node:fs';
import type { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import type { Environment } from '../environment.ts';
import { APP_FOLDER } from '../prepare.ts';
import { driveHttp, seedHttp } from './httpLoad.ts';
import { type Drive, type Load, recording } from './load.ts';
import { ask, PROBE } from './usage.ts';

/** One way to do the job, running in a process of its own. */
export interface Contender {
  readonly key: string;
  readonly title: string;
  readonly isServer: boolean;
  readonly process: Child;
  /** Creates the operations. */
  seed(operations: readonly string[]): Promise<void>;
  drive(load: Load): Drive;
  /** The message of each operation that is stored, read from the store itself. */
  stored(): Promise<ReadonlyMap<string, string>>;
}

/** What must be known of a server to start it: the service itself, or a peer. */
export interface ServerModule {
  readonly key: string;
  readonly module: string;
  /** The folder that it runs in. */
  readonly cwd?: string;
}

export const SERVICE: ServerModule = { key: 'service', module: 'host.ts', cwd: APP_FOLDER };
const SERVICE_TITLE = 'this service';

const PEERS = new URL('../peers/', import.meta.url);

/** Every file of `bench/peers/` is a peer. */
export const servers: readonly ServerModule[] = [
  SERVICE,
  ...readdirSync(PEERS)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ key: file.slice(0, -'.ts'.length), module: new URL(file, PEERS).href })),
];

const ready = z.object({
  port: z.number(),
  title: z.string().default(SERVICE_TITLE),
  store: z.enum(['table', 'own']).default('table'),
});

/** Starts a server on a table, which is created where it is not there. */
export async function startServer(
  { key, module, cwd }: ServerModule,
  environment: Environment,
  { tableName = `${key}Operations`, storePort }: { readonly tableName?: string; readonly storePort?: number } = {},
): Promise<Contender> {
  const table = await environment.openTable(tableName);
  const settings = environment.settings(tableName, storePort);
  const child = await startChild(module, settings, { ...(cwd !== undefined && { cwd }), execArgv: PROBE });
  const { port, title, store } = ready.parse(child.ready);
  const baseUrl = `http://127.0.0.1:${port}`;
  const { token } = environment;
  return {
    key,
    title,
    isServer: true,
    process: child,
    seed: (operations) => seedHttp(baseUrl, token, operations),
    drive: (load) => driveHttp(baseUrl, token, load),
    stored: () => (store === 'table' ? storedInTable(table) : storedInEntitySet(baseUrl, token)),
  };
}

/** The two ways of the bare SDK: read and write, and only write. */
export async function startBareTables(environment: Environment): Promise<Contender[]> {
  return [
    await startBareTable(environment),
    await startBareTable(environment, { key: 'bareWrite', title: 'bare SDK, only update', writeOnly: true }),
  ];
}

export async function startBareTable(
  environment: Environment,
  { key, title, writeOnly } = { key: 'bareTable', title: 'bare SDK, get and update', writeOnly: false },
  tableName = key,
): Promise<Contender> {
  const table = await environment.openTable(tableName);
  const module = new URL('bareTable.ts', import.meta.url).href;
  const child = await startChild(module, environment.settings(tableName), { execArgv: PROBE });
  return {
    key,
    title,
    isServer: false,
    process: child,
    async seed(operations: readonly string[]) {
      await ask(child, { seed: operations, writeOnly }, z.object({ seeded: z.literal(true) }));
    },
    drive(load: Load): Drive {
      child.process.send({ start: load });
      return { stop: () => ask(child, 'stop', recording) };
    },
    stored: () => storedInTable(table),
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

import { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { type Environment, listening } from '../environment.ts';
import { merge, type Row } from '../peers/parts/operation.ts';
import { APP_FOLDER, BENCH_FOLDER } from '../prepare.ts';
import type { Send } from './drive.ts';
import { checkUpdate, createHttpSender } from './httpSender.ts';
import { ask, PROBE } from './probe.ts';
import { bodyOf, type Update } from './updates.ts';

export interface Contender {
  readonly key: string;
  readonly send: Send;
  /** Creates an operation, and checks that this works. */
  seed(update: Update): Promise<unknown>;
  /** The CPU time of its main thread so far, in milliseconds. */
  cpuMs(): Promise<number>;
  stop(): Promise<void>;
}

const peer = (file: string) => ({ module: new URL(`../peers/${file}`, import.meta.url).href, cwd: BENCH_FOLDER });
const hosted = (cwd: string) => ({ module: 'host.ts', cwd });

const servers = {
  service: hosted(APP_FOLDER),
  /** The embedded host with an app that does nothing: the part of it that Azure does not run. */
  hostOnly: hosted(`${BENCH_FOLDER}/load/hostOnly`),
  /** The plainest function on the same packages, with one store request: about what they cost by themselves. */
  plainFunction: hosted(`${BENCH_FOLDER}/load/plainFunction`),
  nodeHttp: peer('nodeHttp.ts'),
  cap: peer('cap.ts'),
};

export async function startServer(
  key: keyof typeof servers,
  { token }: Pick<Environment, 'token'>,
  settings: NodeJS.ProcessEnv,
): Promise<Contender & { readonly baseUrl: string }> {
  const { module, cwd } = servers[key];
  const child = await startChild(module, settings, { cwd, execArgv: PROBE });
  const baseUrl = `http://127.0.0.1:${listening.parse(child.ready).port}`;
  const send = createHttpSender(baseUrl, token, (failure) => {
    console.error(`${key}: a request failed: ${failure}`);
    if (key === 'service') process.exitCode = 1;
  });
  return {
    key,
    baseUrl,
    send,
    seed: (update) => (key === 'hostOnly' ? send(update) : checkUpdate(baseUrl, token, update)),
    cpuMs: async () => (await ask(child, 'cpu', z.object({ cpuMs: z.number() }))).cpuMs,
    stop: child.stop,
  };
}

/** The bare SDK in this process, which reads and writes the same rows: no server, no token, no body. */
export function openBareTable({ TABLES_CONNECTION = '', TABLES_NAME = '' }: NodeJS.ProcessEnv): Contender {
  const table = TableClient.fromConnectionString(TABLES_CONNECTION, TABLES_NAME, { allowInsecureConnection: true });
  const toEntity = (row: Row, update: Update) => ({
    ...{ partitionKey: 'bare', rowKey: update.id },
    ...merge(row, bodyOf(update)),
  });
  const readAndWrite: Send = async (update) => {
    const current = await table.getEntity<Row>('bare', update.id);
    await table.updateEntity(toEntity(current, update), 'Replace', { etag: current.etag });
    return true;
  };
  return {
    key: 'bareTable',
    send: (update) => readAndWrite(update).catch(() => false),
    seed: (update) => table.upsertEntity(toEntity({}, update), 'Replace'),
    cpuMs: async () => Number.NaN,
    stop: async () => {},
  };
}

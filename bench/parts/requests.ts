// Store requests of an update, counted in front of the store.
import { setTimeout as delay } from 'node:timers/promises';
import { startFaultProxy } from '../../test/support/faultProxy.ts';
import { randomOf } from '../../test/support/random.ts';
import { startEnvironment } from '../environment.ts';
import type { Goal } from '../goals.ts';
import { type Contender, startServer } from '../load/contenders.ts';
import { sendByCallers } from '../load/drive.ts';
import { startReceiver, subscribe } from '../load/receiver.ts';
import { operationIds, updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';
import { exactly } from '../statistics.ts';

/** The store requests of a start are over after this long, and not counted. */
const START_MS = 500;

/** What an instance does after its responses, such as removing an entry of the outbox, is over after this long. */
const SETTLED_MS = 1000;

const NOTIFIED_CALLERS = 16;
const NOTIFIED_MS = 5000;

export async function measure({ progress }: Plan): Promise<Goal[]> {
  await using started = new AsyncDisposableStack();
  const environment = started.adopt(await startEnvironment(), ({ close }) => close());
  const proxy = started.adopt(await startFaultProxy(environment.storePort), ({ close }) => close());
  const goals: Goal[] = [];
  const add = (measure: string, most: number, requests: number) => {
    progress(measure);
    goals.push({ measure: `store requests of an update, ${measure}`, most, figure: exactly(requests), of: 'counted' });
  };
  const start = async (table: string, settings: NodeJS.ProcessEnv = {}) => {
    const all = { ...(await environment.settings(table, proxy.port)), ...settings };
    const service = await startServer('service', environment, all);
    await delay(START_MS);
    return service;
  };
  /** Runs a number of updates, and returns how many store requests each took. */
  const perUpdate = async (run: () => Promise<number>) => {
    const before = proxy.requests.length;
    const updates = await run();
    await delay(SETTLED_MS);
    return (proxy.requests.length - before) / updates;
  };
  // The same choices in every run.
  const random = randomOf(1);
  /** Updates each operation so many times, one after the other, at any of the instances. */
  const updateEach = async (instances: readonly Contender[], operations: readonly string[], times: number) => {
    const next = updatesOf(operations);
    const count = operations.length * times;
    for (let n = 0; n < count; n++) await instances[Math.floor(random() * instances.length)]?.send(next());
    return count;
  };
  const ofInstances = async (count: number, most: number) => {
    const instances = await Promise.all(Array.from({ length: count }, () => start(`instances${count}`)));
    const operations = operationIds(200);
    await updateEach(instances, operations, 1);
    const requests = await perUpdate(() => updateEach(instances, operations, 6));
    add(count === 1 ? 'operation cached' : `${count} instances`, most, requests);
    for (const instance of instances) await instance.stop();
  };
  await ofInstances(1, 1);
  // Another process has written the operations.
  const another = await start('instances1');
  add('operation not cached', 2, await perUpdate(() => updateEach([another], operationIds(20), 1)));
  await another.stop();
  await ofInstances(2, 1.8);
  await ofInstances(4, 2);

  const receiver = await startReceiver((_request, response) => response.writeHead(202).end());
  const notifying = await start('notified', { NOTIFICATION_HOSTS: '127.0.0.1' });
  await subscribe(notifying.baseUrl, environment.token, [receiver]);
  const operations = operationIds(4 * NOTIFIED_CALLERS);
  await updateEach([notifying], operations, 1);
  const requests = await perUpdate(async () => {
    const load = sendByCallers(updatesOf(operations), notifying.send, NOTIFIED_CALLERS, NOTIFIED_MS);
    return (await load).latencies.length;
  });
  add(`notified, ${NOTIFIED_CALLERS} callers`, 1.6, requests);
  await notifying.stop();
  await receiver.stop();
  return goals;
}

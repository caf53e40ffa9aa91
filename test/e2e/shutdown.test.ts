// SIGTERM while requests are under way.
import { expect, test } from '@jest/globals';
import { isRunning } from '../../local/ancestors.ts';
import { startFaultProxy } from '../support/faultProxy.ts';
import { isListening } from '../support/httpsStore.ts';
import { patch, startService } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';
import { until } from '../support/until.ts';

// On Windows, a signal from another process ends a process at once: there is nothing in order about it.
const testWithSignals = process.platform === 'win32' ? test.skip : test;

testWithSignals('what was begun is finished, what is new is refused, and all has ended in 10 seconds', async () => {
  const proxy = await startFaultProxy();
  const service = await startService({
    TABLES_CONNECTION: azuriteConnection(proxy.port),
    TABLES_NAME: newTableName(),
  });
  await patch(service, { clientContext: 'first' });

  // The store holds back its answers until all requests have come as far as the store.
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const count = 20;
  const before = proxy.requests.length;
  proxy.fault = () => released.then(() => 'pass' as const);
  const begun = Array.from({ length: count }, (_, n) => patch(service, { clientContext: `begun ${n}` }));
  await until(() => proxy.requests.length >= before + count);

  const stopping = Date.now();
  const ended = service.end('SIGTERM');
  await until(async () => !(await isListening(Number(new URL(service.facts.baseUrl).port))));
  release();
  expect((await Promise.all(begun)).map(({ status }) => status)).toEqual(Array(count).fill(200));
  expect(await ended).toBe(0);
  expect(Date.now() - stopping).toBeLessThan(10_000);
  expect(service.pids.filter(isRunning)).toEqual([]);
  await proxy.close();
});

// SIGTERM while requests are under way.
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { startFaultProxy } from '../support/faultProxy.ts';
import { isRunning, patch, startService } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';

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
  while (proxy.requests.length < before + count) await new Promise(setImmediate);

  const stopping = Date.now();
  const ended = service.end('SIGTERM');
  const { port } = new URL(service.facts.baseUrl);
  while (await isTaken(Number(port))) await new Promise(setImmediate);
  release();
  expect((await Promise.all(begun)).map(({ status }) => status)).toEqual(Array(count).fill(200));
  expect(await ended).toBe(0);
  expect(Date.now() - stopping).toBeLessThan(10_000);
  expect(service.parts.filter(isRunning)).toEqual([]);
  await proxy.close();
});

/** Whether something takes new connections at a port of this machine. */
function isTaken(port: number) {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

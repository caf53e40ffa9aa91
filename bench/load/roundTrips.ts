import { setTimeout as delay } from 'node:timers/promises';
import { startFaultProxy } from '../../test/support/faultProxy.ts';
import { type Environment, listening } from '../environment.ts';
import type { RoundTrips } from '../results.ts';
import { servers, startServer } from './contenders.ts';
import { operationIds } from './load.ts';

const OPERATIONS = operationIds(20);

/** What a server asks of the store when it starts is over after this long, and not counted. */
const START_MS = 300;

/** Counts, in front of the store, what each server asks of it for a PATCH; those that do not use it are left out. */
export async function countRoundTrips(
  environment: Environment,
  progress: (what: string) => void,
): Promise<RoundTrips[]> {
  const proxy = await startFaultProxy(listening.parse(environment.azurite.ready).port);
  const counted: RoundTrips[] = [];
  try {
    for (const server of servers) {
      progress(`round trips: ${server.key}`);
      const count = async (passes: number) => {
        const placement = { tableName: `${server.key}Counted`, storePort: proxy.port };
        const { seed, process } = await startServer(server, environment, placement);
        const perPatch: number[] = [];
        await delay(START_MS);
        for (let pass = 0; pass < passes; pass++) {
          const before = proxy.requests.length;
          await seed(OPERATIONS);
          perPatch.push((proxy.requests.length - before) / OPERATIONS.length);
        }
        await process.stop();
        return perPatch;
      };
      const [create = 0, updateOfKnown = 0] = await count(2);
      // What another process has written is not known to this one.
      const [updateOfUnknown = 0] = await count(1);
      if (create > 0) counted.push({ contender: server.key, create, updateOfKnown, updateOfUnknown });
    }
  } finally {
    await proxy.close();
  }
  return counted;
}

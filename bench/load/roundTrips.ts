import { setTimeout as delay } from 'node:timers/promises';
import { startFaultProxy } from '../../test/support/faultProxy.ts';
import { type Environment, listening } from '../environment.ts';
import { peers, SERVICE, startServer } from './contenders.ts';
import { operationIds } from './updates.ts';

const OPERATIONS = operationIds(20);

/** The store requests of a start are over after this long, and not counted. */
const START_MS = 500;

/** Store requests of each PATCH. */
export interface RoundTrips {
  readonly contender: string;
  readonly create: number;
  readonly updateOfCached: number;
  readonly updateOfUncached: number;
}

/** Counts the store requests of each server in front of the store; servers that do not use it are left out. */
export async function countRoundTrips(
  environment: Environment,
  progress: (what: string) => void,
): Promise<RoundTrips[]> {
  const proxy = await startFaultProxy(listening.parse(environment.azurite.ready).port);
  const counted: RoundTrips[] = [];
  try {
    for (const server of [SERVICE, ...peers(environment)]) {
      progress(`store requests: ${server.key}`);
      const count = async (passes: number) => {
        const placement = { tableName: `${server.key}Counted`, storePort: proxy.port };
        const { closed, process } = await startServer(server, environment, placement);
        const perPatch: number[] = [];
        await delay(START_MS);
        for (let pass = 0; pass < passes; pass++) {
          const before = proxy.requests.length;
          // One caller, whose next request comes when the time is over: it updates one operation.
          for (const id of OPERATIONS) await closed([id], 1, 0.001);
          perPatch.push((proxy.requests.length - before) / OPERATIONS.length);
        }
        await process.stop();
        return perPatch;
      };
      const [create = 0, updateOfCached = 0] = await count(2);
      // Another process has written the operations.
      const [updateOfUncached = 0] = await count(1);
      if (create > 0) counted.push({ contender: server.key, create, updateOfCached, updateOfUncached });
    }
  } finally {
    await proxy.close();
  }
  return counted;
}

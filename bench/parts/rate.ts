// At a fixed, moderate rate, with the store at a distance: latency and CPU.
import { startChild } from '../../local/childProcess.ts';
import { listening, startEnvironment } from '../environment.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { type Contender, openBareTable, startServer } from '../load/contenders.ts';
import { sendAtRate } from '../load/drive.ts';
import type { Network } from '../load/network.ts';
import { type Round, seedAndWarmUp, takeRound, valuesOf } from '../load/turns.ts';
import { operationIds, updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';

/** Moderate: the slowest contender and its store need less than one of two cores for it. */
const PER_SECOND = 125;

/** Of a contender in a round: as many as several collections of garbage take. Of a turn: few, so that a disturbance meets all. */
const [TURNS, REQUESTS] = [130, 5];

/** How long every byte to the store, and from it, is under way. */
const ONE_WAY_MS = 2;

const OPERATIONS = operationIds(512);

export function measure(plan: Plan): Promise<Goal[]> {
  return plan.rounds(6, 330_000, () => startAndTakeRound(plan), goalsOf);
}

/**
 * Starts everything anew: how a process compiles and lays out its code differs from start to start, and would otherwise be
 * the same in every round of a run.
 */
async function startAndTakeRound({ isQuick }: Plan): Promise<Round> {
  await using started = new AsyncDisposableStack();
  const environment = started.adopt(await startEnvironment(), ({ close }) => close());
  const order: Network = { upstreamPort: environment.storePort, oneWayMs: ONE_WAY_MS };
  const env = { ...process.env, BENCH_NETWORK: JSON.stringify(order) };
  const network = await startChild(new URL('../load/network.ts', import.meta.url).href, env);
  started.defer(network.stop);
  const { port } = listening.parse(network.ready);
  const contenders: Contender[] = [];
  for (const key of ['service', 'hostOnly', 'plainFunction'] as const) {
    const settings = await environment.settings(key, port);
    contenders.push(started.adopt(await startServer(key, environment, settings), ({ stop }) => stop()));
  }
  contenders.push(openBareTable(await environment.settings('bareTable', port)));
  await seedAndWarmUp(contenders, OPERATIONS, isQuick);
  return await takeRound(contenders, TURNS, ({ send }) =>
    sendAtRate(updatesOf(OPERATIONS), send, REQUESTS, PER_SECOND),
  );
}

function goalsOf(rounds: readonly Round[]): Goal[] {
  // The embedded host is not deployed.
  const host = valuesOf(rounds, 'hostOnly', 'cpu');
  const deployed = (key: string) => valuesOf(rounds, key, 'cpu').map((cpu, round) => cpu - (host[round] ?? Number.NaN));
  return [
    ratioGoal(
      { measure: `p50 with a round trip of ${2 * ONE_WAY_MS} ms to the store, to the bare SDK`, most: 0.9 },
      valuesOf(rounds, 'service', 'p50'),
      valuesOf(rounds, 'bareTable', 'p50'),
      'ms',
    ),
    ratioGoal(
      { measure: 'CPU of what is deployed, to the plainest function on the same packages', most: 1.1 },
      deployed('service'),
      deployed('plainFunction'),
      'ms',
    ),
  ];
}

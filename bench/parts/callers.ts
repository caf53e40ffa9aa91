// Callers that wait for each response: how many updates a second.
import { startEnvironment } from '../environment.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { type Contender, startServer } from '../load/contenders.ts';
import { sendByCallers } from '../load/drive.ts';
import { type Round, seedAndWarmUp, takeRound, valuesOf } from '../load/turns.ts';
import { operationIds, updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';
import { startPostgres } from '../postgres.ts';

const OPERATIONS = operationIds(512);

/** The numbers of callers that contenders are compared at, and the service with itself: at most as many as the host admits. */
const COMPARED_AT = 16;
const MANY = [64, 200];

export async function measure(plan: Plan): Promise<Goal[]> {
  await using started = new AsyncDisposableStack();
  const postgres = started.adopt(await startPostgres(), (server) => server?.stop());
  if (!postgres) plan.progress('SAP CAP is left out: PostgreSQL is not installed.');
  const environment = started.adopt(await startEnvironment(), ({ close }) => close());
  const contenders: Contender[] = [];
  for (const key of ['service', 'nodeHttp', ...(postgres ? (['cap'] as const) : [])] as const) {
    const settings = { ...(await environment.settings(key)), BENCH_POSTGRES_PORT: String(postgres?.port) };
    contenders.push(started.adopt(await startServer(key, environment, settings), ({ stop }) => stop()));
  }
  plan.progress('warming up');
  await seedAndWarmUp(contenders, OPERATIONS, plan.isQuick);

  type Entrant = Contender & { readonly callers: number };
  const compare = (entrants: readonly Entrant[], goalsOf: (rounds: readonly Round[]) => Goal[]) => {
    const run = ({ send, callers }: Entrant) => sendByCallers(updatesOf(OPERATIONS), send, callers, 1000);
    return plan.rounds(9, 60_000, () => takeRound(entrants, 1, run), goalsOf);
  };
  const compared = contenders.map((contender) => ({ ...contender, callers: COMPARED_AT }));
  const growing = contenders
    .filter(({ key }) => key === 'service')
    .flatMap((service) => [COMPARED_AT, ...MANY].map((callers) => ({ ...service, key: String(callers), callers })));
  const peers = await compare(compared, (rounds) => [
    comparison(rounds, 'nodeHttp', 'plain node:http', 1.2),
    ...(postgres ? [comparison(rounds, 'cap', 'SAP CAP on PostgreSQL', 1.5)] : []),
  ]);
  return [...peers, ...(await compare(growing, (rounds) => [manyCallers(rounds)]))];
}

function comparison(rounds: readonly Round[], key: string, title: string, least: number) {
  return ratioGoal(
    { measure: `responses per second of ${COMPARED_AT} callers, to ${title}`, least },
    valuesOf(rounds, 'service', 'perSecond'),
    valuesOf(rounds, key, 'perSecond'),
    'a second',
  );
}

function manyCallers(rounds: readonly Round[]) {
  const many = MANY.map((callers) => valuesOf(rounds, String(callers), 'perSecond'));
  const lower = rounds.map((_, round) => Math.min(...many.map((values) => values[round] ?? Number.NaN)));
  return ratioGoal(
    { measure: `responses per second, the lower of ${MANY.join(' and ')} callers, to ${COMPARED_AT}`, least: 0.8 },
    lower,
    valuesOf(rounds, String(COMPARED_AT), 'perSecond'),
    'a second',
  );
}

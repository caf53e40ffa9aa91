import type { Loads, Point, Run } from '../results.ts';
import { median } from '../statistics.ts';
import { ratios } from './goals.ts';
import { number, spread, table } from './markdown.ts';
import { reportRun } from './run.ts';

export function reportLoads(loads: Loads & { readonly run: Run }, plotFile: string): string {
  const { contenders, comparison, concurrency, hot, stored, roundTrips } = loads;
  const titleOf = (key: string) => contenders.find((contender) => contender.key === key)?.title ?? key;
  const points = [...comparison, ...concurrency, ...hot, ...stored];
  const sum = (of: (point: Point) => number) => points.reduce((total, point) => total + of(point), 0);

  return `## Under load

${reportRun(loads.run)}

One PATCH with the id in the address, an RS256 token of the same issuer, the same body of some 300 bytes that changes
something every time, kept-alive connections. Each contender runs in a process of its own, all are up all the time, and
they take turns, each round in another order. The service is the packaged app in the embedded host; it and the servers
beside it write to tables of one Azurite in memory, each to its own. SAP CAP writes to SQLite in its own process: it has
no network on its way to the store, and makes no conditional write. The bare SDK is a loop without server, token and
body. Load generator, servers and store share the machine's cores, so CPU per answer is the figure to trust. Each caller
has its own share of the operations, and nearly every update is of one that this instance has updated before: a service
that has just started, or that shares the operations with other instances, needs a second store request.

Answers: ${sum(({ answers }) => answers)}, of which ${sum(({ failed }) => failed)} were not 2xx. Operations read back from the
stores after a load: ${sum(({ checked }) => checked)}, of which ${sum(({ lost }) => lost)} were not as last answered.

![Latency against throughput](${plotFile})

${reportComparison(comparison, titleOf)}

### Requests to the store for each PATCH

${table(
  ['', 'create', 'update', 'update, operation not seen before by this instance'],
  roundTrips.map(({ contender, create, updateOfKnown, updateOfUnknown }) => [
    titleOf(contender),
    number(create),
    number(updateOfKnown),
    number(updateOfUnknown),
  ]),
)}

### Growing concurrency

Answers per second, and p99 in ms, by number of callers.

${reportSeries([...comparison, ...concurrency], titleOf)}

### All callers on one operation

Answers per second, and p99 in ms, by number of writers of the one operation. Writes of one operation can only follow
each other: each must name the ETag that the one before it was given. So the service lets those of one instance wait for
each other, and its throughput is that of one writer, one store request each.

${reportSeries(hot, titleOf)}

### Growing number of stored operations

One caller; always 64 operations are updated, of as many as are stored.

${table(
  ['stored', '', 'p50 ms', 'p99 ms'],
  stored.map(({ operations, contender, p50, p99 }) => [
    String(operations),
    titleOf(contender),
    number(p50),
    number(p99),
  ]),
)}`;
}

function reportComparison(points: readonly Point[], titleOf: (key: string) => string) {
  const columns = ['', 'answers/s', 'to node:http', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU ms', 'store CPU ms', 'RSS MiB'];
  return [...Map.groupBy(points, ({ concurrency }) => concurrency)]
    .map(([callers, ofCallers]) => {
      const rows = [...Map.groupBy(ofCallers, ({ contender }) => contender)]
        .toSorted(([a], [b]) => titleOf(a).localeCompare(titleOf(b)))
        .map(([contender, rounds]) => [
          titleOf(contender),
          spread(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
          spread(ratios(points, 'requestsPerSecond', callers, contender, 'nodeHttp')),
          spread(rounds.map(({ p50 }) => p50)),
          spread(rounds.map(({ p95 }) => p95)),
          spread(rounds.map(({ p99 }) => p99)),
          spread(rounds.map(({ cpuPerRequest }) => cpuPerRequest)),
          spread(rounds.map(({ storeCpuPerRequest }) => storeCpuPerRequest)),
          spread(rounds.map(({ rssMiB }) => rssMiB)),
        ]);
      return `### ${callers === 1 ? 'One caller' : `${callers} callers`}\n\n${table(columns, rows)}`;
    })
    .join('\n\n');
}

function reportSeries(points: readonly Point[], titleOf: (key: string) => string) {
  const callers = [...new Set(points.map(({ concurrency }) => concurrency))].toSorted((a, b) => a - b);
  const rows = [...Map.groupBy(points, ({ contender }) => contender)].map(([contender, own]) => [
    titleOf(contender),
    ...callers.map((count) => {
      const at = own.filter(({ concurrency }) => concurrency === count);
      if (at.length === 0) return '';
      const [rate, p99] = [at.map(({ requestsPerSecond }) => requestsPerSecond), at.map((point) => point.p99)];
      return `${number(median(rate))}, ${number(median(p99))}`;
    }),
  ]);
  return table(['', ...callers.map(String)], rows);
}

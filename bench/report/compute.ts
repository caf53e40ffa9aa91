import type { Compute, Run } from '../results.ts';
import { number, spread, table } from './markdown.ts';
import { reportRun } from './run.ts';

export function reportCompute({ run, batches, stored, profile }: Compute & { readonly run: Run }): string {
  return `## The handler alone

${reportRun(run)}

The handler of \`functions/updatePlayPromptOperation.ts\` with an in-process store in the table's place, warm, one request
after the other: CPU of all threads for each PATCH, in us. The requests are made before the time counts. The other
handler does the same, written by hand in one piece.

${table(
  ['', 'us'],
  [
    ['this service', spread(batches.map(({ service }) => service))],
    ['written by hand', spread(batches.map(({ handWritten }) => handWritten))],
    ['ratio', spread(batches.map(({ service, handWritten }) => service / handWritten))],
  ],
)}

Where the time goes, by a sampling profile; native code counts for the module that calls it:

${table(
  ['module', 'share'],
  profile.map(({ where, share }) => [where, `${(share * 100).toFixed(0)} %`]),
)}

Latency in us with so many operations stored, all of them updated in no order, of which 1000 are remembered; the others
are read before they are written:

${table(
  ['stored', 'p50', 'p99'],
  stored.map(({ operations, p50, p99 }) => [String(operations), number(p50), number(p99)]),
)}`;
}

import type { Point, Results } from '../results.ts';
import { type Summary, summarize } from '../statistics.ts';
import { number, spreadOf, table } from './markdown.ts';

/** Something that is wanted, and what was measured of it; undefined where it was not measured. */
interface Goal {
  readonly measure: string;
  readonly bound: { readonly most: number } | { readonly least: number };
  readonly unit?: string;
  readonly figure: (Summary & { readonly rounds: number }) | undefined;
}

function goalsOf({ loads, compute, coldStart }: Results): Goal[] {
  const comparison = loads?.comparison ?? [];
  const trips = loads?.roundTrips.find(({ contender }) => contender === 'service');
  const starts = (contender: string) => timesOf(coldStart?.starts.filter((start) => start.contender === contender));
  const imports = (app: string) => timesOf(coldStart?.imports.filter((imported) => imported.app === app));
  const batches = compute?.batches ?? [];
  return [
    {
      measure: 'p50 of one caller, to the bare SDK that reads and writes',
      bound: { most: 1 },
      figure: overRounds(ratios(comparison, 'p50', 1, 'service', 'bareTable')),
    },
    {
      measure: 'answers per second for 16 callers, to plain node:http',
      bound: { least: 1.2 },
      figure: overRounds(ratios(comparison, 'requestsPerSecond', 16, 'service', 'nodeHttp')),
    },
    {
      measure: 'server CPU of an answer for 16 callers, to plain node:http',
      bound: { most: 1 },
      figure: overRounds(ratios(comparison, 'cpuPerRequest', 16, 'service', 'nodeHttp')),
    },
    {
      measure: 'answers per second for 16 callers, to SAP CAP',
      bound: { least: 2 },
      figure: overRounds(ratios(comparison, 'requestsPerSecond', 16, 'service', 'cap')),
    },
    {
      measure: 'spawn to first 200, to plain node:http, not bundled',
      bound: { most: 0.6 },
      figure: overRounds(pairs(starts('servicePackaged'), starts('nodeHttp'))),
    },
    {
      measure: 'loading the packaged app, to the app as it is built',
      bound: { most: 0.22 },
      figure: overRounds(pairs(imports('packaged'), imports('unbundled'))),
    },
    {
      measure: 'CPU of the handler with an in-process store',
      bound: { most: 60 },
      unit: 'us',
      figure: overRounds(batches.map(({ service }) => service)),
    },
    {
      measure: 'the same, to the handler written by hand',
      bound: { most: 1.15 },
      figure: overRounds(batches.map(({ service, handWritten }) => service / handWritten)),
    },
    {
      measure: 'store requests of an update, operation known',
      bound: { most: 1 },
      figure: overRounds(trips ? [trips.updateOfKnown] : []),
    },
    {
      measure: 'store requests of an update, operation unknown',
      bound: { most: 2 },
      figure: overRounds(trips ? [trips.updateOfUnknown] : []),
    },
  ];
}

/** What is wanted, what was measured, and whether the median is good enough. */
export function reportGoals(results: Results): string {
  const rows = goalsOf(results).map((goal) => {
    const { measure, bound, unit, figure } = goal;
    const limit = 'most' in bound ? `<= ${number(bound.most)}` : `>= ${number(bound.least)}`;
    return [
      measure,
      unit === undefined ? limit : `${limit} ${unit}`,
      figure ? spreadOf(figure, figure.rounds) : 'not measured',
      isMet(goal),
    ];
  });
  return `## Goals

Median over the rounds, in brackets the lowest and the highest. "To" is a ratio, taken within each round.

${table(['measure', 'goal', 'figure', 'met'], rows)}`;
}

function isMet({ bound, figure }: Goal) {
  if (!figure) return '';
  return ('most' in bound ? figure.median <= bound.most : figure.median >= bound.least) ? 'yes' : 'no';
}

/** The ratio of two contenders in each round. */
export function ratios(
  points: readonly Point[],
  measure: 'p50' | 'requestsPerSecond' | 'cpuPerRequest',
  concurrency: number,
  contender: string,
  reference: string,
): number[] {
  const of = (wanted: string) =>
    points
      .filter((point) => point.contender === wanted && point.concurrency === concurrency)
      .toSorted((a, b) => a.round - b.round)
      .map((point) => point[measure]);
  return pairs(of(contender), of(reference));
}

function pairs(values: readonly number[], references: readonly number[]) {
  return values.flatMap((value, index) => {
    const reference = references[index];
    return reference === undefined ? [] : [value / reference];
  });
}

/** The times without a compile cache. */
function timesOf(all: readonly { readonly compileCache: boolean; readonly milliseconds: number }[] = []) {
  return all.filter(({ compileCache }) => !compileCache).map(({ milliseconds }) => milliseconds);
}

function overRounds(values: readonly number[]) {
  return values.length > 0 ? { ...summarize(values), rounds: values.length } : undefined;
}

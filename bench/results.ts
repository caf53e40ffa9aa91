// Everything that is measured, as results.json has it. Times are in milliseconds where the name does not say otherwise.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';

/** One load on one contender in one round. */
const point = z.object({
  contender: z.string(),
  round: z.number(),
  concurrency: z.number(),
  requestsPerSecond: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  cpuPerRequest: z.number(),
  storeCpuPerRequest: z.number(),
  rssMiB: z.number(),
  answers: z.number(),
  /** Answers that were not 2xx. */
  failed: z.number(),
  /** Operations that were read back from the store, and those of them that were not as last answered. */
  checked: z.number(),
  lost: z.number(),
});
export type Point = z.infer<typeof point>;

/** Requests that reach the store for each PATCH. */
const roundTrips = z.object({
  contender: z.string(),
  create: z.number(),
  updateOfKnown: z.number(),
  updateOfUnknown: z.number(),
});
export type RoundTrips = z.infer<typeof roundTrips>;

const loads = z.object({
  contenders: z.array(z.object({ key: z.string(), title: z.string(), isServer: z.boolean() })),
  comparison: z.array(point),
  concurrency: z.array(point),
  hot: z.array(point),
  stored: z.array(point.extend({ operations: z.number() })),
  roundTrips: z.array(roundTrips),
});
export type Loads = z.infer<typeof loads>;

export const compute = z.object({
  /** CPU microseconds of each batch, by handler. */
  batches: z.array(z.object({ service: z.number(), handWritten: z.number() })),
  /** Microseconds to an answer, with so many operations stored. */
  stored: z.array(z.object({ operations: z.number(), p50: z.number(), p99: z.number() })),
  /** Where the CPU's time goes: the share of each function or module, in parts of 1. */
  profile: z.array(z.object({ where: z.string(), share: z.number() })),
});
export type Compute = z.infer<typeof compute>;

const coldStart = z.object({
  /** From the spawn of the process to its first 200. */
  starts: z.array(z.object({ contender: z.string(), compileCache: z.boolean(), milliseconds: z.number() })),
  /** Loading the app's entry point in a process that has loaded nothing else. */
  imports: z.array(z.object({ app: z.string(), compileCache: z.boolean(), milliseconds: z.number() })),
});
export type ColdStart = z.infer<typeof coldStart>;

const run = z.object({ date: z.string(), machine: z.string(), versions: z.string(), quick: z.boolean() });
export type Run = z.infer<typeof run>;

const results = z.object({
  loads: loads.extend({ run }).optional(),
  compute: compute.extend({ run }).optional(),
  coldStart: coldStart.extend({ run }).optional(),
});
export type Results = z.infer<typeof results>;

/** Puts new results into the file in place of older ones of the same kind. */
export function addResults(folder: string, added: Results): Results {
  const file = resolve(folder, 'results.json');
  const known = existsSync(file) ? results.parse(JSON.parse(readFileSync(file, 'utf8'))) : {};
  const all = { ...known, ...added };
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(all, rounded, 1)}\n`);
  return all;
}

/** More digits than were measured tell nothing. */
const rounded = (_key: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

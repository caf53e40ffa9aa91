// What each measurement yields, as results.json has it: goals with their figures, and tables.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';

const estimate = z.object({
  median: z.number(),
  interval: z.tuple([z.number(), z.number()]).readonly().optional(),
  rounds: z.number(),
});

const goal = z.object({
  measure: z.string(),
  most: z.number().optional(),
  least: z.number().optional(),
  unit: z.string().optional(),
  figure: estimate,
});
export type Goal = z.infer<typeof goal>;

const section = z.object({
  title: z.string(),
  text: z.string(),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.string())),
});
export type Section = z.infer<typeof section>;

const part = z.object({ goals: z.array(goal), sections: z.array(section) });
export type Part = z.infer<typeof part>;

const run = z.object({
  date: z.string(),
  /** Of what was measured, followed by "with changes" when its files differ from it. */
  commit: z.string(),
  machine: z.string(),
  versions: z.string(),
  quick: z.boolean(),
});
export type Run = z.infer<typeof run>;

export const kinds = ['paced', 'load', 'distance', 'lists', 'notifications', 'compute', 'coldstart'] as const;
export type Kind = (typeof kinds)[number];
const results = z.partialRecord(z.enum(kinds), part.extend({ run }));
export type Results = z.infer<typeof results>;

/** Puts new results into the file in place of older ones of the same kind. */
export function addResults(folder: string, added: Results): Results {
  const file = resolve(folder, 'results.json');
  const all = { ...(existsSync(file) ? results.parse(JSON.parse(readFileSync(file, 'utf8'))) : {}), ...added };
  writeFileSync(file, `${JSON.stringify(all, rounded, 1)}\n`);
  return all;
}

/** More digits than were measured tell nothing. */
const rounded = (_key: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

// The goals, and the one page that says how they came out.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem, type } from 'node:os';
import { ROOT_FOLDER } from './prepare.ts';
import { type Bound, type Estimate, estimate, judge, median, WIDEST, width } from './statistics.ts';

export interface Goal extends Bound {
  readonly measure: string;
  readonly figure: Estimate;
  /** The medians that the figure is made of. */
  readonly of: string;
}

export function ratioGoal(
  bound: Bound & Pick<Goal, 'measure'>,
  values: readonly number[],
  references: readonly number[],
  unit: string,
): Goal {
  const figure = estimate(values.map((value, round) => value / (references[round] ?? Number.NaN)));
  return { ...bound, figure, of: `${[values, references].map((all) => number(median(all))).join(' to ')} ${unit}` };
}

/** What a figure depends on, and a run does not write. */
const MEASURED = 'functions shared local infra/package.ts package-lock.json bench :!bench/results.md'.split(' ');

export function describeRun(): string {
  const git = (...options: string[]) => execFileSync('git', options, { cwd: ROOT_FOLDER, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', ...MEASURED) ? ' with changes' : '';
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, commit ${git('rev-parse', '--short', 'HEAD')}${changed}: ${machine}, ${type()}, Node ${process.versions.node}`;
}

export function goalsTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ measure, figure, of, ...bound }) => [
    measure,
    bound.most === undefined ? `>= ${number(bound.least ?? 0)}` : `<= ${number(bound.most)}`,
    figure.rounds === 1
      ? number(figure.median)
      : `${number(figure.median)} (${figure.interval?.map(number).join('-') ?? '?'})`,
    of,
    String(figure.rounds),
    `${judge(figure, bound)}${width(figure) > WIDEST ? ' (wide)' : ''}`,
  ]);
  return [['measure', 'goal', 'figure', 'of', 'rounds', 'verdict'], Array(6).fill('---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** Writes the page of results, and puts its table in place of the first one below the heading "Goals" of another page. */
export function writeResults(goals: readonly Goal[], results: string, page: string): void {
  const table = goalsTable(goals);
  const text = readFileSync(page, 'utf8');
  const tableOfPage = /(?<=\n## Goals\n[^|]*)(?:\|.*\n)+/;
  if (!tableOfPage.test(text)) throw new Error(`${page} has no table of goals.`);
  const how = `[docs/performance.md](../docs/performance.md) says how they were measured, on ${describeRun()}.`;
  writeFileSync(results, `# Results of \`npm run bench\`\n\n${how}\n\n${table}\n`);
  writeFileSync(page, text.replace(tableOfPage, `${table}\n`));
}

/** Three significant digits, or all digits before the point. */
export function number(value: number): string {
  if (value === 0 || Number.isNaN(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Goal, kinds, type Results } from '../results.ts';
import { judge, WIDEST, width } from '../statistics.ts';
import { figure, number, table } from './markdown.ts';

/** Writes results.md beside results.json. */
export function writeReport(folder: string, results: Results): void {
  const parts = kinds.flatMap((kind) => results[kind] ?? []);
  const sections = parts.flatMap(({ run, sections }) =>
    sections.map(({ title, text, columns, rows }, index) => {
      const { date, commit, machine, versions, quick } = run;
      const warning = quick ? ' **A quick run: to see that it works, not to be quoted.**' : '';
      const measured =
        index === 0 ? `Measured on ${date}, commit ${commit}: ${machine}. ${versions}.${warning}\n\n` : '';
      const content = columns.length > 0 ? `\n\n${table(columns, rows)}` : '';
      return `${index === 0 ? '##' : '###'} ${title}\n\n${measured}${text}${content}`;
    }),
  );
  const report = ['# Bench results', goalsSection(parts.flatMap(({ goals }) => goals)), ...sections];
  writeFileSync(resolve(folder, 'results.md'), `${report.join('\n\n')}\n`);
}

/** Puts the goals into a page in place of the first table below its heading "Goals". */
export function updateGoals(page: string, results: Results): void {
  const text = readFileSync(page, 'utf8');
  const goals = kinds.flatMap((kind) => results[kind]?.goals ?? []);
  const tableOfPage = /(?<=\n## Goals\n[^|]*)(?:\|.*\n)+/;
  if (!tableOfPage.test(text)) throw new Error(`${page} has no table of goals.`);
  const replaced = text.replace(tableOfPage, () => `${goalsTable(goals)}\n`);
  writeFileSync(page, replaced);
}

function goalsTable(goals: readonly Goal[]) {
  const rows = goals.map(({ measure, most, least, unit = '', figure: found }) => [
    measure,
    `${most === undefined ? `>= ${number(least ?? 0)}` : `<= ${number(most)}`} ${unit}`.trim(),
    figure(found),
    String(found.rounds),
    `${judge(found, { most, least })}${width(found) > WIDEST ? ' (wide)' : ''}`,
  ]);
  return table(['measure', 'goal', 'figure', 'rounds', 'verdict'], rows);
}

function goalsSection(goals: readonly Goal[]) {
  return `## Goals

"X, to Y" is X divided by Y, taken within each round. The figure is the median of the rounds, with its 95 % confidence interval
(that of the sign test). A goal is met, or not met, only if the whole interval is on one side of its bound; otherwise it is
undecided. "Wide" is an interval of more than ${WIDEST * 100} % of the figure.

${goalsTable(goals)}`;
}

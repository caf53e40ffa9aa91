import { type Summary, summarize } from '../statistics.ts';

/** A table of Markdown, its columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** A number with three digits that matter, or all that stand before the point. */
export function number(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/** The median of the rounds, with the least and the greatest where there were several. */
export function spread(values: readonly number[]): string {
  return spreadOf(summarize(values), values.length);
}

export function spreadOf({ median, min, max }: Summary, rounds: number): string {
  return rounds > 1 ? `${number(median)} (${number(min)}-${number(max)})` : number(median);
}

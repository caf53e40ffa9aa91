import { type Estimate, estimate } from '../statistics.ts';

/** A table of Markdown, its columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(3, ...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** A number with three significant digits, or all digits before the point. */
export function number(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/** A median, with its interval if there were enough rounds. */
export function figure({ median, interval, rounds }: Estimate): string {
  if (rounds === 1) return number(median);
  return interval ? `${number(median)} (${interval.map(number).join('-')})` : `${number(median)} (?)`;
}

export function figureOf(values: readonly number[]): string {
  return values.length === 0 ? '-' : figure(estimate(values));
}

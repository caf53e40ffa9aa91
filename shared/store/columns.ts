// What several kinds of rows have in common.
import { metrics } from '@opentelemetry/api';
import * as z from 'zod';
import { DAMAGED_ROWS, SCOPE } from '../tracing.ts';

/** A time, in ISO 8601. */
export const date = z.iso.datetime().transform((text) => new Date(text));

/** Any value, in JSON. */
export const json = z.string().transform((text, { addIssue }): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    addIssue('must be JSON');
    return z.NEVER;
  }
});

/** Makes the reader of rows. It leaves out those that are damaged, and counts them: they must not stop what others need. */
export function createRowReader() {
  const damagedRows = metrics.getMeter(SCOPE).createCounter(DAMAGED_ROWS.name, DAMAGED_ROWS);
  return <Value>(rows: readonly unknown[], read: (row: unknown) => Value | undefined): Value[] => {
    const values = rows.flatMap((row) => read(row) ?? []);
    if (values.length < rows.length) damagedRows.add(rows.length - values.length);
    return values;
  };
}

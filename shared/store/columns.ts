// The schemas of columns that several kinds of rows have.
import * as z from 'zod';

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

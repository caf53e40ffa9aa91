import type * as z from 'zod';
import { Faults, pathOf } from '../serviceError.ts';

/**
 * Parses the body of a request.
 *
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function parseBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const parsed = schema.safeParse(body, { reportInput: true });
  if (parsed.success) return parsed.data;
  const faults = new Faults();
  addIssues(faults, parsed.error.issues);
  throw faults.toError();
}

/** Adds what zod found to the faults of a request. The target of a fault is its path. */
export function addIssues(faults: Faults, issues: readonly z.core.$ZodIssue[]): void {
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const target = pathOf([...issue.path, key]);
        const subject = key === '' ? 'The member whose name is empty' : target;
        faults.add('UnknownProperty', target, 'is not a property of the resource', subject);
      }
    } else {
      const { code, message } = describeIssue(issue);
      const path = pathOf(issue.path);
      faults.add(code, path, message, path === '' ? 'The body' : path);
    }
  }
}

/** The code of a zod issue, and what would be right: the text that follows the name of the property. */
export function describeIssue(issue: z.core.$ZodIssue): { code: string; message: string } {
  if (issue.code === 'too_big' && issue.origin === 'string') {
    return { code: 'TooLong', message: `must be at most ${issue.maximum} characters long` };
  }
  if ('input' in issue && issue.input === undefined) return { code: 'InvalidType', message: 'is required' };
  switch (issue.code) {
    case 'invalid_type':
      return { code: 'InvalidType', message: `must be ${typeNames[issue.expected] ?? issue.expected}` };
    case 'invalid_value':
      return { code: 'InvalidValue', message: `must be one of ${issue.values.join(', ')}` };
    case 'invalid_key':
      return { code: 'InvalidName', message: issue.issues[0]?.message ?? issue.message };
    case 'too_big':
    case 'too_small':
      return { code: 'OutOfRange', message: 'must be a whole number from -2147483648 to 2147483647' };
    default:
      return { code: 'InvalidValue', message: issue.message };
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  object: 'an object',
  record: 'an object',
  array: 'an array',
};

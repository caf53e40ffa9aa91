import type * as z from 'zod';
import type { ErrorDetail } from '../serviceError.ts';

/** A zod issue as entries of Graph's `details`; `target` is its path. */
export function toDetails(issue: z.core.$ZodIssue): ErrorDetail[] {
  const path = issue.path.join('/');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const target = path === '' ? key : `${path}/${key}`;
      return { code: 'UnknownProperty', message: `${target} is not a property of the resource.`, target };
    });
  }
  const { code, message } = describeIssue(issue);
  return [{ code, message: `${path === '' ? 'The body' : path} ${message}.`, target: path }];
}

/** The code of a zod issue, and what would be right: the text that follows the name of the property. */
export function describeIssue(issue: z.core.$ZodIssue): { code: string; message: string } {
  if (issue.code === 'too_big' && issue.origin === 'string') {
    return { code: 'TooLong', message: `must be at most ${issue.maximum} characters long` };
  }
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

import { describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { addIssues } from '../../../shared/odata/validation.ts';
import { Faults } from '../../../shared/serviceError.ts';

function detailsOf(schema: z.ZodType, value: unknown) {
  const faults = new Faults();
  addIssues(faults, schema.safeParse(value).error?.issues ?? []);
  return faults.toError().details;
}

describe('a fault that zod found', () => {
  const rows: [string, z.ZodType, unknown, object][] = [
    ['text', z.string(), 1, { code: 'InvalidType', message: 'a must be a string.' }],
    ['a number', z.number(), 'x', { code: 'InvalidType', message: 'a must be a number.' }],
    ['a whole number', z.int32(), 1.5, { code: 'InvalidType', message: 'a must be a whole number.' }],
    ['an object', z.object({}), 1, { code: 'InvalidType', message: 'a must be an object.' }],
    ['a map', z.record(z.string(), z.string()), 1, { code: 'InvalidType', message: 'a must be an object.' }],
    ['a list', z.array(z.string()), 1, { code: 'InvalidType', message: 'a must be an array.' }],
    ['another type', z.boolean(), 1, { code: 'InvalidType', message: 'a must be boolean.' }],
    ['a member', z.enum(['x', 'y']), 'z', { code: 'InvalidValue', message: 'a must be one of x, y.' }],
    ['a length', z.string().max(2), 'xyz', { code: 'TooLong', message: 'a must be at most 2 characters long.' }],
    [
      'its own words',
      z.string().regex(/x/, { error: 'must be x' }),
      'y',
      { code: 'InvalidValue', message: 'a must be x.' },
    ],
    ...([2 ** 31, -(2 ** 31) - 1] as const).map((value): [string, z.ZodType, unknown, object] => [
      `a range: ${value}`,
      z.int32(),
      value,
      { code: 'OutOfRange', message: 'a must be a whole number from -2147483648 to 2147483647.' },
    ]),
  ];
  test.each(rows)('names what is allowed: %s', (_title, schema, value, detail) => {
    expect(detailsOf(z.object({ a: schema }), { a: value })).toEqual([{ target: 'a', ...detail }]);
  });

  test('is reported with the path to it', () => {
    expect(detailsOf(z.object({ a: z.array(z.object({ b: z.string() })) }), { a: [{ b: '' }, { b: 1 }] })).toEqual([
      { code: 'InvalidType', message: 'a/1/b must be a string.', target: 'a/1/b' },
    ]);
    expect(detailsOf(z.object({}), 1)).toEqual([
      { code: 'InvalidType', message: 'The body must be an object.', target: '' },
    ]);
  });

  test('may be a name', () => {
    const names = z.object({ a: z.record(z.string().regex(/^x$/, { error: 'must be x' }), z.string()) });
    expect(detailsOf(names, { a: { y: '' } })).toEqual([
      { code: 'InvalidName', message: 'a/y must be x.', target: 'a/y' },
    ]);
  });

  test('may be several, each a property that is not known', () => {
    const nested = z.strictObject({ a: z.strictObject({}).optional() });
    expect(detailsOf(nested, { b: 1, c: 1 })).toEqual(
      ['b', 'c'].map((target) => ({
        code: 'UnknownProperty',
        message: `${target} is not a property of the resource.`,
        target,
      })),
    );
    expect(detailsOf(nested, { a: { d: 1 } })).toMatchObject([{ target: 'a/d' }]);
  });
});

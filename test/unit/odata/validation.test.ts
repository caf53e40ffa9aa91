import { expect, test } from '@jest/globals';
import * as z from 'zod';
import { addIssues } from '../../../shared/odata/validation.ts';
import { Faults } from '../../../shared/serviceError.ts';

function detailsOf(schema: z.ZodType, value: unknown) {
  const faults = new Faults();
  addIssues(faults, schema.safeParse(value, { reportInput: true }).error?.issues ?? []);
  return faults.toError().details;
}

const int32 = 'a whole number from -2147483648 to 2147483647';
test.each<[code: string, wanted: string, schema: z.ZodType, value: unknown]>([
  ['InvalidType', 'a string', z.string(), 1],
  ['InvalidType', 'a number', z.number(), 'x'],
  ['InvalidType', 'a whole number', z.int32(), 1.5],
  ['InvalidType', 'an object', z.object({}), 1],
  ['InvalidType', 'an object', z.record(z.string(), z.string()), 1],
  ['InvalidType', 'an array', z.array(z.string()), 1],
  ['InvalidType', 'boolean', z.boolean(), 1],
  ['InvalidValue', 'one of x, y', z.enum(['x', 'y']), 'z'],
  ['InvalidValue', 'at least so', z.array(z.string()).refine(() => false, { error: 'must be at least so' }), []],
  ['InvalidValue', 'x', z.string().regex(/x/, { error: 'must be x' }), 'y'],
  ['TooLong', 'at most 2 characters long', z.string().max(2), 'xyz'],
  ['OutOfRange', int32, z.int32(), 2 ** 31],
  ['OutOfRange', int32, z.int32(), -(2 ** 31) - 1],
])('what zod found is reported with what is allowed: %s, must be %s', (code, wanted, schema, value) => {
  const message = `a must be ${wanted}.`;
  expect(detailsOf(z.object({ a: schema }), { a: value })).toEqual([{ code, message, target: 'a' }]);
});

const list = z.object({ a: z.array(z.object({ b: z.string() })) });
const names = z.object({ a: z.record(z.string().regex(/^x$/, { error: 'must be x' }), z.string()) });
const nested = z.strictObject({ a: z.strictObject({}).optional() });
test.each<[code: string, target: string, message: string, schema: z.ZodType, value: unknown]>([
  ['InvalidType', 'a/1/b', 'a/1/b must be a string.', list, { a: [{ b: '' }, { b: 1 }] }],
  ['InvalidType', 'a/0/b', 'a/0/b is required.', list, { a: [{}] }],
  ['InvalidType', '', 'The body must be an object.', list, 1],
  ['InvalidName', 'a/y', 'a/y must be x.', names, { a: { y: '' } }],
  ['UnknownProperty', 'b', 'b is not a property of the resource.', nested, { b: 1 }],
  ['UnknownProperty', 'a/d', 'a/d is not a property of the resource.', nested, { a: { d: 1 } }],
  ['UnknownProperty', '', 'The member whose name is empty is not a property of the resource.', nested, { '': 1 }],
])('a fault is reported with the path to it: %s %s, %s', (code, target, message, schema, value) => {
  expect(detailsOf(schema, value)).toEqual([{ code, message, target }]);
});

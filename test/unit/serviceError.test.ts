import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type ErrorReason,
  Faults,
  invalidRequest,
  isUnavailable,
  MAX_DETAILS,
  MAX_QUOTED_LENGTH,
  pathOf,
  quoted,
  ServiceError,
} from '../../shared/serviceError.ts';

const one = { code: 'InvalidValue', message: 'a is wrong.', target: 'a' };

function faultsOf(count: number, target = 'a', text = 'is wrong') {
  const faults = new Faults();
  for (let n = 0; n < count; n++) faults.add('InvalidValue', target, text);
  return faults;
}

test('an error has its reason, and what else is given', () => {
  const cause = new Error('inside');
  const error = new ServiceError('methodNotAllowed', 'Use GET.', { details: [one], allow: ['GET'], cause });
  expect({ ...error }).toEqual({ name: 'ServiceError', reason: 'methodNotAllowed', details: [one], allow: ['GET'] });
  expect([error.message, error.cause]).toEqual(['Use GET.', cause]);
  const plain = new ServiceError('notFound');
  expect({ ...plain }).toEqual({ name: 'ServiceError', reason: 'notFound', details: [], allow: [] });
  expect('cause' in plain).toBe(false);
});

test('an error may be a failure of the service, which may be over at the next attempt', () => {
  const reasons: ErrorReason[] = ['internal', 'unavailable', 'conflict'];
  const errors = reasons.map((reason) => new ServiceError(reason, 'why'));
  expect(errors.map(({ isFailure }) => isFailure)).toEqual([true, true, false]);
  expect(errors.map(isUnavailable)).toEqual([false, true, false]);
  expect([isUnavailable({ reason: 'unavailable' }), isUnavailable(null)]).toEqual([false, false]);
});

describe('the error of a request with faults', () => {
  test('is the text of the only one, which may call its target by another name', () => {
    const error = { reason: 'invalidRequest', message: 'a is wrong.', details: [one] };
    expect(invalidRequest('InvalidValue', 'a', 'is wrong')).toMatchObject(error);
    expect(() => faultsOf(1).throwIfAny()).toThrow(expect.objectContaining(error));
    expect(() => faultsOf(0).throwIfAny()).not.toThrow();
    const details = [{ target: 'id', message: 'The id is wrong.' }];
    expect(invalidRequest('InvalidValue', 'id', 'is wrong', 'The id')).toMatchObject({ details });
  });

  test(`counts several, and names ${MAX_DETAILS}, and the number of the others`, () => {
    const several = faultsOf(2).toError();
    expect(several.message).toBe('The request has 2 faults; details names each.');
    expect([several.reason, several.details]).toEqual(['invalidRequest', [one, one]]);
    expect(faultsOf(MAX_DETAILS).toError().details).toEqual(Array.from({ length: MAX_DETAILS }, () => one));
    const { details, message } = faultsOf(MAX_DETAILS + 7).toError();
    expect(details).toHaveLength(MAX_DETAILS + 1);
    expect(details.at(-1)).toEqual({ code: 'MoreFaults', message: '7 more faults are not listed.', target: '' });
    expect(message).toBe(`The request has ${MAX_DETAILS + 7} faults; details names the first ${MAX_DETAILS}.`);
  });

  test('names those that fit into 12 KiB as JSON, up to the first that does not', () => {
    const shortest = JSON.stringify({ ...one, message: 'a .' }).length;
    /** The sizes of the faults that are named, of some of these sizes. */
    const namedOf = (...sizes: number[]) => {
      const faults = new Faults();
      for (const size of sizes) faults.add(one.code, one.target, 'x'.repeat(size - shortest));
      const named = faults.toError().details.filter(({ code }) => code === one.code);
      return named.map((each) => JSON.stringify(each).length);
    };
    expect(namedOf(12 * 1024)).toEqual([12 * 1024]);
    expect(namedOf(12 * 1024 - 100, 100)).toEqual([12 * 1024 - 100, 100]);
    expect(namedOf(12 * 1024 - 100, 101, 100)).toEqual([12 * 1024 - 100]);
    expect(namedOf(100, 12 * 1024, 100)).toEqual([100]);
  });
});

test('a name that is repeated is at most 128 characters long, and well-formed', () => {
  expect(quoted('x'.repeat(MAX_QUOTED_LENGTH))).toBe('x'.repeat(MAX_QUOTED_LENGTH));
  expect(quoted('x'.repeat(MAX_QUOTED_LENGTH + 1))).toBe(`${'x'.repeat(125)}...`);
  void fc.assert(
    fc.property(fc.string({ unit: 'binary', size: 'large' }), (name) => {
      expect(quoted(name).length).toBeLessThanOrEqual(MAX_QUOTED_LENGTH);
      expect(quoted(name).isWellFormed()).toBe(true);
    }),
  );
});

test('a path has the names on the way to a property', () => {
  expect(pathOf(['a', 0, 'b'])).toBe('a/0/b');
  expect(pathOf(['', 'b'])).toBe('b');
  expect(pathOf(Array.from({ length: 16 }, () => 'x'.repeat(1000))).length).toBe(MAX_QUOTED_LENGTH);
});

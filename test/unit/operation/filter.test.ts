import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { matches } from '../../../shared/operation/filter.ts';
import { filters, fulfils } from '../../support/filters.ts';
import { operations } from '../../support/operations.ts';

test('an operation matches a filter as a list selects it', () =>
  fc.assert(
    fc.property(operations, filters, (operation, filter) => {
      expect(matches(operation, filter)).toBe(fulfils(operation, filter));
    }),
  ));

import { expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { decideDelete } from '../../../shared/operation/deleteDecision.ts';
import type { Preconditions } from '../../../shared/operation/preconditions.ts';
import { KEPT_WRITES, type RemovableVersion } from '../../../shared/operation/repository.ts';
import { ServiceError } from '../../../shared/serviceError.ts';

const cause = new ServiceError('unavailable', 'lost');
const version = (etag: string, ...writes: string[]): RemovableVersion => ({ operation: undefined, etag, writes });
const base = version('W/"e"', 'v', 'u');
const changed = version('W/"f"', 'x', 'v', 'u');
const another = version('W/"g"', 'y');
const muchLater = version('W/"h"', ...Array.from({ length: KEPT_WRITES }, (_, n) => `other ${n}`));
const damaged = version('W/"d"');

const remove = (of: RemovableVersion) => ({ step: 'remove', base: of });
const done = { step: 'done', outcome: 'written' };
const fail = (reason: string, outcome = reason === 'unavailable' ? 'unknown' : 'refused') => ({
  step: 'fail',
  outcome,
  error: expect.objectContaining({ reason }),
});
const lost = [{ base, cause }];
const refused = [{ base }];
const ifMatch: Preconditions = { ifMatch: ['"e"'] };

type Row = [title: string, Preconditions, RemovableVersion | undefined, attempts: typeof refused, decision: object];

test.each<Row>([
  ['what is there is removed', {}, base, [], remove(base)],
  ['what is not there is not found', {}, undefined, [], fail('notFound')],
  ['nor with a precondition', { ifMatch: '*' }, undefined, [], fail('notFound')],
  ['If-Match that holds', ifMatch, base, [], remove(base)],
  ['If-Match that is stale', ifMatch, changed, [], fail('versionChanged')],
  ['If-None-Match', { ifNoneMatch: '*' }, base, [], fail('versionExcluded')],

  ['a conflict is followed by another removal', {}, changed, refused, remove(changed)],
  ['unless a precondition fails', ifMatch, changed, refused, fail('versionChanged')],
  ['until there were too many', {}, base, Array(MAX_ATTEMPTS).fill({ base }), fail('conflict')],
  ['of which one may have taken effect', {}, base, Array(MAX_ATTEMPTS).fill({ base, cause }), fail('unavailable')],

  // A proxy, or the store, may have made a removal twice: the second answer is a conflict.
  ['a conflict about what is gone is notified', {}, undefined, refused, fail('notFound', 'written')],
  ['with a precondition too', ifMatch, undefined, refused, fail('notFound', 'written')],
  ['a conflict about what was created anew', {}, another, refused, remove(another)],
  ['which may have been removed before', ifMatch, another, refused, fail('versionChanged', 'unknown')],
  ['or before too many writes', ifMatch, muchLater, refused, fail('versionChanged', 'unknown')],

  ['a lost removal that took effect', {}, undefined, lost, done],
  ['with a precondition too', { ifMatch: '*' }, undefined, lost, done],
  ['and takes nothing with it that was created since', {}, another, lost, done],
  ['a lost removal that did not', {}, base, lost, remove(base)],
  ['takes with it what changed since', {}, changed, lost, remove(changed)],
  ['unless a precondition fails', ifMatch, changed, lost, fail('versionChanged')],
  ['a lost removal before too many writes', {}, muchLater, lost, fail('unavailable')],
  ['a lost removal of what is damaged', {}, damaged, [{ base: damaged, cause }], remove(damaged)],
])('%s', (_title, preconditions, current, attempts, decision) => {
  expect(decideDelete(preconditions, current, attempts)).toEqual(decision);
});

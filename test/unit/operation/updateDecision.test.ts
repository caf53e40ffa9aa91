import { expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { newPlayPromptOperation, operationStatuses } from '../../../shared/operation/playPromptOperation.ts';
import { MAX_REQUESTS_OF_CALLER, nextHistory, repeatableRequest } from '../../../shared/operation/repeatability.ts';
import { KEPT_WRITES, type StoredOperation } from '../../../shared/operation/repository.ts';
import { decideUpdate, type UpdateKnowledge, type UpdateRequest } from '../../../shared/operation/updateDecision.ts';
import { ServiceError } from '../../../shared/serviceError.ts';

const NOW = Date.UTC(2026, 10, 23);
const cause = new ServiceError('unavailable', 'lost');
const repeatable = repeatableRequest({ requestId: 'r', caller: 'me', firstSent: NOW }, 'content');
const differing = repeatableRequest({ requestId: 'r', caller: 'me', firstSent: NOW }, 'other content');

/** The operation `Running`, with the writes `v` and `u` and the ETag `e` where nothing else is said. */
const stored = (changes: Partial<StoredOperation> = {}): StoredOperation => ({
  operation: { ...newPlayPromptOperation('a'), status: 'Running' },
  etag: 'W/"e"',
  writes: ['v', 'u'],
  ...changes,
});
const base = stored();
/** After a write of the update itself, whose id is `w`. */
const own = stored({ writes: ['w', 'v', 'u'], etag: 'W/"own"' });
/** After as many writes of others as an operation keeps. */
const muchLater = stored({ writes: Array.from({ length: KEPT_WRITES }, (_, n) => `other ${n}`), etag: 'W/"later"' });
/** What the repeatable request left, and what a later write made of it. */
const executed = stored({ history: nextHistory(base, repeatable, NOW), etag: 'W/"first"' });
const after = stored({ history: nextHistory(executed, undefined, NOW), etag: 'W/"later"' });
const forgotten = stored({ history: { requests: after.history?.requests ?? '', responses: [] } });
/** So many requests of the same caller that others were dropped. */
const dropped = stored({
  history: {
    requests: Array.from({ length: MAX_REQUESTS_OF_CALLER + 1 }, (_, n) => {
      const another = repeatableRequest({ requestId: `${n}`, caller: 'me', firstSent: NOW }, n);
      return nextHistory(undefined, another, NOW)?.requests;
    }).join(''),
    responses: [],
  },
});

/** Nothing is stored, and nothing was attempted. */
const fixed: UpdateKnowledge = {
  ...{ current: undefined, isCached: false, attempts: [] },
  ...{ writeId: 'w', now: NOW, keepsFinalStatus: false },
};

const decide = (request: Partial<UpdateRequest>, known: Partial<UpdateKnowledge>) =>
  decideUpdate({ id: 'a', patch: { status: 'Completed' }, preconditions: {}, ...request }, { ...fixed, ...known });

const read = { step: 'read' };
type Ended = 'written' | 'refused' | 'unknown';
const write = (changeType: string | undefined, status = 'Completed', outcome: Ended = 'refused') =>
  expect.objectContaining({ step: 'write', changeType, outcome, next: expect.objectContaining({ id: 'a', status }) });
const answer = (version: object, outcome: Ended = 'refused') => ({
  step: 'answer',
  outcome,
  version: expect.objectContaining(version),
});
const fail = (reason: string, outcome: Ended = reason === 'unavailable' ? 'unknown' : 'refused') => ({
  step: 'fail',
  outcome,
  error: expect.objectContaining({ reason }),
});
const same = { patch: { status: 'Running' } } as const;
const ifMatch = (tag: string) => ({ preconditions: { ifMatch: [tag] } });
const createOnly = { preconditions: { ifNoneMatch: '*' } } as const;

/** What is stored after some attempts: refused ones, and ones whose answer was lost, of an update or of a create. */
const at = (current: StoredOperation | undefined, ...attempts: UpdateKnowledge['attempts']) => ({ current, attempts });
const cached = (current?: StoredOperation) => ({ isCached: true, current });
const refused = { base };
const refusedCreate = { base: undefined };
const lost = { base, cause };
const lostCreate = { base: undefined, cause };
const tooMany = Array<typeof refused>(MAX_ATTEMPTS).fill(refused);
/** After a write of another caller, and after writes of both. */
const others = stored({ writes: ['x', 'v'], etag: 'W/"f"' });
const both = stored({ writes: ['x', 'w', 'v'] });
const ownCreate = stored({ writes: ['w'] });
const first = { etag: 'W/"first"' };
const afterMany = { ...after, writes: muchLater.writes };
const mayBeChanged = fail('versionChanged', 'unknown');

type Row = [title: string, Partial<UpdateRequest>, Partial<UpdateKnowledge>, decision: object];

test.each<Row>([
  ['an operation that is not there is created', {}, {}, write('created')],
  ['one that is there is updated', {}, at(base), write('updated')],
  ['a patch that changes nothing is answered', same, at(base), answer(base)],
  ['unless it is recorded', { ...same, repeatable }, at(base), write(undefined, 'Running')],
  ['a patch without a member creates', { patch: {} }, {}, write('created', 'NotStarted')],

  ['If-Match that holds', ifMatch('"e"'), at(base), write('updated')],
  ['If-Match that is stale', ifMatch('"x"'), at(base), fail('versionChanged')],
  ['If-Match never creates', { preconditions: { ifMatch: '*' } }, {}, fail('versionMissing')],
  ['If-None-Match: * only creates', createOnly, at(base), fail('versionExcluded')],
  ['a precondition comes before no change', { ...same, ...ifMatch('"x"') }, at(base), fail('versionChanged')],

  ['what is cached is written over', {}, cached(base), write('updated')],
  ['with If-Match too', ifMatch('"e"'), cached(base), write('updated')],
  ['what is not cached is read', {}, cached(), read],
  ['unless it may only be created', createOnly, cached(), write('created')],
  ['the cache tells nobody that nothing changes', same, cached(base), read],
  ['nor that a precondition fails', ifMatch('"x"'), cached(base), read],
  ['nor that it exists', createOnly, cached(base), read],
  ['nor what a forgotten response was', { repeatable }, cached(forgotten), read],
  ['nor that a repetition is in doubt', { repeatable }, cached(dropped), read],
  ['it has a first response', { repeatable }, cached(executed), answer(first)],

  ['a repetition gets the first response', { repeatable }, at(after), answer(first)],
  ['conditions are not checked again', { repeatable, ...ifMatch('"x"') }, at(after), answer(first)],
  ['a forgotten response is what is stored', { repeatable }, at(forgotten), answer(forgotten)],
  ['a repetition may be in doubt', { repeatable }, at(dropped), fail('repetitionUnknown')],
  ['a repetition with other content', { repeatable: differing }, at(executed), fail('repetitionDiffers')],

  ['a conflict is followed by another write', {}, at(base, refused), write('updated')],
  ['unless it has become unnecessary', same, at(others, ...tooMany), answer(others)],
  ['until there were too many', {}, at(base, ...tooMany), fail('conflict')],
  ['of which one may have taken effect', {}, at(base, ...tooMany.slice(1), lost), fail('unavailable')],
  ['a lost write that took effect', {}, at(own, lost), answer(own, 'written')],
  ['is no failed precondition', ifMatch('"e"'), at(own, lost), answer(own, 'written')],
  ['nor one that had to create', createOnly, at(ownCreate, lostCreate), answer(ownCreate, 'written')],
  ['is not repeated over later writes', {}, at(both, lost), answer(both, 'written')],
  ['a lost write that did not', {}, at(base, lost), write('updated')],
  ['a lost create that did not', {}, at(undefined, lostCreate), write('created')],
  ['a lost write whose operation is gone', {}, at(undefined, lost), fail('unavailable')],
  ['before a precondition fails', ifMatch('"e"'), at(undefined, lost), fail('unavailable')],
  ['a lost write after too many others', {}, at(muchLater, lost), fail('unavailable')],
  ['a lost create after too many others', {}, at(muchLater, lostCreate), fail('unavailable')],
  ['unless it has a first response', { repeatable }, at(afterMany, lost), answer(first, 'unknown')],
  ['a lost create, and a lost update of what others made', {}, at(undefined, lostCreate, lost), fail('unavailable')],

  // A proxy, or the store, has made a write twice: the second answer is a conflict.
  ['a conflict with itself', {}, at(own, refused), answer(own, 'written')],
  ['is no failed precondition', ifMatch('"e"'), at(own, refused), answer(own, 'written')],
  [
    'nor what later writes made of it',
    { repeatable },
    at({ ...after, writes: both.writes }, refused),
    answer(first, 'written'),
  ],
  ['the last of many', {}, at(own, ...tooMany), answer(own, 'written')],
  ['a conflict with others', ifMatch('"e"'), at(others, refused), fail('versionChanged')],
  ['or one with itself before many others', ifMatch('"e"'), at(muchLater, refused), mayBeChanged],
  ['so is that of a create', createOnly, at(muchLater, refusedCreate), fail('versionExcluded', 'unknown')],
  ['and what another one makes unnecessary', same, at(muchLater, refused), answer(muchLater, 'unknown')],
  ['or repeats', { repeatable }, at(afterMany, refused), answer(first, 'unknown')],
  ['it is followed by another write', {}, at(muchLater, refused), write('updated', 'Completed', 'unknown')],
  ['however the last one ended', ifMatch('"e"'), at(muchLater, refused, { base: muchLater }), mayBeChanged],
  ['as when the operation is gone', {}, at(undefined, refused), write('created')],
  ['unless a precondition fails', ifMatch('"e"'), at(undefined, refused), fail('versionMissing')],
])('%s', (_title, request, known, decision) => {
  expect(decide(request, known)).toEqual(decision);
});

const iso = (ms: number) => new Date(NOW + ms).toISOString();
const [before, now, ahead] = [iso(-1), iso(0), iso(60_000)];

test.each([
  ['is that of the service', before, {}, now],
  ['is later than the last one', now, {}, iso(1)],
  ['is later than the last one, which was made by a faster clock', ahead, {}, iso(60_001)],
  ['is the first one, if the operation was stored before it had one', null, {}, now],
  ['stays, if nothing changes', before, { ...same, repeatable }, before],
])('the time of a change %s', (_title, last, request, expected) => {
  const times = { createdDateTime: last && before, lastActionDateTime: last };
  const current = stored({ operation: { ...base.operation, ...times } });
  const next = { createdDateTime: times.createdDateTime, lastActionDateTime: expected };
  expect(decide(request, { current })).toMatchObject({ next });
  expect(decide(request, {})).toMatchObject({ next: { createdDateTime: now, lastActionDateTime: now } });
});

test.each([
  ['NotStarted', 'answer', 'write', 'write', 'write'],
  ['Running', 'write', 'answer', 'write', 'write'],
  ['Completed', 'fail', 'fail', 'answer', 'fail'],
  ['Failed', 'fail', 'fail', 'fail', 'answer'],
] as const)('from %s, a change of the status to each of the four where an end is final', (from, ...steps) => {
  const current = stored({ operation: { ...newPlayPromptOperation('a'), status: from } });
  const decideAll = (keepsFinalStatus: boolean) =>
    operationStatuses.map((status) => decide({ patch: { status } }, { current, keepsFinalStatus }));
  const decisions = decideAll(true);
  expect(decisions.map(({ step }) => step)).toEqual(steps);
  const message = expect.stringMatching(new RegExp(`is ${from}\\b.*(another id|delete)`));
  const refusal = { reason: 'statusFinal', message };
  for (const decision of decisions) if (decision.step === 'fail') expect(decision.error).toMatchObject(refusal);
  expect(decideAll(false).map(({ step }) => step)).not.toContain('fail');
});

test.each<Row>([
  ['an end that the cache has is read again', {}, { isCached: true }, read],
  ['a precondition that fails comes first', ifMatch('"x"'), {}, fail('versionChanged')],
  ['a lost write comes first', {}, at(muchLater, lost), fail('unavailable')],
  ['the own write that ended it is answered', {}, at(own, lost), answer({ etag: own.etag }, 'written')],
  ['a repetition gets the first response', { repeatable }, at(after), answer(first)],
  ['other properties change', { patch: { clientContext: 'c' } }, {}, write('updated', 'Failed')],
])('where an end is final: %s', (_title, request, { current = stored(), ...rest }, decision) => {
  const failed = { ...current, operation: { ...current.operation, status: 'Failed' as const } };
  const known = { ...rest, current: failed, keepsFinalStatus: true };
  expect(decide({ ...same, ...request }, known)).toEqual(decision);
});

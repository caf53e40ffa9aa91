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

const fixed = { writeId: 'w', now: NOW, keepsFinalStatus: false };

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

type Row = [title: string, Partial<UpdateRequest>, Partial<UpdateKnowledge>, decision: object];

test.each<Row>([
  ['an operation that is not there is created', {}, {}, write('created')],
  ['one that is there is updated', {}, { current: base }, write('updated')],
  ['a patch that changes nothing is answered', same, { current: base }, answer(base)],
  ['unless it is recorded', { ...same, repeatable }, { current: base }, write(undefined, 'Running')],
  ['a patch without a member creates', { patch: {} }, {}, write('created', 'NotStarted')],

  ['If-Match that holds', ifMatch('"e"'), { current: base }, write('updated')],
  ['If-Match that is stale', ifMatch('"x"'), { current: base }, fail('versionChanged')],
  ['If-Match never creates', { preconditions: { ifMatch: '*' } }, {}, fail('versionMissing')],
  ['If-None-Match: * only creates', createOnly, { current: base }, fail('versionExcluded')],
  ['a precondition comes before no change', { ...same, ...ifMatch('"x"') }, { current: base }, fail('versionChanged')],

  ['what is cached is written over', {}, { isCached: true, current: base }, write('updated')],
  ['with If-Match too', ifMatch('"e"'), { isCached: true, current: base }, write('updated')],
  ['what is not cached is read', {}, { isCached: true }, read],
  ['unless it may only be created', createOnly, { isCached: true }, write('created')],
  ['the cache tells nobody that nothing changes', same, { isCached: true, current: base }, read],
  ['nor that a precondition fails', ifMatch('"x"'), { isCached: true, current: base }, read],
  ['nor that it exists', createOnly, { isCached: true, current: base }, read],
  ['nor what a forgotten response was', { repeatable }, { isCached: true, current: forgotten }, read],
  ['nor that a repetition is in doubt', { repeatable }, { isCached: true, current: dropped }, read],
  ['it has a first response', { repeatable }, { isCached: true, current: executed }, answer({ etag: 'W/"first"' })],

  ['a repetition gets the first response', { repeatable }, { current: after }, answer({ etag: 'W/"first"' })],
  [
    'conditions are not checked again',
    { repeatable, ...ifMatch('"x"') },
    { current: after },
    answer({ etag: 'W/"first"' }),
  ],
  ['a forgotten response is what is stored', { repeatable }, { current: forgotten }, answer(forgotten)],
  ['a repetition may be in doubt', { repeatable }, { current: dropped }, fail('repetitionUnknown')],
  ['a repetition with other content', { repeatable: differing }, { current: executed }, fail('repetitionDiffers')],

  ['a conflict is followed by another write', {}, { current: base, attempts: [{ base }] }, write('updated')],
  [
    'unless it has become unnecessary',
    same,
    { current: stored({ writes: ['x', 'v'] }), attempts: Array(MAX_ATTEMPTS).fill({ base }) },
    answer({ writes: ['x', 'v'] }),
  ],
  ['until there were too many', {}, { current: base, attempts: Array(MAX_ATTEMPTS).fill({ base }) }, fail('conflict')],
  [
    'of which one may have taken effect',
    {},
    { current: base, attempts: [...Array(MAX_ATTEMPTS - 1).fill({ base }), { base, cause }] },
    fail('unavailable'),
  ],
  [
    'a lost write that took effect',
    {},
    { current: stored({ writes: ['w', 'v', 'u'] }), attempts: [{ base, cause }] },
    answer({ writes: ['w', 'v', 'u'] }, 'written'),
  ],
  [
    'is no failed precondition',
    ifMatch('"e"'),
    { current: stored({ writes: ['w', 'v'], etag: 'W/"f"' }), attempts: [{ base, cause }] },
    answer({ etag: 'W/"f"' }, 'written'),
  ],
  [
    'nor one that had to create',
    createOnly,
    { current: stored({ writes: ['w'] }), attempts: [{ base: undefined, cause }] },
    answer({ writes: ['w'] }, 'written'),
  ],
  [
    'is not repeated over later writes',
    {},
    { current: stored({ writes: ['x', 'w', 'v'] }), attempts: [{ base, cause }] },
    answer({ writes: ['x', 'w', 'v'] }, 'written'),
  ],
  ['a lost write that did not', {}, { current: base, attempts: [{ base, cause }] }, write('updated')],
  ['a lost create that did not', {}, { attempts: [{ base: undefined, cause }] }, write('created')],
  ['a lost write whose operation is gone', {}, { attempts: [{ base, cause }] }, fail('unavailable')],
  ['before a precondition fails', ifMatch('"e"'), { attempts: [{ base, cause }] }, fail('unavailable')],
  ['a lost write after too many others', {}, { current: muchLater, attempts: [{ base, cause }] }, fail('unavailable')],
  [
    'a lost create after too many others',
    {},
    { current: muchLater, attempts: [{ base: undefined, cause }] },
    fail('unavailable'),
  ],
  [
    'a lost repeatable write after too many others',
    { repeatable },
    { current: { ...after, writes: muchLater.writes }, attempts: [{ base, cause }] },
    answer({ etag: 'W/"first"' }, 'unknown'),
  ],
  [
    'a lost create, and a lost update of what others created and removed',
    {},
    {
      attempts: [
        { base: undefined, cause },
        { base, cause },
      ],
    },
    fail('unavailable'),
  ],

  // A proxy, or the store, has made a write twice: the second answer is a conflict.
  ['a conflict with itself', {}, { current: own, attempts: [{ base }] }, answer(own, 'written')],
  ['is no failed precondition', ifMatch('"e"'), { current: own, attempts: [{ base }] }, answer(own, 'written')],
  [
    'nor that of a create',
    createOnly,
    { current: stored({ writes: ['w'] }), attempts: [{ base: undefined }] },
    answer({ writes: ['w'] }, 'written'),
  ],
  [
    'nor another request of the same id',
    { repeatable },
    { current: { ...executed, writes: ['w', 'v'] }, attempts: [{ base }] },
    answer({ etag: 'W/"first"' }, 'written'),
  ],
  [
    'nor what later writes made of it',
    { repeatable },
    { current: { ...after, writes: ['x', 'w', 'v'] }, attempts: [{ base }] },
    answer({ etag: 'W/"first"' }, 'written'),
  ],
  ['the last of many', {}, { current: own, attempts: Array(MAX_ATTEMPTS).fill({ base }) }, answer(own, 'written')],
  [
    'a conflict with others',
    ifMatch('"e"'),
    { current: stored({ writes: ['x', 'v'], etag: 'W/"f"' }), attempts: [{ base }] },
    fail('versionChanged'),
  ],
  [
    'which may be one with itself before too many others',
    ifMatch('"e"'),
    { current: muchLater, attempts: [{ base }] },
    fail('versionChanged', 'unknown'),
  ],
  [
    'so is that of a create',
    createOnly,
    { current: muchLater, attempts: [{ base: undefined }] },
    fail('versionExcluded', 'unknown'),
  ],
  [
    'and what another one makes unnecessary',
    same,
    { current: muchLater, attempts: [{ base }] },
    answer(muchLater, 'unknown'),
  ],
  [
    'or repeats',
    { repeatable },
    { current: { ...after, writes: muchLater.writes }, attempts: [{ base }] },
    answer({ etag: 'W/"first"' }, 'unknown'),
  ],
  [
    'it is followed by another write',
    {},
    { current: muchLater, attempts: [{ base }] },
    write('updated', 'Completed', 'unknown'),
  ],
  [
    'however the last attempt ended',
    ifMatch('"e"'),
    { current: muchLater, attempts: [{ base }, { base: muchLater }] },
    fail('versionChanged', 'unknown'),
  ],
  ['as when the operation is gone', {}, { attempts: [{ base }] }, write('created')],
  ['unless a precondition fails', ifMatch('"e"'), { attempts: [{ base }] }, fail('versionMissing')],
])('%s', (_title, request, known, decision) => {
  const whole = { id: 'a', patch: { status: 'Completed' }, preconditions: {}, ...request } as const;
  const knowledge = { current: undefined, isCached: false, attempts: [], ...fixed, ...known };
  expect(decideUpdate(whole, knowledge)).toEqual(decision);
});

test('a repeatable write records its request', () => {
  const request = { id: 'a', patch: {}, preconditions: {}, repeatable };
  const known = { current: base, isCached: false, attempts: [], ...fixed };
  expect(decideUpdate(request, known)).toMatchObject({ history: { latest: repeatable.key } });
});

test.each([
  ['NotStarted', 'answer', 'write', 'write', 'write'],
  ['Running', 'write', 'answer', 'write', 'write'],
  ['Completed', 'fail', 'fail', 'answer', 'fail'],
  ['Failed', 'fail', 'fail', 'fail', 'answer'],
] as const)('from %s, a change of the status to each of the four where an end is final', (from, ...steps) => {
  const current = stored({ operation: { ...newPlayPromptOperation('a'), status: from } });
  const known = { current, isCached: false, attempts: [], ...fixed };
  const decide = (keepsFinalStatus: boolean) => (status: (typeof operationStatuses)[number]) =>
    decideUpdate({ id: 'a', patch: { status }, preconditions: {} }, { ...known, keepsFinalStatus });
  const decisions = operationStatuses.map(decide(true));
  expect(decisions.map(({ step }) => step)).toEqual(steps);
  const refusal = {
    reason: 'statusFinal',
    message: expect.stringMatching(new RegExp(`is ${from}\\b.*(another id|delete)`)),
  };
  for (const decision of decisions) if (decision.step === 'fail') expect(decision.error).toMatchObject(refusal);
  expect(operationStatuses.map(decide(false)).map(({ step }) => step)).not.toContain('fail');
});

test.each<Row>([
  ['an end that the cache has is read again', {}, { isCached: true }, read],
  ['a precondition that fails comes first', ifMatch('"x"'), {}, fail('versionChanged')],
  ['a lost write comes first', {}, { attempts: [{ base, cause }], current: muchLater }, fail('unavailable')],
  [
    'the own write that ended it is answered',
    {},
    { attempts: [{ base, cause }], current: own },
    answer({ etag: own.etag }, 'written'),
  ],
  ['a repetition gets the first response', { repeatable }, { current: after }, answer({ etag: 'W/"first"' })],
  ['other properties change', { patch: { clientContext: 'c' } }, {}, write('updated', 'Failed')],
])('where an end is final: %s', (_title, request, { current = stored(), ...known }, decision) => {
  const failed = { ...current, operation: { ...current.operation, status: 'Failed' as const } };
  const whole = { id: 'a', patch: { status: 'Running' }, preconditions: {}, ...request } as const;
  const knowledge = { isCached: false, attempts: [], ...fixed, ...known, current: failed, keepsFinalStatus: true };
  expect(decideUpdate(whole, knowledge)).toEqual(decision);
});

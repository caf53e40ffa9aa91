// The history that the board keeps of the operations that it sees.
import { describe, expect, test } from '@jest/globals';
import { byTime, changesBetween, History, isStuck, runningTime } from '../../pages/board/history.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const operation = (changes = {}) => ({
  id: 'a',
  '@odata.etag': 'W/"1"',
  clientContext: null,
  resultInfo: null,
  status: 'Running',
  completionReason: null,
  ...changes,
});

test.each([
  ['Running', 10, 20 * 60_000, false],
  ['NotStarted', 11, 20 * 60_000, true],
  ['Completed', 11, 9 * 60_000, false],
])(
  '%s since 20 minutes, with its last action %i minutes ago, ran for %i ms; stuck: %s',
  (status, minutes, span, stuck) => {
    const ago = (count: number) => new Date(NOW.getTime() - count * 60_000).toISOString();
    const seen = operation({ status, createdDateTime: ago(20), lastActionDateTime: ago(minutes) });
    const history = new History();
    history.see(seen, NOW);
    expect(runningTime(seen, NOW)).toBe(span);
    const known = history.get('a');
    expect(known && isStuck(known, NOW)).toBe(stuck);
    history.miss('a', NOW);
    const deleted = history.get('a');
    expect(deleted && isStuck(deleted, NOW)).toBe(false);
  },
);

test('of an operation older than the times, nothing is said of them', () => {
  const history = new History();
  history.see(operation({ createdDateTime: null, lastActionDateTime: null }), NOW);
  const known = history.get('a');
  expect(known && [runningTime(known.operation, NOW), isStuck(known, NOW)]).toEqual([undefined, false]);
});

describe('what changed', () => {
  test('is named property by property, and null is not the text null', () => {
    const after = { clientContext: 'null', status: 'Failed', resultInfo: { code: 0, subcode: 7, message: null } };
    expect(changesBetween(operation(), operation(after))).toEqual([
      { property: 'status', from: 'Running', to: 'Failed' },
      { property: 'clientContext', from: null, to: 'null' },
      { property: 'resultInfo/code', from: null, to: 0 },
      { property: 'resultInfo/subcode', from: null, to: 7 },
    ]);
  });

  test('is each member of what became null, and whatever property a newer service has', () => {
    const resultInfo = { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 0, message: 'played' };
    expect(changesBetween(operation({ resultInfo }), operation({ newer: '2026', lastActionDateTime: '2026' }))).toEqual(
      [
        { property: 'newer', from: null, to: '2026' },
        { property: 'resultInfo/code', from: 200, to: null },
        { property: 'resultInfo/subcode', from: 0, to: null },
        { property: 'resultInfo/message', from: 'played', to: null },
      ],
    );
  });

  test('is nothing where only the ETag is another', () => {
    expect(changesBetween(operation(), operation({ '@odata.etag': 'W/"2"' }))).toEqual([]);
  });
});

describe('the history of an operation', () => {
  test('has when it was first seen, how it changed, that it was deleted, and that it came back', () => {
    const history = new History();
    expect(history.miss('a', NOW)).toBe(false);
    const later = '2026-11-23T11:30:00Z';
    expect(history.see(operation(), NOW)).toBe('new');
    expect(history.see(operation(), NOW)).toBeUndefined();
    expect(history.see(operation({ status: 'Failed', '@odata.etag': 'W/"2"', lastActionDateTime: later }), NOW)).toBe(
      'changed',
    );
    expect(history.miss('a', NOW)).toBe(true);
    expect(history.miss('a', NOW)).toBe(false);
    expect(history.see(operation(), NOW)).toBe('new');
    expect(history.get('a')?.entries).toEqual([
      { at: NOW, what: 'first seen' },
      { at: NOW, what: 'deleted' },
      { at: new Date(later), what: [{ property: 'status', from: 'Running', to: 'Failed' }] },
      { at: NOW, what: 'first seen' },
    ]);
  });

  test('is bounded, for one operation and for all', () => {
    const history = new History();
    for (let n = 0; n < 300; n++) history.see(operation({ '@odata.etag': `W/"${n}"` }), NOW);
    expect(history.get('a')?.entries).toHaveLength(100);
    for (let n = 0; n < 5000; n++) history.see(operation({ id: `b${n}` }), NOW);
    expect([history.get('a'), history.get('b0')?.operation.id]).toEqual([undefined, 'b0']);
    // What is still seen, although it does not change, stays.
    expect(history.see(operation({ id: 'b0' }), NOW)).toBeUndefined();
    history.see(operation({ id: 'c' }), NOW);
    expect([history.get('b0')?.operation.id, history.get('b1')]).toEqual(['b0', undefined]);
  });
});

test('the newest is first, and what has no time last, by id', () => {
  const known = (id: string, at?: Date) => ({
    ...{ operation: operation({ id }), changedAt: at, isDeleted: false, entries: [] },
  });
  const all = [known('c'), known('b'), known('old', new Date(1)), known('new', new Date(2))];
  expect(all.sort(byTime).map(({ operation: { id } }) => id)).toEqual(['new', 'old', 'b', 'c']);
});

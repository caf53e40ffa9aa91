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

const ago = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000).toISOString();

test.each([
  ['Running', ago(10), 20 * 60_000, false],
  ['NotStarted', ago(11), 20 * 60_000, true],
  ['Completed', ago(11), 9 * 60_000, false],
  // One that is older than the times.
  ['Running', null, undefined, false],
])('%s since 20 minutes, with its last action at %s, ran for %s ms; stuck: %s', (status, last, span, stuck) => {
  const createdDateTime = last === null ? null : ago(20);
  const seen = operation({ status, createdDateTime, lastActionDateTime: last });
  const history = new History();
  history.see(seen, NOW);
  expect(runningTime(seen, NOW)).toBe(span);
  const isKnownAsStuck = () => {
    const known = history.get('a');
    return known && isStuck(known, NOW);
  };
  expect(isKnownAsStuck()).toBe(stuck);
  history.miss('a', NOW);
  expect(isKnownAsStuck()).toBe(false);
});

test('what changed is named property by property, with those of a newer service, and null is not the text null', () => {
  const resultInfo = { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 0, message: 'played' };
  const after = { clientContext: 'null', status: 'Failed', resultInfo, newer: '2026', lastActionDateTime: '2026' };
  expect(changesBetween(operation(), operation(after))).toEqual([
    { property: 'status', from: 'Running', to: 'Failed' },
    { property: 'clientContext', from: null, to: 'null' },
    { property: 'resultInfo/code', from: null, to: 200 },
    { property: 'resultInfo/subcode', from: null, to: 0 },
    { property: 'resultInfo/message', from: null, to: 'played' },
    { property: 'newer', from: null, to: '2026' },
  ]);
  expect(changesBetween(operation({ resultInfo }), operation())).toEqual([
    { property: 'resultInfo/code', from: 200, to: null },
    { property: 'resultInfo/subcode', from: 0, to: null },
    { property: 'resultInfo/message', from: 'played', to: null },
  ]);
  expect(changesBetween(operation(), operation({ '@odata.etag': 'W/"2"' }))).toEqual([]);
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

// The history that the board keeps of the operations that it sees.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { byTime, changedAt, changesBetween, History } from '../../pages/board/history.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const etagAt = (time: string) => `W/"datetime'${encodeURIComponent(time)}'"`;
const operation = (changes = {}) => ({
  id: 'a',
  '@odata.etag': etagAt('2026-11-23T11:00:00.1234567Z'),
  clientContext: null,
  resultInfo: null,
  status: 'Running',
  completionReason: null,
  ...changes,
});

describe('the time in an ETag', () => {
  test('is that of Table Storage, to the millisecond', async () => {
    await fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
        expect(changedAt(etagAt(date.toISOString().replace('Z', '9999Z')))).toEqual(date);
      }),
    );
  });

  test.each(['', '*', 'W/"1"', '"abc"', `W/"datetime'x'"`, `W/"datetime'%'"`])('is not known in %s', (etag) => {
    expect(changedAt(etag)).toBeUndefined();
  });
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
    expect(changesBetween(operation({ resultInfo }), operation({ createdDateTime: '2026' }))).toEqual([
      { property: 'createdDateTime', from: null, to: '2026' },
      { property: 'resultInfo/code', from: 200, to: null },
      { property: 'resultInfo/subcode', from: 0, to: null },
      { property: 'resultInfo/message', from: 'played', to: null },
    ]);
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
    expect(history.see(operation({ status: 'Failed', '@odata.etag': etagAt(later) }), NOW)).toBe('changed');
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

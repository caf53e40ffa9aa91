// What somebody on call does to the rows, by a stand-in for the Azure CLI whose table is a real one.
import { readFileSync } from 'node:fs';
import { beforeEach, expect, test } from '@jest/globals';
import { useRows } from '../../infra/storeRows.ts';
import { createSubscriptionRepository } from '../../shared/store/subscriptionRepository.ts';
import { aSubscription } from '../support/notifications.ts';
import { TENANT } from '../support/operations.ts';
import { newTableSettings, tableClient } from '../support/tables.ts';

const settings = newTableSettings();
const rows = tableClient(settings.name);
const subscriptions = createSubscriptionRepository(settings);
const signal = AbortSignal.timeout(60_000);

beforeEach(async () => {
  await rows.createTable();
  for await (const { partitionKey = '', rowKey = '' } of rows.listEntities())
    await rows.deleteEntity(partitionKey, rowKey);
  for (const [n, applicationId] of ['bad', 'good', 'bad'].entries())
    await subscriptions.create(aSubscription({ id: `${n + 1}`, applicationId }), signal);
});

/** Runs it, with the filter of the runbook, and returns what was called and printed; the store refuses some first queries. */
async function run({ isDeletion = true, refusals = 2, fails = /never/, isLocked = true, pauseMs = 1 } = {}) {
  const [, filter = ''] =
    /npm run break-glass .*--delete[^"]*--filter "([^"]+)"/s.exec(readFileSync('docs/runbook.md', 'utf8')) ?? [];
  const calls: string[] = [];
  const printed: string[] = [];
  const interrupted = new AbortController();
  const print = (line: string) => {
    printed.push(line);
    // As by Ctrl-C, in a wait that has no end.
    if (line.includes('does not admit it') && pauseMs > 1) interrupted.abort();
  };
  const result = useRows({
    ...{ group: 'rg', address: '203.0.113.7', isDeletion, pauseMs, signal: interrupted.signal, print },
    filter: filter.replace('{tenant}', TENANT).replace('{application}', 'bad'),
    async az(args) {
      const option = (key: string) => args[args.indexOf(`--${key}`) + 1] ?? '';
      const command = args.join(' ').replace(/ --.*/s, '');
      calls.push(command);
      if (fails.test(args.join(' '))) throw new Error('it failed');
      if (command === 'storage account list') return JSON.stringify([{ name: 'stops1', id: '/stops1' }]);
      if (command === 'lock list') return JSON.stringify(isLocked ? [{ name: 'noDelete' }] : []);
      if (command === 'ad signed-in-user show') return '{"id":"me"}';
      if (command === 'storage entity delete') await rows.deleteEntity(option('partition-key'), option('row-key'));
      if (command !== 'storage entity query') return '';
      if (refusals-- > 0) throw new Error('AuthorizationFailure');
      const items = [];
      for await (const { partitionKey, rowKey } of rows.listEntities({ queryOptions: { filter: option('filter') } })) {
        items.push({ PartitionKey: partitionKey, RowKey: rowKey });
      }
      return JSON.stringify({ items, nextMarker: {} });
    },
  });
  const found = await result.catch((error: Error) => error.message);
  const left = (await subscriptions.list(TENANT, signal)).map(({ id }) => id);
  return { calls: calls.slice(3), printed: printed.join('\n'), found, left };
}

const opens = ['storage account network-rule add', 'storage account update', 'role assignment create'];
const closes = [
  ...['lock delete', 'role assignment delete', 'lock create', 'storage account update'],
  'storage account network-rule remove',
];
const queries = Array<string>(3).fill('storage entity query');

test('the command of the runbook ends the subscriptions of one application, and closes what it opened', async () => {
  const { calls, found, left } = await run();
  expect(left).toEqual(['2']);
  expect(found).toHaveLength(2);
  const deletions = ['storage entity delete', 'storage entity delete', 'storage entity query'];
  expect(calls).toEqual([...opens, ...queries, ...deletions, ...closes]);
});

test('without --delete it only reads, and a group without a lock gets none', async () => {
  const { calls, left } = await run({ isDeletion: false, isLocked: false });
  expect(left).toEqual(['1', '2', '3']);
  expect(calls).toEqual([...opens, ...queries, ...closes.filter((call) => !call.startsWith('lock'))]);
});

test.each([
  ['the store never admits it', { refusals: 100 }, 'AuthorizationFailure', closes],
  ['the wait is interrupted', { pauseMs: 600_000 }, 'The operation was aborted', closes],
  ['a deletion fails', { fails: /entity delete/ }, 'it failed', closes],
  ['the role is not given', { fails: /role assignment create/ }, 'it failed', closes],
  ['the rule is refused', { fails: /network-rule add/ }, 'it failed', closes.slice(-1)],
])('when %s, everything is closed', async (_title, given, message, closed) => {
  const { calls, found } = await run(given);
  expect(found).toBe(message);
  expect(calls.slice(-closed.length)).toEqual(closed);
});

test('what cannot be closed is named, and the rest is closed', async () => {
  const { calls, printed } = await run({ fails: /Disabled/ });
  expect(calls.slice(-closes.length)).toEqual(closes);
  const command = 'az storage account update --name stops1 --resource-group rg --public-network-access Disabled';
  expect(printed).toContain(command);
  expect(printed.split('stays open:\n')[1]?.split('\n')).toHaveLength(1);
});

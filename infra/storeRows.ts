// Rows of the table, which has no public endpoint, for somebody who is on call: by a network rule and a role that last as long
// as the work.
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';

const TABLE = 'playPromptOperations';
const TABLE_DATA_CONTRIBUTOR = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3';
const LOCK = 'noDelete';

/** How often the store is asked, and at what interval, until the rule and the role have spread. */
const ATTEMPTS = 20;
const ATTEMPT_PAUSE_MS = 30_000;

const accountOfGroup = z.looseObject({ name: z.string(), id: z.string() });
const row = z.looseObject({ PartitionKey: z.string(), RowKey: z.string() });
export type Row = z.infer<typeof row>;

export interface Access {
  /** The resource group. */
  readonly group: string;
  /** The public address that the store is opened for. */
  readonly address: string;
  /** Which rows, in the filter language of Table Storage. */
  readonly filter: string;
  readonly isDeletion: boolean;
  /** Runs the Azure CLI and returns what it prints. */
  readonly az: (args: readonly string[]) => Promise<string>;
  readonly print: (line: string) => void;
  /** Ends the wait for the store, not what is undone. */
  readonly signal?: AbortSignal;
  /** How long to wait before the store is asked again. */
  readonly pauseMs?: number;
}

/**
 * Reads the rows that match, or deletes them, from outside the network. Whatever happens, the store is closed again: every
 * change has its undo, and what could not be undone is an error that names the command.
 */
export async function useRows(access: Access): Promise<readonly Row[]> {
  const { group, address, filter, isDeletion, az, print, signal, pauseMs = ATTEMPT_PAUSE_MS } = access;
  const [account] = await ask(z.array(accountOfGroup), `storage account list --resource-group ${group}`, [
    '--query',
    "[?starts_with(name, 'stops')]",
  ]);
  if (!account)
    throw new Error(`${group} has no storage account of operations. For Azure Cosmos DB see docs/runbook.md.`);
  const { id: user } = await ask(z.looseObject({ id: z.string() }), 'ad signed-in-user show');
  const locks = await ask(z.array(z.looseObject({ name: z.string() })), `lock list --resource-group ${group}`);
  const isLocked = locks.some(({ name }) => name === LOCK);

  const rule = `--account-name ${account.name} --resource-group ${group} --ip-address ${address}`;
  const network = `storage account update --name ${account.name} --resource-group ${group} --public-network-access`;
  const role = `--role ${TABLE_DATA_CONTRIBUTOR} --scope ${account.id}/tableServices/default/tables/${TABLE}`;
  const entities = `--account-name ${account.name} --table-name ${TABLE} --auth-mode login`;
  const undo: string[] = [];
  try {
    undo.unshift(`storage account network-rule remove ${rule}`);
    await change(`storage account network-rule add ${rule}`);
    undo.unshift(`${network} Disabled`);
    await change(`${network} Enabled`);
    undo.unshift(`role assignment delete --assignee ${user} ${role}`);
    // A lock also keeps the assignments of roles:
    // https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
    if (isLocked) {
      undo.unshift(`lock delete --name ${LOCK} --resource-group ${group}`);
      undo.splice(2, 0, `lock create --name ${LOCK} --resource-group ${group} --lock-type CanNotDelete`);
    }
    await change(`role assignment create --assignee-object-id ${user} --assignee-principal-type User ${role}`);

    let rows = await query();
    const found = [...rows];
    while (isDeletion && rows.length > 0) {
      for (const { PartitionKey, RowKey } of rows) {
        const keys = ['--partition-key', PartitionKey, '--row-key', RowKey];
        await change(`storage entity delete ${entities} --if-match *`, keys);
      }
      rows = await query();
      found.push(...rows);
    }
    return found;
  } finally {
    const left: string[] = [];
    for (const command of undo) await change(command).catch(() => left.push(`az ${command}`));
    if (left.length > 0) print(`\nThese failed. Run them now, or the store stays open:\n${left.join('\n')}`);
  }

  /** The first 1,000 rows that match, as soon as the store admits the query. */
  async function query(): Promise<readonly Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await ask(z.object({ items: z.array(row) }), `storage entity query ${entities}`, ['--filter', filter]))
          .items;
      } catch (error) {
        if (!/Authorization|Forbidden|not authorized/i.test(String(error)) || attempt === ATTEMPTS) throw error;
        print('  the store does not admit it yet');
        await delay(pauseMs, undefined, { signal });
      }
    }
  }

  async function change(command: string, values: readonly string[] = []): Promise<void> {
    print(`  az ${[command, ...values].join(' ')}`);
    await az([...command.split(' '), ...values]);
  }

  async function ask<Answer>(
    answer: z.ZodType<Answer>,
    command: string,
    values: readonly string[] = [],
  ): Promise<Answer> {
    return answer.parse(JSON.parse(await az([...command.split(' '), ...values, '--output', 'json'])));
  }
}

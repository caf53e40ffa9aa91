// `npm run break-glass`: rows of a table behind private endpoints, for an owner of the resource group.
import { readCommandLine } from '../local/commandLine.ts';
import { az } from './azureCli.ts';
import { useRows } from './storeRows.ts';

const USAGE = `
npm run break-glass -- --group GROUP --address ADDRESS --filter FILTER [--delete]

Prints the rows of the table in Azure Table Storage that match a filter, at most 1,000, or deletes all of them. It opens the
store for one address and gives the user of the Azure CLI a role, and undoes both at the end, whatever happens.

  --group GROUP      the resource group
  --address ADDRESS  the public IPv4 address of this machine
  --filter FILTER    such as "PartitionKey eq 'service' and RowKey eq 'key'"
  --delete           delete the rows
  --help             print this text
`;

const {
  group,
  address,
  filter,
  delete: isDeletion,
} = readCommandLine(USAGE, {
  group: { type: 'string' },
  address: { type: 'string' },
  filter: { type: 'string' },
  delete: { type: 'boolean', default: false },
}).values;

if (!group || !address || !filter) {
  console.error('--group, --address and --filter are needed. See --help.');
  process.exitCode = 1;
} else {
  // Ctrl-C ends what runs; then everything is undone.
  const interrupted = new AbortController();
  process.on('SIGINT', () => interrupted.abort());
  const rows = await useRows({
    ...{ group, address, filter, isDeletion },
    az,
    print: console.error,
    signal: interrupted.signal,
  });
  console.error(`${rows.length} rows ${isDeletion ? 'deleted' : 'found'}`);
  if (!isDeletion) console.log(JSON.stringify(rows, null, 2));
}

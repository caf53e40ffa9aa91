// `npm run entra`: the app registration of the service in Microsoft Entra ID, by the Azure CLI and as whoever is signed in
// there. Bicep does the rest (bootstrap.bicep).
import * as z from 'zod';
import { readCommandLine } from '../local/commandLine.ts';
import { az } from './azureCli.ts';
import { setUpEntra } from './entraSetup.ts';

const USAGE = `
npm run entra -- [options]

Registers the service in Microsoft Entra ID and gives callers its app role Calls.Initiate.All. It is safe to repeat.
It needs the Azure CLI.

  --grant ID   object id of a service principal or managed identity that may call the service; may be repeated
  --name NAME  the name of the app registration, by default playpromptoperation
  --dry-run    only print what would be done
  --help       print this text
`;

const { values } = readCommandLine(USAGE, {
  name: { type: 'string', default: 'playpromptoperation' },
  grant: { type: 'string', multiple: true, default: [] },
  'dry-run': { type: 'boolean', default: false },
});
const grant = z.array(z.guid()).safeParse(values.grant).data;

if (grant === undefined) {
  console.error('--grant takes the object id (a GUID) of a service principal or managed identity.');
  process.exitCode = 1;
} else {
  await setUpEntra({
    name: values.name,
    grant,
    isDryRun: values['dry-run'],
    az,
    print: console.log,
  });
}

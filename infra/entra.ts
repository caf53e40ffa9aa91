// `npm run entra -- --repository owner/name`: sets up in Microsoft Entra ID and on the subscription what a deployment
// needs before it can begin, by the Azure CLI and as whoever is signed in there. It is safe to repeat; with --dry-run it
// only says what it would do.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as z from 'zod';
import { readCommandLine } from '../local/commandLine.ts';
import { setUpEntra } from './entraSetup.ts';

const USAGE = `
npm run entra -- --repository OWNER/NAME [options]

Sets up in Microsoft Entra ID, and on the subscription, what a deployment from GitHub needs. It is safe to repeat.

  --repository OWNER/NAME  the repository that deploys
  --name NAME              the name of the app registrations, by default playpromptoperation
  --environment NAME       an environment of the repository, may be repeated; by default staging and production
  --dry-run                only print what would be done
  --help                   print this text
`;

const { values } = readCommandLine(USAGE, {
  name: { type: 'string', default: 'playpromptoperation' },
  repository: { type: 'string' },
  environment: { type: 'string', multiple: true, default: ['staging', 'production'] },
  'dry-run': { type: 'boolean', default: false },
});
const repository = z
  .string()
  .regex(/^[\w.-]+\/[\w.-]+$/)
  .safeParse(values.repository).data;

if (repository === undefined) {
  console.error('It needs the repository on GitHub that deploys: --repository owner/name');
  process.exitCode = 1;
} else {
  await setUpEntra({
    name: values.name,
    repository,
    environments: values.environment,
    isDryRun: values['dry-run'],
    az: async (args) => (await promisify(execFile)('az', args)).stdout,
    print: console.log,
  });
}

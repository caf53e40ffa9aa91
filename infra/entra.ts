// `npm run entra -- --repository owner/name`: sets up in Microsoft Entra ID and on the subscription what a deployment
// needs before it can begin, by the Azure CLI and as whoever is signed in there. It is safe to repeat; with --dry-run it
// only says what it would do.
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import * as z from 'zod';
import { setUpEntra } from './entraSetup.ts';

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'playpromptoperation' },
    repository: { type: 'string' },
    environment: { type: 'string', multiple: true, default: ['staging', 'production'] },
    'dry-run': { type: 'boolean', default: false },
  },
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

// The app registration of the service, set up against a stand-in for the Azure CLI.
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from '@jest/globals';
import * as z from 'zod';
import { setUpEntra } from '../../infra/entraSetup.ts';
import { createFakeAz } from '../support/fakeAz.ts';
import { newFolder } from '../support/service.ts';

let az = createFakeAz();
beforeEach(() => {
  az = createFakeAz();
});

const DEPLOYER = '33333333-3333-4333-8333-333333333333';

/** Sets up, and returns what was printed. */
async function run({ isDryRun = false } = {}) {
  const lines: string[] = [];
  const setup = { name: 'playpromptoperation', grant: [DEPLOYER], isDryRun, pauseMs: 1 };
  await setUpEntra({ ...setup, az: az.run, print: (line) => lines.push(line) });
  return `${lines.join('\n')}\n`;
}

const registration = z.looseObject({ id: z.string(), appId: z.string(), appRoles: z.array(z.looseObject({})) });
const service = () =>
  registration.parse(az.objects.applications?.find(({ displayName }) => displayName === 'playpromptoperation'));

test('it registers the service and gives callers its app role, without a secret', async () => {
  const printed = await run();

  const { appId, appRoles } = service();
  expect(service()).toMatchObject({
    signInAudience: 'AzureADMyOrg',
    identifierUris: [`api://${appId}`],
    api: { requestedAccessTokenVersion: 2 },
    optionalClaims: { accessToken: [{ name: 'idtyp' }] },
  });
  const role = { allowedMemberTypes: ['Application'], isEnabled: true };
  expect(appRoles).toMatchObject(['Calls.Initiate.All', 'Calls.AccessMedia.All'].map((value) => ({ ...role, value })));

  const { objects } = az;
  const { applications: _, servicePrincipals, ...others } = objects;
  const resourceId = servicePrincipals?.find((one) => one.appId === appId)?.id;
  const assigned = expect.objectContaining({ principalId: DEPLOYER, resourceId, appRoleId: appRoles[0]?.id });
  expect(others).toEqual({ [`servicePrincipals/${DEPLOYER}/appRoleAssignments`]: [assigned] });
  expect(printed).toContain(`AUTH_AUDIENCES=${appId}\n`);
  expect(JSON.stringify(objects)).not.toMatch(/passwordCredential|keyCredential|secretText/);
});

test('a dry run prints everything that it would do, and does nothing; to repeat a run changes nothing', async () => {
  const planned = (await run({ isDryRun: true })).match(/^ {2}\+ .*/gm);
  expect(az.changes).toEqual([]);
  const done = (await run()).match(/^ {2}\+ .*/gm);
  expect(planned).toHaveLength(done?.length ?? 0);
  az.changes.length = 0;
  expect(await run()).not.toContain('  + ');
  expect(az.changes).toEqual([]);
});

test('what others have added to the registration stays, and what they have taken away is put back', async () => {
  await run();
  const other = { id: 'other', value: 'Other.All', isEnabled: true };
  Object.assign(az.objects.applications?.[0] ?? {}, {
    identifierUris: ['https://contoso.example'],
    api: { requestedAccessTokenVersion: 1, knownClientApplications: ['a'] },
    appRoles: [other, { id: 'kept', value: 'Calls.Initiate.All', isEnabled: false }],
    optionalClaims: { idToken: [], accessToken: [{ name: 'email' }] },
  });
  await run();
  expect(service()).toMatchObject({
    identifierUris: ['https://contoso.example', expect.stringMatching(/^api:/)],
    api: { requestedAccessTokenVersion: 2, knownClientApplications: ['a'] },
    appRoles: [
      other,
      { id: 'kept', value: 'Calls.Initiate.All', isEnabled: true },
      { value: 'Calls.AccessMedia.All', isEnabled: true },
    ],
    optionalClaims: { idToken: [], accessToken: [{ name: 'email' }, { name: 'idtyp' }] },
  });
});

test('two registrations of one name are left alone', async () => {
  az.objects.applications = ['a', 'b'].map((id) => ({ id, appId: id, displayName: 'playpromptoperation' }));
  await expect(run()).rejects.toThrow('There are 2 app registrations named playpromptoperation.');
  expect(az.changes).toEqual([]);
});

/** Runs Node with a shell script in the place of the Azure CLI, and returns what it printed. */
async function runWithAz(script: string, ...args: string[]) {
  const folder = newFolder();
  writeFileSync(join(folder.path, 'az'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const env = { PATH: `${folder.path}${delimiter}${process.env.PATH}` };
  try {
    return (await promisify(execFile)(process.execPath, args, { env })).stdout;
  } finally {
    folder.remove();
  }
}
const testWithShell = process.platform === 'win32' ? test.skip : test;

testWithShell('JSON reaches the Azure CLI in a file, which is there as long as it runs', async () => {
  const args = JSON.stringify(['rest', '--body', '{"a":"\\"b\\" & %c%"}']);
  const program = `import { az } from './infra/azureCli.ts'; console.log(await az(${args}));`;
  const script = 'echo "$3"\ncat "$(echo "$3" | tr -d @)"';
  const [file = '', content] = (await runWithAz(script, '--input-type=module', '--eval', program)).split('\n');
  expect([content, existsSync(file.slice(1))]).toEqual(['{"a":"\\"b\\" & %c%"}', false]);
});

testWithShell('the command runs the Azure CLI of the path, and takes object ids only', async () => {
  const script = `case "$1 $2" in "account show") echo '{"id":"s","tenantId":"t"}';; "rest --method") echo '{"value":[]}';; *) echo '[]';; esac`;
  const grant = (id: string) => runWithAz(script, 'infra/entra.ts', '--dry-run', '--grant', id);
  const printed = await grant(DEPLOYER);
  expect(printed).toContain('Tenant t: nothing is changed');
  expect(printed).toContain(`  + give ${DEPLOYER} the app role Calls.Initiate.All`);
  await expect(grant('my-bot')).rejects.toThrow('--grant takes the object id');
});

// What Entra must know before a deployment, set up against a stand-in for the Azure CLI.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from '@jest/globals';
import * as z from 'zod';
import { setUpEntra } from '../../infra/entraSetup.ts';
import { createFakeAz } from '../support/fakeAz.ts';

let az = createFakeAz();
beforeEach(() => {
  az = createFakeAz();
});

/** Sets up, and answers what was printed. */
async function run({ isDryRun = false } = {}) {
  const lines: string[] = [];
  const environments = ['staging', 'production'];
  const setup = { name: 'playpromptoperation', repository: 'contoso/prompts', environments, isDryRun, pauseMs: 1 };
  await setUpEntra({ ...setup, az: az.run, print: (line) => lines.push(line) });
  return `${lines.join('\n')}\n`;
}

const registration = z.looseObject({
  id: z.string(),
  appId: z.string(),
  appRoles: z.array(z.looseObject({})).default([]),
});
const named = (name: string) =>
  registration.parse(az.objects.applications?.find(({ displayName }) => displayName === name));

test('it makes all that a deployment needs, without a secret', async () => {
  const printed = await run();

  const service = named('playpromptoperation');
  expect(service).toMatchObject({
    signInAudience: 'AzureADMyOrg',
    identifierUris: [`api://${service.appId}`],
    api: { requestedAccessTokenVersion: 2 },
    optionalClaims: { accessToken: [{ name: 'idtyp' }] },
  });
  expect(service.appRoles).toEqual(
    ['Calls.Initiate.All', 'Calls.AccessMedia.All'].map((value) =>
      expect.objectContaining({ value, allowedMemberTypes: ['Application'], isEnabled: true }),
    ),
  );

  const { objects } = az;
  const deployer = named('playpromptoperation-deploy');
  const previewer = named('playpromptoperation-what-if');
  const subjects = (id: string) =>
    objects[`applications/${id}/federatedIdentityCredentials`]?.map(({ subject }) => subject);
  expect(subjects(deployer.id)).toEqual([
    'repo:contoso/prompts:environment:staging',
    'repo:contoso/prompts:environment:production',
  ]);
  expect(subjects(previewer.id)).toEqual(['repo:contoso/prompts:pull_request']);

  const principalOf = (appId: string) => objects.servicePrincipals?.find((one) => one.appId === appId)?.id;
  const rolesOf = (appId: string) =>
    objects.roleAssignments?.filter(({ principal }) => principal === principalOf(appId)).map(({ role }) => role);
  expect(rolesOf(deployer.appId)).toEqual(['Contributor', 'Role Based Access Control Administrator']);
  expect(rolesOf(previewer.appId)).toEqual(['playpromptoperation what-if']);
  expect(objects.roles?.[0]?.Actions).not.toContainEqual(expect.stringMatching(/write|delete|^\*$/));
  expect(objects[`servicePrincipals/${principalOf(deployer.appId)}/appRoleAssignments`]).toMatchObject([
    { resourceId: principalOf(service.appId), appRoleId: service.appRoles[0]?.id },
  ]);

  expect(printed).toContain(`AZURE_CLIENT_ID=${deployer.appId}\n`);
  expect(printed).toContain(`AZURE_WHAT_IF_CLIENT_ID=${previewer.appId}\n`);
  expect(printed).toContain(`AUTH_AUDIENCES=${service.appId}\n`);
  expect(JSON.stringify(objects)).not.toMatch(/passwordCredential|keyCredential|secretText/);
});

test('to repeat it changes nothing', async () => {
  await run();
  az.changes.length = 0;
  expect(await run()).not.toContain('  + ');
  expect(az.changes).toEqual([]);
});

test('a dry run tells all that it would do, and does none of it', async () => {
  const planned = (await run({ isDryRun: true })).match(/^ {2}\+ .*/gm);
  expect(az.changes).toEqual([]);
  const done = (await run()).match(/^ {2}\+ .*/gm);
  expect(planned).toHaveLength(done?.length ?? 0);
  expect(await run({ isDryRun: true })).not.toContain('  + ');
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
  Object.assign(
    az.objects[`applications/${named('playpromptoperation-what-if').id}/federatedIdentityCredentials`]?.[0] ?? {},
    {
      subject: 'repo:someone/else:pull_request',
    },
  );
  await run();
  expect(named('playpromptoperation')).toMatchObject({
    identifierUris: ['https://contoso.example', expect.stringMatching(/^api:/)],
    api: { requestedAccessTokenVersion: 2, knownClientApplications: ['a'] },
    appRoles: [
      other,
      { id: 'kept', value: 'Calls.Initiate.All', isEnabled: true },
      { value: 'Calls.AccessMedia.All', isEnabled: true },
    ],
    optionalClaims: { idToken: [], accessToken: [{ name: 'email' }, { name: 'idtyp' }] },
  });
  expect(JSON.stringify(az.objects)).not.toContain('someone/else');
});

test('two registrations of one name are left alone', async () => {
  az.objects.applications = ['a', 'b'].map((id) => ({ id, appId: id, displayName: 'playpromptoperation' }));
  await expect(run()).rejects.toThrow('There are 2 app registrations named playpromptoperation.');
  expect(az.changes).toEqual([]);
});

// The command that stands in for the Azure CLI is a shell script.
const testWithShell = process.platform === 'win32' ? test.skip : test;

testWithShell('the command runs the Azure CLI of the path, and needs to know the repository', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'playpromptoperation-entra-'));
  const command = join(folder, 'az');
  const answers = `case "$1 $2" in "account show") echo '{"id":"s","tenantId":"t"}';; "rest --method") echo '{"value":[]}';; *) echo '[]';; esac`;
  writeFileSync(command, `#!/bin/sh\n${answers}\n`);
  chmodSync(command, 0o755);
  const start = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['infra/entra.ts', '--dry-run', ...args], {
      env: { PATH: `${folder}${delimiter}${process.env.PATH}` },
    });
  try {
    const { stdout } = await start('--repository', 'contoso/prompts');
    expect(stdout).toContain('Tenant t, subscription s: nothing is changed');
    expect(stdout).toContain(
      '  + playpromptoperation-deploy: believe tokens of repo:contoso/prompts:environment:staging',
    );
    await expect(start()).rejects.toThrow('--repository owner/name');
    await expect(start('--repository', 'contoso')).rejects.toThrow('--repository owner/name');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

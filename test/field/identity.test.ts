// Microsoft's libraries that get tokens, unmodified, against `npm start -- --https`. They refuse plain http.
import { execFile } from 'node:child_process';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { installPackages } from '../../local/installPackages.ts';
import { trustService } from '../../local/running.ts';
import { patch } from '../support/service.ts';
import { useService } from '../support/useService.ts';

const FOLDER = 'test/field/identity';

const service = useService({}, ['--host', 'embedded', '--https']);
const others = getCACertificates();
beforeAll(() => {
  installPackages(FOLDER);
  trustService(service.facts);
}, 120_000);
afterAll(() => setDefaultCACertificates(others));

/** What a script prints of its token, and the status of an update with it. */
async function use(file: string) {
  const { facts } = service;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: facts.certificate };
  const args = [`${FOLDER}/${file}`, JSON.stringify(facts)];
  const seen = JSON.parse((await promisify(execFile)(process.execPath, args, { env })).stdout);
  const { status } = await patch({ facts: { ...facts, token: seen.token } }, { id: 'by-token' });
  return { ...seen, status };
}

test('ClientSecretCredential of @azure/identity gets a token with the default role', async () => {
  const { expiresOnTimestamp, status } = await use('azureIdentity.js');
  expect(expiresOnTimestamp - Date.now()).toBeGreaterThan(3_000_000);
  expect(status).toBe(200);
});

test('client credentials of @azure/msal-node get a token with the default role, and cache it', async () => {
  expect(await use('msalNode.js')).toMatchObject({ fromCache: true, status: 200 });
});

// As in Azure: the table service over https, with a token of the app's managed identity instead of a key.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { close, listen } from '../../local/loopback.ts';
import { writeCertificate } from '../support/certificate.ts';
import { startHttpsStore } from '../support/httpsStore.ts';
import { TENANT } from '../support/operations.ts';
import { newFolder, patch, startService } from '../support/service.ts';

const CLIENT_ID = '33333333-3333-4333-8333-333333333333';

/** What the endpoint of the managed identity does, and what was asked of it. */
let behavior: 'responds' | 'refuses' | 'hangs' = 'responds';
const asked: URLSearchParams[] = [];
const endpoint = createServer(async (request, response) => {
  asked.push(new URL(request.url ?? '', 'http://127.0.0.1').searchParams);
  if (behavior === 'hangs') return;
  response.setHeader('Content-Type', 'application/json');
  if (behavior === 'refuses') {
    response.writeHead(400).end(JSON.stringify({ error: 'invalid_request', error_description: 'No such identity.' }));
    return;
  }
  const now = Math.floor(Date.now() / 1000);
  const iss = `https://sts.windows.net/${TENANT}/`;
  const claims = { aud: 'https://storage.azure.com', iss, iat: now, nbf: now, exp: now + 3600 };
  const access_token = await issuer.sign(claims);
  response.end(JSON.stringify({ access_token, expires_on: claims.exp, token_type: 'Bearer' }));
});

const folder = newFolder();
let issuer: Issuer;
let store: Awaited<ReturnType<typeof startHttpsStore>>;
let settings: NodeJS.ProcessEnv;
beforeAll(async () => {
  const certificate = await writeCertificate(folder.path);
  [issuer, store] = await Promise.all([startIssuer(0), startHttpsStore(certificate)]);
  settings = {
    TABLES_ENDPOINT: `https://127.0.0.1:${store.port}/devstoreaccount1`,
    AZURE_CLIENT_ID: CLIENT_ID,
    IDENTITY_ENDPOINT: `http://127.0.0.1:${await listen(endpoint, 0, '')}/msi/token`,
    IDENTITY_HEADER: 'secret',
    NODE_EXTRA_CA_CERTS: certificate.cert,
  };
});
afterAll(async () => {
  endpoint.closeAllConnections();
  await Promise.all([store.stop(), close(endpoint), issuer.close()]);
  folder.remove();
});

test('an operation is stored with the managed identity that AZURE_CLIENT_ID names, and is a 503 until that responds', async () => {
  behavior = 'refuses';
  const service = await startService(settings);
  const update = () => patch(service, { id: 'kept', status: 'Running' });
  const refused = await update();
  behavior = 'hangs';
  const hanging = await Promise.all([update(), update()]);
  behavior = 'responds';
  asked.length = 0;
  let stored = await update();
  while (stored.status === 503) stored = await update();
  const again = await update();
  await service.end('SIGINT');

  for (const response of [refused, ...hanging]) {
    expect(response).toMatchObject({ status: 503, json: { error: { code: 'ServiceUnavailable' } } });
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(JSON.stringify(response.json)).not.toMatch(/identity/i);
  }
  expect(stored).toMatchObject({ status: 200, json: { status: 'Running' } });
  expect(again.json).toEqual(stored.json);
  expect(asked.map((query) => [query.get('client_id'), query.get('resource')])).toEqual([
    [CLIENT_ID, 'https://storage.azure.com'],
  ]);
});

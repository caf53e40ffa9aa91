// As in Azure: the table service over https, with a token of the app's managed identity instead of a key.
import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { startIssuer } from '../../local/issuer.ts';
import { close, listen } from '../../local/loopback.ts';
import { writeCertificate } from '../support/certificate.ts';
import { startHttpsStore } from '../support/httpsStore.ts';
import { TENANT } from '../support/operations.ts';
import { newFolder, patch, startService } from '../support/service.ts';

const CLIENT_ID = '33333333-3333-4333-8333-333333333333';

test('an operation is stored with the managed identity that AZURE_CLIENT_ID names', async () => {
  const service = await startWithIdentity('responds');

  const first = await service.patch({ clientContext: 'c', status: 'Running' });
  const again = await service.patch({ clientContext: 'c' });

  await service.stop();
  expect([first.status, again.status]).toEqual([200, 200]);
  expect(again.json).toEqual(first.json);
  expect(service.requests).toHaveLength(1);
  expect(service.requests[0]?.get('client_id')).toBe(CLIENT_ID);
  expect(service.requests[0]?.get('resource')).toBe('https://storage.azure.com');
});

test('a managed identity that refuses or hangs makes the store unavailable, and nothing else, until it responds', async () => {
  const service = await startWithIdentity('refuses');
  const update = () => service.patch({ clientContext: 'c', status: 'Running' });

  const refused = await update();
  service.identity.now = 'hangs';
  const hanging = await Promise.all([update(), update()]);
  service.identity.now = 'responds';
  let last = await update();
  while (last.status === 503) last = await update();

  await service.stop();
  for (const response of [refused, ...hanging]) {
    expect(response).toMatchObject({ status: 503, json: { error: { code: 'ServiceUnavailable' } } });
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(JSON.stringify(response.json)).not.toMatch(/identity/i);
  }
  expect(last).toMatchObject({ status: 200, json: { status: 'Running' } });
});

/** The app, a table service that takes tokens only, and an endpoint of a managed identity whose behavior can be set. */
async function startWithIdentity(behavior: 'responds' | 'refuses' | 'hangs') {
  const folder = newFolder();
  const certificate = await writeCertificate(folder.path);
  const store = await startHttpsStore(certificate);
  const issuer = await startIssuer(0);
  const requests: URLSearchParams[] = [];
  const identity = { now: behavior };
  const endpoint = createServer(async (request, response) => {
    requests.push(new URL(request.url ?? '', 'http://127.0.0.1').searchParams);
    response.setHeader('Content-Type', 'application/json');
    if (identity.now === 'hangs') return;
    if (identity.now === 'refuses') {
      response.writeHead(400).end(JSON.stringify({ error: 'invalid_request', error_description: 'No such identity.' }));
      return;
    }
    const now = Math.floor(Date.now() / 1000);
    const iss = `https://sts.windows.net/${TENANT}/`;
    const times = { iat: now, nbf: now, exp: now + 3600 };
    const access_token = await issuer.sign({ aud: 'https://storage.azure.com', iss, ...times });
    response.end(JSON.stringify({ access_token, expires_on: now + 3600, token_type: 'Bearer' }));
  });
  const service = await startService({
    TABLES_ENDPOINT: `https://127.0.0.1:${store.port}/devstoreaccount1`,
    AZURE_CLIENT_ID: CLIENT_ID,
    IDENTITY_ENDPOINT: `http://127.0.0.1:${await listen(endpoint, 0, '')}/msi/token`,
    IDENTITY_HEADER: 'secret',
    NODE_EXTRA_CA_CERTS: certificate.cert,
  });
  return {
    identity,
    requests,
    patch: (body: object) => patch(service, body),
    async stop() {
      await service.end('SIGINT');
      await store.stop();
      endpoint.closeAllConnections();
      await close(endpoint);
      await issuer.close();
      folder.remove();
    },
  };
}

// Settings as in Azure: the table service over https, a managed identity instead of keys, and Application Insights.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startIssuer } from '../../local/issuer.ts';
import { close, LOOPBACK, listen } from '../../local/loopback.ts';
import { writeCertificate } from '../../test/support/certificate.ts';
import { startHttpsStore } from '../../test/support/httpsStore.ts';
import { TENANT } from '../environment.ts';

const CLIENT_ID = '33333333-3333-4333-8333-333333333333';

/** Starts what stands in for Azure. `settings` are those that differ from a laptop's. */
export async function startProduction(table: string) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-production-'));
  const certificate = await writeCertificate(folder);
  const store = await startHttpsStore(certificate);
  const issuer = await startIssuer(0);

  const identity = createServer(async (request, response) => {
    const now = Math.floor(Date.now() / 1000);
    const resource = new URL(request.url ?? '', 'http://localhost').searchParams.get('resource') ?? '';
    const issued = { iss: `https://sts.windows.net/${TENANT}/`, iat: now, nbf: now, exp: now + 3600 };
    const access_token = await issuer.sign({ aud: resource, ...issued });
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ access_token, expires_on: now + 3600, token_type: 'Bearer' }));
  });
  const tls = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
  const ingestion = createTlsServer(tls, (request, response) => {
    request.resume().on('end', () => response.end('{"itemsReceived":1,"itemsAccepted":1,"errors":[]}'));
  });
  const ingestionUrl = `https://${LOOPBACK}:${await listen(ingestion, 0, '')}/`;

  return {
    settings: {
      TABLES_CONNECTION: '',
      TABLES_ENDPOINT: `https://${LOOPBACK}:${store.port}/devstoreaccount1`,
      TABLES_NAME: table,
      AZURE_CLIENT_ID: CLIENT_ID,
      IDENTITY_ENDPOINT: `http://${LOOPBACK}:${await listen(identity, 0, '')}/msi/token`,
      IDENTITY_HEADER: 'secret',
      APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${CLIENT_ID};IngestionEndpoint=${ingestionUrl}`,
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${CLIENT_ID};Authorization=AAD`,
      NODE_EXTRA_CA_CERTS: certificate.cert,
    },
    async close() {
      await store.stop();
      ingestion.closeAllConnections();
      await close(ingestion);
      await close(identity);
      await issuer.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Settings as in Azure: the table service over https, a managed identity instead of keys, and Application Insights.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { startIssuer } from '../../local/issuer.ts';
import { close, findFreePort, LOOPBACK, listen } from '../../local/loopback.ts';
import { writeCertificate } from '../../test/support/certificate.ts';
import { TENANT } from '../environment.ts';
import { ROOT_FOLDER } from '../prepare.ts';

export interface Production {
  /** The settings that differ from those of a laptop. */
  readonly settings: NodeJS.ProcessEnv;
  /** Waits for the next span of an update; whether it arrived in time. */
  nextSpan(): Promise<boolean>;
  close(): Promise<void>;
}

/** What the span of a request has, and no other. */
const REQUEST_SPAN = /"RequestData"|"faas\.invocation_id"/;

/** A span that does not arrive within this time has no figure. The exporter sends what it has every 5 seconds. */
const SPAN_TIMEOUT_MS = 15_000;

const CLIENT_ID = '33333333-3333-4333-8333-333333333333';

export async function startProduction(table: string): Promise<Production> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-production-'));
  const certificate = await writeCertificate(folder);
  const store = await startTlsAzurite(certificate);
  const issuer = await startIssuer(0);

  const identity = createServer(async (request, response) => {
    const now = Math.floor(Date.now() / 1000);
    const resource = new URL(request.url ?? '', 'http://localhost').searchParams.get('resource') ?? '';
    const issued = { iss: `https://sts.windows.net/${TENANT}/`, iat: now, nbf: now, exp: now + 3600 };
    const access_token = await issuer.sign({ aud: resource, ...issued });
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ access_token, expires_on: now + 3600, token_type: 'Bearer' }));
  });

  let arrived = () => {};
  const ingestion = createTlsServer(
    { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) },
    async (request, response) => {
      const text = await bodyOf(request);
      if (REQUEST_SPAN.test(text)) arrived();
      const items = text.split('\n').length;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ itemsReceived: items, itemsAccepted: items, errors: [] }));
    },
  );
  const ingestionPort = await listen(ingestion, 0, '');
  const identityPort = await listen(identity, 0, '');

  return {
    settings: {
      TABLES_CONNECTION: '',
      TABLES_ENDPOINT: `https://${LOOPBACK}:${store.port}/devstoreaccount1`,
      TABLES_NAME: table,
      AZURE_CLIENT_ID: CLIENT_ID,
      IDENTITY_ENDPOINT: `http://${LOOPBACK}:${identityPort}/msi/token`,
      IDENTITY_HEADER: 'secret',
      APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${CLIENT_ID};IngestionEndpoint=https://${LOOPBACK}:${ingestionPort}/`,
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${CLIENT_ID};Authorization=AAD`,
      NODE_EXTRA_CA_CERTS: certificate.cert,
    },
    nextSpan: () =>
      new Promise((resolve) => {
        arrived = () => resolve(true);
        setTimeout(() => resolve(false), SPAN_TIMEOUT_MS).unref();
      }),
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

async function bodyOf(request: IncomingMessage) {
  const sent = await buffer(request);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString();
}

/** Azurite by its own command line, which takes a certificate and checks tokens. */
async function startTlsAzurite({ cert, key }: { readonly cert: string; readonly key: string }) {
  const port = await findFreePort();
  const main = join(ROOT_FOLDER, 'node_modules/azurite/dist/src/table/main.js');
  const place = ['--tableHost', LOOPBACK, '--tablePort', String(port), '--inMemoryPersistence'];
  const flags = ['--oauth', 'basic', '--cert', cert, '--key', key, '--silent', '--disableTelemetry'];
  const azurite = spawn(process.execPath, [main, ...place, ...flags, '--skipApiVersionCheck'], { stdio: 'ignore' });
  const exited = once(azurite, 'exit');
  // Without a trusted certificate any answer will do: it shows that something listens.
  const isListening = () =>
    fetch(`http://${LOOPBACK}:${port}`).then(
      () => true,
      ({ cause }) => cause?.code !== 'ECONNREFUSED',
    );
  while (!(await isListening())) await delay(50);
  return {
    port,
    async stop() {
      azurite.kill('SIGKILL');
      await exited;
    },
  };
}

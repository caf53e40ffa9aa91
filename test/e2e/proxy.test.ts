// The app where the environment names a proxy, as in many offices.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { close, listen } from '../../local/loopback.ts';
import { TENANT } from '../support/operations.ts';
import { APP_FOLDER, patch } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';
import { AUDIENCE, ROLE } from '../support/tokens.ts';

/** What was asked of the proxy, which lets nothing through. */
const asked: string[] = [];
const proxy = createServer(({ url = '' }, response) => {
  asked.push(url);
  response.writeHead(502).end();
});
proxy.on('connect', ({ url = '' }, socket) => {
  asked.push(url);
  // A client that is refused may reset the connection.
  socket.on('error', () => undefined);
  socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
});
let proxyUrl: string;
let issuer: Issuer;
beforeAll(async () => {
  proxyUrl = `http://127.0.0.1:${await listen(proxy, 0, 'PROXY')}`;
  issuer = await startIssuer(0);
});
afterAll(async () => {
  await issuer.close();
  await close(proxy);
});

async function patchWith(connection: string) {
  const auth = { AUTH_AUTHORITY: issuer.authority, AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE };
  const tables = { TABLES_CONNECTION: connection, TABLES_NAME: newTableName() };
  const proxies = { HTTP_PROXY: proxyUrl, http_proxy: proxyUrl, NO_PROXY: '', no_proxy: 'intranet.example' };
  // Node.js then uses the variables itself.
  const env = { ...process.env, PORT: '0', ...auth, ...tables, ...proxies, NODE_USE_ENV_PROXY: '1' };
  const host = await startChild('host.ts', env, { cwd: APP_FOLDER });
  const { port } = z.object({ port: z.number() }).parse(host.ready);
  const token = await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });
  const { status } = await patch({ facts: { baseUrl: `http://127.0.0.1:${port}`, token } }, { id: 'proxied' });
  await host.stop();
  return status;
}

test('nothing on this machine goes through it', async () => {
  expect(await patchWith(azuriteConnection())).toBe(200);
  expect(asked).toEqual([]);
});

test('a store elsewhere does', async () => {
  const elsewhere =
    'DefaultEndpointsProtocol=https;AccountName=example;AccountKey=a2V5;EndpointSuffix=core.windows.net';
  expect(await patchWith(elsewhere)).toBe(503);
  expect(new Set(asked)).toEqual(new Set(['example.table.core.windows.net:443']));
});

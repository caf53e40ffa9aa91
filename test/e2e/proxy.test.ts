// The app where the environment names a proxy, as in many offices.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { patch, startService } from '../support/service.ts';

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
beforeAll(async () => {
  proxyUrl = `http://127.0.0.1:${await listen(proxy, 0, 'PROXY')}`;
});
afterAll(() => close(proxy));

async function patchWith(settings: NodeJS.ProcessEnv) {
  const proxies = { HTTP_PROXY: proxyUrl, http_proxy: proxyUrl, NO_PROXY: '', no_proxy: 'intranet.example' };
  // Node.js then uses the variables itself.
  const service = await startService({ ...proxies, NODE_USE_ENV_PROXY: '1', ...settings });
  const { status } = await patch(service, { id: 'proxied' });
  await service.end('SIGINT');
  return status;
}

test('nothing on this machine goes through it', async () => {
  expect(await patchWith({})).toBe(200);
  expect(asked).toEqual([]);
});

test('a store elsewhere does', async () => {
  const account = 'AccountName=example;AccountKey=a2V5;EndpointSuffix=core.windows.net';
  expect(await patchWith({ TABLES_CONNECTION: `DefaultEndpointsProtocol=https;${account}` })).toBe(503);
  expect(new Set(asked)).toEqual(new Set(['example.table.core.windows.net:443']));
});

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { close, listen } from '../../../local/loopback.ts';
import { createReceivers } from '../../../shared/notifications/receiver.ts';

let respond: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end();
const server = createServer((request, response) => respond(request, response));
let url = '';
beforeAll(async () => {
  url = `http://127.0.0.1:${await listen(server, 0, 'RECEIVER')}/`;
});
afterAll(() => close(server));

const receivers = createReceivers(['127.0.0.1', 'localhost']);

test('a response has its status, its headers, and its body only if that is asked for', async () => {
  respond = (_, response) => response.writeHead(503, { 'Retry-After': '7' }).end('busy');
  expect(await receivers.post(url, '{}')).toMatchObject({ status: 503, headers: { 'retry-after': '7' }, body: '' });
  expect(await receivers.post(url, '{}', { readsBody: true })).toMatchObject({ body: 'busy' });
});

test('a redirect is not followed', async () => {
  let requests = 0;
  respond = (_, response) => {
    requests += 1;
    response.writeHead(307, { Location: url }).end();
  };
  expect([(await receivers.post(url, '{}')).status, requests]).toEqual([307, 1]);
});

test.each([true, false])('an endless body ends at a bound; whether it is read: %s', async (readsBody) => {
  respond = (_, response) => {
    const more = () => response.write('x'.repeat(1000));
    const timer = setInterval(more, 1);
    response.once('close', () => clearInterval(timer));
    more();
  };
  const { status, body } = await receivers.post(url, '{}', { readsBody });
  expect([status, body.length]).toEqual([200, readsBody ? 4096 : 0]);
});

describe('a request is not sent', () => {
  test.each([
    ['to a URL that is not allowed', 'http://10.0.0.1/', 'refused address'],
    ['to a name that resolves to an address that is not allowed', 'https://localhost/', 'refused address'],
  ])('%s', async (_, target, failure) => {
    const { post } = createReceivers(['localhost']);
    await expect(post(target, '{}')).rejects.toMatchObject({ name: 'ReceiverError', failure });
  });

  test('after the time by which it had to start', async () => {
    await expect(receivers.post(url, '{}', { startBy: Date.now() - 1 })).rejects.toMatchObject({ failure: 'busy' });
  });

  test('to a server that is not there', async () => {
    const gone = createServer();
    const free = await listen(gone, 0, 'GONE');
    await close(gone);
    await expect(receivers.post(`http://127.0.0.1:${free}/`, '{}')).rejects.toMatchObject({ failure: 'unreachable' });
  });
});

test('a name that resolves to an address that is listed is connected to', async () => {
  respond = (_, response) => response.writeHead(202).end();
  // Over http only loopback addresses are allowed; TLS fails here, after the connection.
  await expect(receivers.post(url.replace('http://127.0.0.1', 'https://localhost'), '{}')).rejects.toMatchObject({
    failure: expect.stringMatching(/^(?:unreachable|refused address)$/),
  });
});

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createRawServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { close, listen } from '../../../local/loopback.ts';
import { createReceivers } from '../../../shared/notifications/receiver.ts';
import type { ResolveName } from '../../../shared/notifications/resolveName.ts';
import { MAX_URL_LENGTH } from '../../../shared/notifications/subscriptionRequest.ts';
import { createValidateReceiver } from '../../../shared/notifications/validateReceiver.ts';
import { VERSION } from '../../../shared/tracing.ts';
import { writeCertificate } from '../../support/certificate.ts';
import { TENANT } from '../../support/operations.ts';
import { newFolder } from '../../support/service.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

/** A deadline that passes soon, for responses that never come. */
const DEADLINE_MS = 200;

let respond: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end();
const server = createServer((request, response) => respond(request, response));
let url = '';
beforeAll(async () => {
  url = `http://127.0.0.1:${await listen(server, 0, 'RECEIVER')}/`;
});
afterAll(() => close(server));

/** What sends notifications and validations of a tenant. */
function connect(options: Partial<Parameters<typeof createReceivers>[0]> = {}) {
  const receivers = createReceivers({ hosts: ['127.0.0.1', 'localhost'], ...options });
  return {
    post: (target: string, { body = '{}', tenant = TENANT, startBy = Date.now() + 60_000 } = {}) =>
      receivers.notify({ tenant, url: target, toMessage: () => ({ body, headers: {} }), startBy }),
    validate: (target: string) => receivers.validate(TENANT, target),
  };
}

const { post: postOnce, validate } = connect();

/** The status of a response, or why there is none. */
const outcomeOf = (response: Promise<{ readonly status: number }>) =>
  response.then(
    ({ status }) => status,
    ({ failure }) => failure,
  );

/** Responds to requests whose path begins like this only when they are released, and to others at once. */
function hold(path = '/') {
  const held: ServerResponse[] = [];
  respond = (request, response) => {
    if (request.url?.startsWith(path)) held.push(response);
    else response.end();
  };
  return {
    held,
    async untilHeld(count: number) {
      while (held.length < count) await new Promise(setImmediate);
    },
    release() {
      respond = (_, response) => response.end();
      for (const each of held) each.end();
    },
  };
}

test('a response has its status, its headers, and its body only if it is one to a validation; no redirect is followed', async () => {
  respond = (_, response) => response.writeHead(307, { Location: url, 'Retry-After': '7' }).end('elsewhere');
  expect(await postOnce(url)).toMatchObject({ status: 307, headers: { 'retry-after': '7' }, body: '' });
  expect(await validate(url)).toMatchObject({ status: 307, body: 'elsewhere' });
});

test('a notification is a POST of JSON, a validation one of no text, and both name their sender', async () => {
  const received: unknown[] = [];
  respond = (request, response) => {
    const { method, url: target, headers } = request;
    const agent = headers['user-agent'];
    void text(request).then((body) => {
      received.push([method, target, headers['content-type'], headers['content-length'], agent, body]);
      response.end();
    });
  };
  await postOnce(`${url}a?b=c`, { body: '"é"' });
  await validate(`${url}a?b=c`);
  const agent = `playPromptOperation/${VERSION}`;
  expect(received).toEqual([
    ['POST', '/a?b=c', 'application/json; charset=utf-8', '4', agent, '"é"'],
    ['POST', '/a?b=c', 'text/plain; charset=utf-8', '0', agent, ''],
  ]);
});

test('the body of a notification is made when it has a place', async () => {
  const { notify } = createReceivers({ hosts: ['127.0.0.1'] });
  const { untilHeld, release } = hold();
  const toMessage = jest.fn(() => ({ body: '{}', headers: {} }));
  const sent = [1, 2, 3].map(() => notify({ tenant: TENANT, url, toMessage, startBy: Date.now() + 60_000 }));
  await untilHeld(1);
  expect(toMessage).toHaveBeenCalledTimes(1);
  release();
  await Promise.all(sent);
  expect(toMessage).toHaveBeenCalledTimes(3);
});

test('connections are used again, but not after a validation, which may go to any number of ports', async () => {
  const { post, validate } = connect();
  const ports = new Set<unknown>();
  let connection: string | undefined;
  respond = ({ socket, headers }, response) => {
    ports.add(socket.remotePort);
    connection = headers.connection;
    response.end('body');
  };
  for (let n = 0; n < 20; n++) await post(url);
  // Not each time: the rest of a response may still be on its way.
  expect(ports.size).toBeLessThan(20);
  await validate(url);
  expect(connection).toBe('close');
});

test('the longest URL of a subscription can be validated', async () => {
  respond = ({ url: target = '' }, response) => {
    const token = new URL(target, url).searchParams.get('validationToken') ?? '';
    response.setHeader('Content-Type', 'text/plain').end(token);
  };
  const validateReceiver = createValidateReceiver({ receivers: createReceivers({ hosts: ['127.0.0.1'] }) });
  await validateReceiver({ tenant: TENANT, applicationId: 'application' }, url.padEnd(MAX_URL_LENGTH, 'a'));
});

test.each([
  ['post', 0],
  ['validate', 4096],
] as const)('an endless body ends at a bound (%s)', async (kind, length) => {
  respond = (_, response) => {
    const more = () => response.write('x'.repeat(1000));
    const timer = setInterval(more, 1);
    response.once('close', () => clearInterval(timer));
    more();
  };
  const { status, body } = await connect()[kind](url);
  expect([status, body.length]).toEqual([200, length]);
});

test('a response whose body does not end is one with its status, and runs until it is given up', async () => {
  const { post } = connect();
  let [open, most] = [0, 0];
  respond = (_, response) => {
    open += 1;
    most = Math.max(most, open);
    response.once('close', () => {
      open -= 1;
    });
    response.writeHead(202).flushHeaders();
  };
  const answers = await Promise.all([post(url), post(url)]);
  expect([answers.map(({ status }) => status), most]).toEqual([[202, 202], 1]);
});

test.each([
  ['ends', (response: ServerResponse) => response.socket?.end()],
  ['is reset', (response: ServerResponse) => response.socket?.resetAndDestroy()],
  ['goes on with something else', (response: ServerResponse) => response.socket?.write('no chunk')],
])('a response within whose body the connection %s is one with its status', async (_, breakOff) => {
  respond = (_request, response) => {
    response.writeHead(202).write('half');
    setTimeout(() => breakOff(response), 10);
  };
  expect((await postOnce(url)).status).toBe(202);
  await expect(validate(url)).rejects.toMatchObject({ failure: 'unreachable' });
});

describe('a request is not sent', () => {
  test.each([
    ['to a URL that is not allowed', 'http://10.0.0.1/'],
    ['to a name that resolves to an address that is not allowed', 'https://localhost/'],
  ])('%s', async (_, target) => {
    const sent = connect({ hosts: ['localhost'] }).post(target);
    await expect(sent).rejects.toMatchObject({ name: 'ReceiverError', failure: 'refused address' });
  });

  test('after the time by which it had to start, which is a pause for no timer', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    expect(await outcomeOf(postOnce(url, { startBy: Date.now() - 1 }))).toBe('busy');
    await new Promise(setImmediate);
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });

  test('to a server that is not there', async () => {
    const gone = createServer();
    const port = await listen(gone, 0, 'GONE');
    await close(gone);
    expect(await outcomeOf(postOnce(`http://127.0.0.1:${port}/`))).toBe('unreachable');
  });

  test('after the time by which it had to start, if another one ran until then', async () => {
    const { post } = connect();
    const { held, untilHeld, release } = hold();
    const first = post(url);
    await untilHeld(1);
    expect(await outcomeOf(post(url, { startBy: Date.now() + 20 }))).toBe('busy');
    release();
    // The turn of this one comes after that of the one that was given up.
    expect([(await first).status, (await post(url)).status, held.length]).toEqual([200, 200, 1]);
  });
});

test('a name is resolved by the connection itself, so that it goes to no other address than was checked', async () => {
  const connected = jest.fn();
  server.on('connection', connected);
  const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1', '169.254.169.254']];
  const resolveName: ResolveName = async () => (answers.shift() ?? []).map((address) => ({ address, family: 4 }));
  const { post } = connect({ hosts: ['bot.example', '127.0.0.1'], resolveName });
  const target = url.replace('http://127.0.0.1', 'https://bot.example');
  // The server does not speak TLS: the connection is made, and fails.
  expect([await outcomeOf(post(target)), answers.length]).toEqual(['unreachable', 2]);
  for (let n = 0; n < 2; n++) expect(await outcomeOf(post(target))).toBe('refused address');
  expect([connected.mock.calls.length, answers.length]).toEqual([1, 0]);
  server.off('connection', connected);
});

test('a server whose certificate is not trusted gets no request', async () => {
  const folder = newFolder();
  const { cert, key } = await writeCertificate(folder.path);
  const requested = jest.fn();
  const impostor = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, requested);
  const port = await listen(impostor, 0, 'IMPOSTOR');
  try {
    expect(await outcomeOf(postOnce(`https://127.0.0.1:${port}/`))).toBe('unreachable');
    expect(requested).not.toHaveBeenCalled();
  } finally {
    await close(impostor);
    folder.remove();
  }
});

describe('requests to one receiver', () => {
  /** Sends requests, and returns how many of them have arrived some time after `until` have, before any is answered. */
  async function mostAtOnce(post: ReturnType<typeof connect>['post'], requests: number, until: number) {
    const { held, untilHeld, release } = hold();
    const sent = Array.from({ length: requests }, () => post(url));
    await untilHeld(until);
    // So that any that come too early are seen.
    await delay(20);
    release();
    await Promise.all(sent);
    return held.length;
  }

  test('are one at once at first, one more after each prompt response up to 16, and one after any other', async () => {
    const { post } = connect();
    expect(await mostAtOnce(post, 1, 1)).toBe(1);
    expect(await mostAtOnce(post, 2, 2)).toBe(2);
    for (const fail of [
      (response: ServerResponse) => response.writeHead(500).end(),
      (response: ServerResponse) => setTimeout(() => response.end(), 1100),
    ]) {
      respond = (_, response) => response.end();
      for (let n = 0; n < 20; n++) await post(url);
      expect(await mostAtOnce(post, 40, 16)).toBe(16);
      respond = (_, response) => fail(response);
      await post(url);
      expect(await mostAtOnce(post, 10, 1)).toBe(1);
    }
  });

  test('are counted by the URL without its query, and for each tenant', async () => {
    const { post } = connect();
    const { held, untilHeld, release } = hold();
    const results = ['a?x', 'a?y', 'b'].map((path) => post(url + path));
    results.push(post(`${url}b?other`, { tenant: OTHER_TENANT }));
    await untilHeld(3);
    expect(held.map(({ req }) => req.url).toSorted()).toEqual(['/a?x', '/b', '/b?other']);
    release();
    await Promise.all(results);
  });

  test('do not wait for one that is silent: what waits is refused, and one at a time finds out whether it is back', async () => {
    const { post } = connect({ responseDeadlineMs: DEADLINE_MS });
    const { held, untilHeld, release } = hold();
    const failures = Array.from({ length: 5 }, () => outcomeOf(post(url)));
    expect(await Promise.all(failures)).toEqual(['timeout', 'busy', 'busy', 'busy', 'busy']);
    const probe = post(url);
    expect(await outcomeOf(post(url))).toBe('busy');
    await untilHeld(2);
    held[1]?.end();
    await probe;
    release();
    expect(await Promise.all([post(url), post(url), post(url)].map(outcomeOf))).toEqual([200, 200, 200]);
  });
});

describe('a receiver that responds promptly', () => {
  const paths = Array.from({ length: 100 }, (_, n) => `held/${n}`);

  test.each([
    ['have not responded yet', false],
    ['failed last', true],
  ])('is delayed by none, at the same host, that %s', async (_, isFailing) => {
    const { post } = connect();
    await post(`${url}beside`);
    if (isFailing) {
      respond = (_request, response) => response.writeHead(500).end();
      await Promise.all(paths.map((path) => post(url + path)));
    }
    const { held, untilHeld, release } = hold('/held');
    const waiting = ['a', 'b', 'c', 'd'].flatMap((tenant) => paths.map((path) => post(url + path, { tenant })));
    await untilHeld(12);
    expect((await post(`${url}beside`)).status).toBe(200);
    expect(held.length).toBeLessThanOrEqual(24);
    release();
    await Promise.all(waiting);
  });

  test('is delayed by no validation', async () => {
    const { post, validate } = connect();
    const { untilHeld, release } = hold('/held');
    const outcomes = paths.slice(0, 30).map((path) => outcomeOf(validate(url + path)));
    await untilHeld(24);
    expect((await post(`${url}beside`)).status).toBe(200);
    release();
    // What has no place at once is refused.
    expect(await Promise.all(outcomes)).toEqual([...Array(24).fill(200), ...Array(6).fill('busy')]);
  });
});

test('a receiver whose name is not resolved is given up at the deadline', async () => {
  const resolveName = jest.fn<ResolveName>(() => new Promise(() => {}));
  const { post } = connect({ hosts: ['bot.example'], resolveName, responseDeadlineMs: DEADLINE_MS });
  await expect(post('https://bot.example/')).rejects.toMatchObject({ failure: 'timeout' });
  expect(resolveName).toHaveBeenCalledTimes(1);
});

describe('a receiver that does not speak HTTP as servers do', () => {
  const write = (text: string) => (socket: Socket) => socket.write(text);
  /** Writes again and again, until the other side ends the connection. */
  const flood = (text: string, first: string) => (socket: Socket) => {
    const more = () => {
      while (socket.writable && socket.write(text));
    };
    socket.on('drain', more).write(first);
    more();
  };
  const slowly = (text: string) => (socket: Socket) => {
    const timer = setInterval(() => socket.write(text), 50);
    socket.once('close', () => clearInterval(timer));
  };
  const head = (bytes: number) => `x: ${'x'.repeat(bytes)}\r\n`;
  const [OK, PROCESSING, HINT] = [
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 102 Processing\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\n',
  ];
  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  const MUCH_HEAD = `${HINT}${head(9000)}\r\n${OK}${head(9000)}\r\n`;

  test.each<[string, expected: string | number, attack: (socket: Socket) => void]>([
    ['never responds', 'timeout', () => {}],
    ['sends half a status line', 'timeout', write('HTTP/1.1 20')],
    ['switches to another protocol', 101, write(SWITCH)],
    ['only sends informational responses', 'timeout', slowly(`${HINT}Link: </a>\r\n\r\n`)],
    ['sends informational responses without an end', 'unreachable', flood(PROCESSING.repeat(1000), PROCESSING)],
    ['sends informational responses, and then more head than is left', 'unreachable', write(MUCH_HEAD)],
    ['sends headers without an end', 'unreachable', flood(head(65_536), OK)],
    ['closes the connection', 'unreachable', (socket) => socket.destroy()],
  ])('%s: %s', async (_, expected, attack) => {
    const open = new Set<Socket>();
    const raw = createRawServer((socket) => {
      open.add(socket);
      socket.on('error', () => {}).once('close', () => open.delete(socket));
      socket.once('data', () => attack(socket));
    });
    const target = `http://127.0.0.1:${await listen(raw, 0, 'RAW')}/`;
    const { post } = connect(expected === 'timeout' ? { responseDeadlineMs: DEADLINE_MS } : {});
    expect(await outcomeOf(post(target))).toBe(expected);
    // The connection is closed from this side.
    while (open.size > 0) await new Promise(setImmediate);
    raw.close();
  });
});

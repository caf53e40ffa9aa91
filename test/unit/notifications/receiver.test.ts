import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createRawServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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

test('a response has its status, its headers, and its body only if it is one to a validation', async () => {
  respond = (_, response) => response.writeHead(503, { 'Retry-After': '7' }).end('busy');
  expect(await postOnce(url)).toMatchObject({ status: 503, headers: { 'retry-after': '7' }, body: '' });
  expect(await validate(url)).toMatchObject({ status: 503, body: 'busy' });
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
  const held: ServerResponse[] = [];
  respond = (_, response) => held.push(response);
  let bodies = 0;
  const toMessage = () => ({ body: `${++bodies}`, headers: {} });
  const sent = [1, 2, 3].map(() => notify({ tenant: TENANT, url, toMessage, startBy: Date.now() + 60_000 }));
  while (held.length === 0) await new Promise(setImmediate);
  expect(bodies).toBe(1);
  respond = (_, response) => response.end();
  held[0]?.end();
  await Promise.all(sent);
  expect(bodies).toBe(3);
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
  const longest = url.padEnd(MAX_URL_LENGTH, 'a');
  respond = ({ url: target = '' }, response) => {
    const token = new URL(target, url).searchParams.get('validationToken') ?? '';
    response.setHeader('Content-Type', 'text/plain').end(token);
  };
  const receivers = createReceivers({ hosts: ['127.0.0.1'] });
  await createValidateReceiver({ receivers })({ tenant: TENANT, applicationId: 'application' }, longest);
});

test('a redirect is not followed', async () => {
  let requests = 0;
  respond = (_, response) => {
    requests += 1;
    response.writeHead(307, { Location: url }).end();
  };
  expect([(await postOnce(url)).status, requests]).toEqual([307, 1]);
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
    ['to a URL that is not allowed', 'http://10.0.0.1/', 'refused address'],
    ['to a name that resolves to an address that is not allowed', 'https://localhost/', 'refused address'],
  ])('%s', async (_, target, failure) => {
    const { post } = connect({ hosts: ['localhost'] });
    await expect(post(target)).rejects.toMatchObject({ name: 'ReceiverError', failure });
  });

  test('after the time by which it had to start, which is a pause for no timer', async () => {
    const warnings: string[] = [];
    const record = ({ name }: Error) => warnings.push(name);
    process.on('warning', record);
    await expect(postOnce(url, { startBy: Date.now() - 1 })).rejects.toMatchObject({ failure: 'busy' });
    await new Promise(setImmediate);
    process.off('warning', record);
    expect(warnings).toEqual([]);
  });

  test('after that time has come while it waits for another one', async () => {
    const { promise: first, resolve } = Promise.withResolvers<ServerResponse>();
    const targets: unknown[] = [];
    respond = (request, response) => {
      targets.push(request.url);
      resolve(response);
    };
    const { post } = connect();
    const hanging = post(url);
    const response = await first;
    const waiting = post(`${url}?waiting`, { startBy: Date.now() + 20 });
    await expect(waiting).rejects.toMatchObject({ failure: 'busy' });
    response.end();
    await hanging;
    respond = (request, other) => {
      targets.push(request.url);
      other.end();
    };
    // Its turn comes after that of the one that was given up.
    expect((await post(`${url}?last`)).status).toBe(200);
    expect(targets).toEqual(['/', '/?last']);
  });

  test('to a server that is not there', async () => {
    const gone = createServer();
    const free = await listen(gone, 0, 'GONE');
    await close(gone);
    await expect(postOnce(`http://127.0.0.1:${free}/`)).rejects.toMatchObject({ failure: 'unreachable' });
  });
});

describe('a name is resolved by the connection itself', () => {
  const answers: string[][] = [];
  const resolveName: ResolveName = async () => (answers.shift() ?? []).map((address) => ({ address, family: 4 }));
  let connections = 0;
  const count = () => {
    connections += 1;
  };
  beforeAll(() => {
    server.on('connection', count);
  });
  afterAll(() => {
    server.off('connection', count);
  });

  test('so that no other address than the one that was checked is connected to', async () => {
    const { post } = connect({ hosts: ['bot.example', '127.0.0.1'], resolveName });
    const target = url.replace('http://127.0.0.1', 'https://bot.example');
    answers.push(['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1', '169.254.169.254']);
    // The server does not speak TLS: the connection is made, and fails.
    await expect(post(target)).rejects.toMatchObject({ failure: 'unreachable' });
    expect([connections, answers.length]).toEqual([1, 2]);
    for (let n = 0; n < 2; n++) await expect(post(target)).rejects.toMatchObject({ failure: 'refused address' });
    expect([connections, answers.length]).toEqual([1, 0]);
  });
});

test('a server whose certificate is not trusted gets no request', async () => {
  const folder = newFolder();
  const { cert, key } = await writeCertificate(folder.path);
  let requests = 0;
  const impostor = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, response) => {
    requests += 1;
    response.end();
  });
  const port = await listen(impostor, 0, 'IMPOSTOR');
  try {
    await expect(postOnce(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({ failure: 'unreachable' });
    expect(requests).toBe(0);
  } finally {
    await close(impostor);
    folder.remove();
  }
});

describe('requests to one receiver', () => {
  /** Sends requests, which are answered from when `until` of them have arrived; returns how many waited at most. */
  async function mostAtOnce(post: ReturnType<typeof connect>['post'], requests: number, until: number, status = 200) {
    const waiting: ServerResponse[] = [];
    let most = 0;
    let isReached = false;
    respond = (_, response) => {
      waiting.push(response);
      most = Math.max(most, waiting.length);
      isReached ||= most === until;
      // After a turn of the event loop, so that any that come too early are seen.
      if (isReached) {
        setImmediate(() => {
          for (const each of waiting.splice(0)) each.writeHead(status).end();
        });
      }
    };
    await Promise.all(Array.from({ length: requests }, () => post(url)));
    return most;
  }

  async function postPromptly(post: ReturnType<typeof connect>['post'], requests: number) {
    respond = (_, response) => response.end();
    for (let n = 0; n < requests; n++) await post(url);
  }

  test('are one at once at first, one more after each prompt response up to 16, and one after a failure', async () => {
    const { post } = connect();
    expect(await mostAtOnce(post, 1, 1)).toBe(1);
    expect(await mostAtOnce(post, 2, 2)).toBe(2);
    await postPromptly(post, 20);
    expect(await mostAtOnce(post, 40, 16)).toBe(16);
    respond = (_, response) => response.writeHead(500).end();
    await post(url);
    expect(await mostAtOnce(post, 10, 1, 500)).toBe(1);
  });

  test('are one at once after a response that was slow', async () => {
    const { post } = connect();
    await postPromptly(post, 20);
    respond = (_, response) => setTimeout(() => response.end(), 1100);
    await post(url);
    respond = (_, response) => response.writeHead(500).end();
    expect(await mostAtOnce(post, 10, 1, 500)).toBe(1);
  });

  test('are counted by the URL without its query', async () => {
    const { post } = connect();
    const held: ServerResponse[] = [];
    respond = (_, response) => held.push(response);
    const results = ['a?x', 'a?y', 'b'].map((path) => post(url + path));
    while (held.length < 2) await new Promise(setImmediate);
    expect(held.map(({ req }) => req.url).toSorted()).toEqual(['/a?x', '/b']);
    respond = (_, response) => response.end();
    for (const each of held) each.end();
    await Promise.all(results);
  });

  test('do not wait for one that is silent: what waits is refused, and one at a time finds out whether it is back', async () => {
    const { post } = connect({ responseDeadlineMs: DEADLINE_MS });
    const held: ServerResponse[] = [];
    respond = (_, response) => held.push(response);
    const failures = Promise.all(
      Array.from({ length: 5 }, () =>
        post(url).then(
          () => 'none',
          ({ failure }) => failure,
        ),
      ),
    );
    expect(await failures).toEqual(['timeout', 'busy', 'busy', 'busy', 'busy']);
    const probe = post(url);
    await expect(post(url)).rejects.toMatchObject({ failure: 'busy' });
    while (held.length < 2) await new Promise(setImmediate);
    held[1]?.end();
    await probe;
    respond = (_, response) => response.end();
    expect((await Promise.all([post(url), post(url), post(url)])).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('of a tenant are not counted with those of another', async () => {
    const { post } = connect({ responseDeadlineMs: DEADLINE_MS });
    respond = () => {};
    await expect(post(url)).rejects.toMatchObject({ failure: 'timeout' });
    const silent = post(url).catch(() => {});
    respond = (_, response) => response.end();
    expect((await post(url, { tenant: OTHER_TENANT })).status).toBe(200);
    await silent;
  });
});

describe('a receiver that responds promptly', () => {
  /** Holds the requests whose path begins with `/held`, and responds to the others. */
  function hold() {
    const held: ServerResponse[] = [];
    respond = (request, response) => {
      if (request.url?.startsWith('/held')) held.push(response);
      else response.end();
    };
    return {
      held,
      release() {
        respond = (_, response) => response.end();
        for (const each of held) each.end();
      },
    };
  }

  test.each([
    ['have not responded yet', () => {}],
    ['failed last', (response: ServerResponse) => response.writeHead(500)],
  ])('is delayed by none, at the same host, that %s', async (_, prepare) => {
    const { post } = connect();
    await post(`${url}beside`);
    const paths = Array.from({ length: 100 }, (_, n) => `${url}held/${n}`);
    if (prepare.length > 0) {
      respond = (request, response) => {
        if (request.url?.startsWith('/held')) prepare(response);
        response.end();
      };
      await Promise.all(paths.map((path) => post(path)));
    }
    const { held, release } = hold();
    const waiting = ['a', 'b', 'c', 'd'].flatMap((tenant) => paths.map((path) => post(path, { tenant })));
    while (held.length < 12) await new Promise(setImmediate);
    expect((await post(`${url}beside`)).status).toBe(200);
    expect(held.length).toBeLessThanOrEqual(24);
    release();
    await Promise.all(waiting);
  });

  test('is delayed by no validation', async () => {
    const { post, validate } = connect();
    const { held, release } = hold();
    const outcomes = Array.from({ length: 30 }, (_, n) =>
      validate(`${url}held/${n}`).then(
        ({ status }) => status,
        ({ failure }) => failure,
      ),
    );
    while (held.length < 24) await new Promise(setImmediate);
    expect((await post(`${url}beside`)).status).toBe(200);
    release();
    // What has no place at once is refused.
    expect(await Promise.all(outcomes)).toEqual([...Array(24).fill(200), ...Array(6).fill('busy')]);
  });
});

test('a receiver whose name is not resolved is given up at the deadline', async () => {
  let resolutions = 0;
  const resolveName: ResolveName = () => {
    resolutions += 1;
    return new Promise(() => {});
  };
  const { post } = connect({ hosts: ['bot.example'], resolveName, responseDeadlineMs: DEADLINE_MS });
  await expect(post('https://bot.example/')).rejects.toMatchObject({ failure: 'timeout' });
  expect(resolutions).toBe(1);
});

describe('a receiver that does not speak HTTP as servers do', () => {
  /** Writes again and again, until the other side ends the connection. */
  const flood = (socket: Socket, text: string) => {
    const more = () => {
      while (socket.writable && socket.write(text));
    };
    socket.on('drain', more);
    more();
  };
  const head = (bytes: number) => `x: ${'x'.repeat(bytes)}\r\n\r\n`;

  test.each<[string, expected: string, attack: (socket: Socket) => void]>([
    ['never responds', 'timeout', () => {}],
    ['sends half a status line', 'timeout', (socket) => socket.write('HTTP/1.1 20')],
    [
      'switches to another protocol',
      'status 101',
      (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
    [
      'only sends informational responses',
      'timeout',
      (socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 50);
        socket.once('close', () => clearInterval(timer));
      },
    ],
    [
      'sends informational responses without an end',
      'unreachable',
      (socket) => flood(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000)),
    ],
    [
      'sends informational responses, and then more head than is left',
      'unreachable',
      (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\n${head(9000)}HTTP/1.1 200 OK\r\n${head(9000)}`),
    ],
    [
      'sends headers without an end',
      'unreachable',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        flood(socket, `x: ${'x'.repeat(65_536)}\r\n`);
      },
    ],
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
    const outcome = post(target).then(
      ({ status }) => `status ${status}`,
      ({ failure }) => failure,
    );
    expect(await outcome).toBe(expected);
    // The connection is closed from this side.
    while (open.size > 0) await new Promise(setImmediate);
    raw.close();
  });
});

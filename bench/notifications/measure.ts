// Change notifications: whether receivers that misbehave delay those of one that does not.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import { close, listen } from '../../local/loopback.ts';
import { listening, startEnvironment } from '../environment.ts';
import { SERVICE } from '../load/contenders.ts';
import type { Plan } from '../plan.ts';
import { figure, figureOf } from '../report/markdown.ts';
import type { Part } from '../results.ts';
import { enoughRounds, estimate, interleave, quantile, ratios } from '../statistics.ts';

/** Moderate: each update is written twice, and sent to four receivers, to one of them three times. */
const PER_SECOND = 25;
const UPDATES_OF_A_TURN = 25;

/** How many times the p99 of a receiver alone is still in time. */
const LATE = 1.5;

/** How long a notification is waited for, in milliseconds. */
const DEADLINE_MS = 30_000;

const notifications = z.object({ value: z.array(z.object({ resourceData: z.object({ clientContext: z.string() }) })) });

export async function measureNotifications(plan: Plan, progress: (what: string) => void): Promise<Part> {
  const misbehaving = await startMisbehaving();
  const alone = await startNotified('alone', []);
  const beside = await startNotified('beside', misbehaving.urls);
  try {
    const p50s = { alone: [] as number[], beside: [] as number[] };
    const p99s = { alone: [] as number[], beside: [] as number[] };
    const inTime: number[] = [];
    // A share near 1 is always narrow.
    const toAlone = () => estimate(ratios(p99s.beside, p99s.alone));
    const isEnough = enoughRounds(plan.leastRounds, plan.notificationsBudgetMs, () => [toAlone()]);
    // The first round is not counted: it compiles the code.
    for (let round = 0; !isEnough(round - 1); round++) {
      progress(`notifications, round ${round}`);
      const taken = await interleave([alone, beside], plan.notificationsTurns, ({ deliver }) => deliver());
      if (round === 0) continue;
      const latencies = new Map([...taken].map(([{ name }, turns]) => [name, turns.flat()]));
      for (const [name, own] of latencies) {
        p50s[name].push(quantile(own, 0.5));
        p99s[name].push(quantile(own, 0.99));
      }
      const [reference = Number.NaN] = p99s.alone.slice(-1);
      const own = latencies.get('beside') ?? [];
      inTime.push(own.filter((time) => time <= LATE * reference).length / own.length);
    }
    return {
      goals: [
        {
          measure: `share of notifications beside receivers that misbehave, within ${LATE} times the p99 of a receiver alone`,
          least: 0.99,
          figure: estimate(inTime),
        },
      ],
      sections: [
        {
          title: 'Change notifications',
          text: `From an update of an operation to the arrival of its notification, in ms, at ${PER_SECOND} updates a second: at a receiver that is
alone, and at one beside three others that are notified of the same changes. One of those never responds, one returns 500,
and one never ends its response. The two take turns in rounds of a minute, since
the timer attempts once a minute what failed; it also does so while the other has its turn.

The goal is that the p99 is at most ${LATE} times that of a receiver alone, which is the same as 99 % arriving within that time. A
share varies less than a p99 does.`,
          columns: ['', 'p50', 'p50 to alone', 'p99', 'p99 to alone'],
          rows: [
            ['alone', figureOf(p50s.alone), '', figureOf(p99s.alone), ''],
            [
              'beside receivers that misbehave',
              figureOf(p50s.beside),
              figureOf(ratios(p50s.beside, p50s.alone)),
              figureOf(p99s.beside),
              figure(toAlone()),
            ],
          ],
        },
      ],
    };
  } finally {
    for (const each of [alone, beside]) await each.stop();
    await misbehaving.stop();
  }
}

/** The service, and a store of its own, with one receiver that responds at once, and others. */
async function startNotified(name: 'alone' | 'beside', others: readonly string[]) {
  const environment = await startEnvironment();
  const arrived = new Map<string, (time: number) => void>();
  const receiver = createServer(async (request, response) => {
    const body = await text(request);
    if (answersHandshake(request.url, response)) return;
    const time = performance.now();
    response.writeHead(202).end();
    for (const { resourceData } of notifications.parse(JSON.parse(body)).value) {
      arrived.get(resourceData.clientContext)?.(time);
    }
  });
  const url = `http://127.0.0.1:${await listen(receiver, 0, '')}/`;
  const table = 'notified';
  await environment.openTable(table);
  const settings = { ...environment.settings(table), NOTIFICATION_HOSTS: '127.0.0.1' };
  const service: Child = await startChild(
    SERVICE.module,
    settings,
    SERVICE.cwd === undefined ? {} : { cwd: SERVICE.cwd },
  );
  const root = `http://127.0.0.1:${listening.parse(service.ready).port}/v1.0`;
  await Promise.all([url, ...others].map(subscribe));

  return {
    name,
    /** Updates operations at the rate, and returns how long each notification took, in milliseconds. */
    async deliver(): Promise<number[]> {
      const begin = performance.now();
      const latencies: Promise<number>[] = [];
      for (let n = 0; n < UPDATES_OF_A_TURN; n++) {
        await delay(Math.max(0, begin + (n * 1000) / PER_SECOND - performance.now()));
        latencies.push(notified(`operation-${n}`));
      }
      return Promise.all(latencies);
    },
    async stop() {
      await service.stop();
      receiver.closeAllConnections();
      await close(receiver);
      await environment.close();
    },
  };

  async function notified(id: string): Promise<number> {
    const context = crypto.randomUUID();
    const sent = performance.now();
    const time = new Promise<number>((resolve, reject) => {
      arrived.set(context, resolve);
      setTimeout(() => reject(new Error(`No notification in ${DEADLINE_MS} ms.`)), DEADLINE_MS).unref();
    });
    await send('PATCH', `/playPromptOperation/${id}`, { clientContext: context });
    const latency = (await time) - sent;
    arrived.delete(context);
    return latency;
  }

  async function subscribe(notificationUrl: string) {
    const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString();
    const subscription = { changeType: 'created,updated', resource: 'playPromptOperation', notificationUrl };
    await send('POST', '/subscriptions', { ...subscription, expirationDateTime });
  }

  async function send(method: string, path: string, body: object) {
    const headers = { authorization: `Bearer ${environment.token}`, 'content-type': 'application/json' };
    const response = await fetch(root + path, { method, headers, body: JSON.stringify(body) });
    const content = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} returned ${response.status}: ${content}`);
  }
}

/** Receivers that answer the handshake, and misbehave afterwards. */
async function startMisbehaving() {
  const servers: Server[] = [
    createServer((request, response) => void answersHandshake(request.url, response)),
    createServer((request, response) => {
      if (!answersHandshake(request.url, response)) response.writeHead(500).end();
    }),
    createServer((request, response) => {
      if (answersHandshake(request.url, response)) return;
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(1024)), 10);
      response.on('close', () => clearInterval(timer));
    }),
  ];
  const ports = await Promise.all(servers.map((server) => listen(server, 0, '')));
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}/`),
    async stop() {
      for (const server of servers) {
        server.closeAllConnections();
        await close(server);
      }
    },
  };
}

/** Answers a request that is a handshake; whether it was one. */
function answersHandshake(url: string | undefined, response: ServerResponse): boolean {
  const token = new URL(url ?? '', 'http://receiver').searchParams.get('validationToken');
  if (token === null) return false;
  response.setHeader('Content-Type', 'text/plain').end(token);
  return true;
}

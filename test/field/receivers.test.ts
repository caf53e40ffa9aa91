// Receivers of notifications in web frameworks, with their own parsers of bodies. About half a minute.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { installPackages } from '../../local/installPackages.ts';
import { patch, send } from '../support/service.ts';
import { useService } from '../support/useService.ts';
import { compile, hasDotnet } from './dotnet.ts';

const FOLDER = 'test/field/receivers';
const ASPNET = 'dist/field/aspnet';

const isDotnetThere = hasDotnet('ASP.NET Core as a receiver');
const service = useService();
const running: ChildProcess[] = [];
beforeAll(() => {
  installPackages(FOLDER);
  if (isDotnetThere) compile(`${FOLDER}/aspnet.cs`, ASPNET);
}, 120_000);
afterAll(() => {
  for (const receiver of running) receiver.kill();
});

/** Starts a receiver, which prints the port and then the body of each request, as lines of JSON. */
function start(program: string, ...args: string[]) {
  const receiver = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.push(receiver);
  const lines = createInterface(receiver.stdout)[Symbol.asyncIterator]();
  const ended = once(receiver, 'exit').then(() => Promise.reject(new Error(`${[program, ...args]} has ended.`)));
  return async () => JSON.parse((await Promise.race([lines.next(), ended])).value ?? 'null');
}

async function subscribeAndChange(id: string, program: string, ...args: string[]) {
  const next = start(program, ...args);
  const { port } = await next();
  const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString();
  const body = {
    ...{ changeType: 'created', resource: `playPromptOperation/${id}`, expirationDateTime, clientState: 'a secret' },
    notificationUrl: `http://127.0.0.1:${port}/`,
  };
  const { status, text, json } = await send(service, 'POST', '/v1.0/subscriptions', { body });
  expect([status, text]).toEqual([201, expect.any(String)]);
  await patch(service, { status: 'Running' }, { path: `/${id}` });
  return [await next(), json.id];
}

const notifications = (id: string, subscriptionId: unknown) => ({
  value: [
    expect.objectContaining({
      ...{ subscriptionId, changeType: 'created', clientState: 'a secret' },
      resource: `playPromptOperation/${id}`,
    }),
  ],
});

test.each(['express', 'fastify', 'hapi', 'koa'])('%s validates a subscription and is notified', async (name) => {
  const [received, subscriptionId] = await subscribeAndChange(name, process.execPath, `${FOLDER}/${name}.js`);
  expect(received).toEqual(notifications(name, subscriptionId));
});

if (isDotnetThere) {
  test('ASP.NET Core does so too', async () => {
    const [received, subscriptionId] = await subscribeAndChange('aspnet', 'dotnet', `${ASPNET}/aspnet.dll`);
    expect(received).toEqual(notifications('aspnet', subscriptionId));
  });
} else {
  test.skip('ASP.NET Core, since the .NET SDK is missing', () => {});
}

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
function start(program: string, file: string) {
  const receiver = spawn(program, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  running.push(receiver);
  const lines = createInterface(receiver.stdout)[Symbol.asyncIterator]();
  const ended = once(receiver, 'exit').then(() => Promise.reject(new Error(`${file} has ended.`)));
  return async () => JSON.parse((await Promise.race([lines.next(), ended])).value ?? 'null');
}

test.each([
  ...['express', 'fastify', 'hapi', 'koa'].map((name) => [name, process.execPath, `${FOLDER}/${name}.js`] as const),
  ...(isDotnetThere ? [['aspnet', 'dotnet', `${ASPNET}/aspnet.dll`] as const] : []),
])('%s validates a subscription and is notified', async (id, program, file) => {
  const next = start(program, file);
  const { port } = await next();
  const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString();
  const expected = { changeType: 'created', resource: `playPromptOperation/${id}`, clientState: 'a secret' };
  const body = { ...expected, expirationDateTime, notificationUrl: `http://127.0.0.1:${port}/` };
  const { status, text, json } = await send(service, 'POST', '/v1.0/subscriptions', { body });
  expect([status, text]).toEqual([201, expect.any(String)]);
  await patch(service, { status: 'Running' }, { path: `/${id}` });
  expect(await next()).toEqual({ value: [expect.objectContaining({ ...expected, subscriptionId: json.id })] });
});

// `npm run listen`, as a newcomer uses it: paste the command that it prints, change an operation, and read the line.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newFolder, patch, send, startService, type TestService } from '../support/service.ts';

const folder = newFolder();
let service: TestService;
const started: ChildProcess[] = [];
beforeAll(async () => {
  service = await startService({ AZURITE_LOCATION: folder.path });
});
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await service?.end('SIGINT');
  folder.remove();
});

const environment = () => ({
  ...process.env,
  PORT: new URL(service.facts.baseUrl).port,
  ISSUER_PORT: new URL(service.facts.tokenEndpoint).port,
});

/** Starts the receiver on a free port. */
function startReceiver(...flags: string[]) {
  const child = spawn(process.execPath, ['local/listen.ts', '--port', '0', ...flags], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const exited = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  return {
    /** Waits until it has printed what the expression finds. */
    async printed(expression: RegExp): Promise<string> {
      for (;;) {
        const [found] = expression.exec(output) ?? [];
        if (found !== undefined) return found;
        await Promise.race([
          once(child.stdout, 'data'),
          exited.then(() => Promise.reject(new Error(`It has ended: ${output}`))),
        ]);
      }
    },
    async stop() {
      child.kill('SIGINT');
      const [code] = await exited;
      return code;
    },
  };
}

test('the printed command subscribes, each change is printed, and an interrupt stops the receiver', async () => {
  const receiver = startReceiver();
  const command = await receiver.printed(/^curl [\s\S]*\}'$/m);
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: environment() });
  expect(JSON.parse(stdout)).toMatchObject({ changeType: 'created,updated,deleted', resource: 'playPromptOperation' });

  await patch(service, { id: 'prompt-1', status: 'Running', clientContext: 'call 7' });
  await receiver.printed(/^\d\d:\d\d:\d\d created prompt-1 Running "call 7"$/m);
  await patch(service, { id: 'prompt-1', status: 'Completed' });
  await receiver.printed(/^\d\d:\d\d:\d\d updated prompt-1 Completed "call 7"$/m);
  await send(service, 'DELETE', '/v1.0/playPromptOperation/prompt-1');
  await receiver.printed(/^\d\d:\d\d:\d\d deleted prompt-1$/m);
  expect(await receiver.stop()).toBe(0);
});

test('a request that is no notification is refused', async () => {
  const receiver = startReceiver();
  const url = await receiver.printed(/(?<=at )http:\S+/);
  const statusOf = async (init: RequestInit) => (await fetch(url, init)).status;
  expect([await statusOf({}), await statusOf({ method: 'POST', body: 'no JSON' })]).toEqual([405, 400]);
  expect(await receiver.stop()).toBe(0);
});

test('a port that cannot be used is refused in one sentence', async () => {
  const taken = new URL(service.facts.baseUrl).port;
  const run = (port: string) =>
    promisify(execFile)(process.execPath, ['local/listen.ts', '--port', port], { env: environment() });
  await expect(run(taken)).rejects.toMatchObject({
    code: 1,
    stderr: `Port ${taken} is in use. Set --port to another one.\n`,
  });
  await expect(run('x')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--port must be a port') });
});

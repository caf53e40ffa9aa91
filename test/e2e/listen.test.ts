// `npm run listen`, as a newcomer uses it: paste the command that it prints, change an operation, and read the line.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { environmentFor, startReceiver } from '../support/receiver.ts';
import { newFolder, patch, send, startService, testHost } from '../support/service.ts';
import { useService } from '../support/useService.ts';

const service = useService();

test('the printed command subscribes, each change is printed, and an interrupt stops the receiver', async () => {
  const receiver = startReceiver(service);
  const command = await receiver.printed(/^curl [\s\S]*\}'$/m);
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: environmentFor(service) });
  expect(JSON.parse(stdout)).toMatchObject({ changeType: 'created,updated,deleted', resource: 'playPromptOperation' });

  await patch(service, { id: 'prompt-1', status: 'Running', clientContext: 'call 7' });
  await receiver.printed(/^\d\d:\d\d:\d\d created prompt-1 Running "call 7"$/m);
  await patch(service, { id: 'prompt-1', status: 'Completed' });
  await receiver.printed(/^\d\d:\d\d:\d\d updated prompt-1 Completed "call 7"$/m);
  await send(service, 'DELETE', '/v1.0/playPromptOperation/prompt-1');
  await receiver.printed(/^\d\d:\d\d:\d\d deleted prompt-1$/m);
  expect(await receiver.stop()).toBe(0);
});

const testWithHttps = testHost() === 'embedded' ? test : test.skip;

testWithHttps('the command for a service with https subscribes there', async () => {
  const folder = newFolder();
  const secure = await startService({ AZURITE_LOCATION: folder.path }, ['--https']);
  const receiver = startReceiver(secure);
  const command = await receiver.printed(/^curl [\s\S]*\}'$/m);
  expect(command).toContain(` --cacert '${secure.facts.certificate}' 'https://127.0.0.1:`);
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: environmentFor(secure) });
  expect(JSON.parse(stdout)).toMatchObject({ resource: 'playPromptOperation' });
  expect(await receiver.stop()).toBe(0);
  await secure.end('SIGINT');
  folder.remove();
});

test('a request that is no notification is refused', async () => {
  const receiver = startReceiver(service);
  const url = await receiver.printed(/(?<=at )http:\S+/);
  const statusOf = async (init: RequestInit) => (await fetch(url, init)).status;
  expect([await statusOf({}), await statusOf({ method: 'POST', body: 'no JSON' })]).toEqual([405, 400]);
  expect(await receiver.stop()).toBe(0);
});

test('a port that cannot be used is refused in one sentence', async () => {
  const taken = new URL(service.facts.baseUrl).port;
  const run = (port: string) =>
    promisify(execFile)(process.execPath, ['local/listen.ts', '--port', port], { env: environmentFor(service) });
  const stderr = `Port ${taken} is in use. Set --port to another one.\n`;
  await expect(run(taken)).rejects.toMatchObject({ code: 1, stderr });
  await expect(run('x')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--port must be a port') });
});

// `npm run listen` and `npm run play`, as a newcomer uses them: paste the command that the first prints, play, read the lines.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { environmentFor, startProgram, startReceiver } from '../support/receiver.ts';
import { freePorts, patch, send, startService, type TestService, testHost } from '../support/service.ts';
import { useService } from '../support/useService.ts';

const service = useService();

test('the printed command subscribes, each change is printed, and an interrupt stops the receiver', async () => {
  const receiver = startReceiver(service);
  const url = await receiver.printed(/(?<=at )http:\S+/);
  expect(await fetch(url)).toMatchObject({ status: 405 });
  expect(await fetch(url, { method: 'POST', body: 'no notification' })).toMatchObject({ status: 400 });
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

/** Runs `npm run play`; its lines without the time. */
async function play({ keys }: Pick<TestService, 'keys'>, ...args: string[]) {
  const options = { env: environmentFor({ keys }) };
  const { stdout } = await promisify(execFile)(process.execPath, ['local/play.ts', ...args], options);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
}

test.each([
  ['completed', 'Completed', 'completedSuccessfully', 200, 0],
  ['canceled', 'Failed', 'mediaOperationCanceled', 400, 8508],
  ['failed', 'Failed', 'unknown', 400, 8536],
])(
  'prompts that are %s move through their statuses, with a line for each',
  async (end, status, completionReason, code, subcode) => {
    const lines = await play(service, '--context', `${end}/09`, '--count', '2', '--end', end, '--after', '0s');
    const filter = `startswith(clientContext,'${end}/')`;
    const { json } = await send(service, 'GET', `/v1.0/playPromptOperation?$filter=${filter}`);
    expect(json.value).toHaveLength(2);
    for (const clientContext of [`${end}/09`, `${end}/10`]) {
      const operation = json.value.find((each: { clientContext: string }) => each.clientContext === clientContext);
      expect(operation).toMatchObject({ status, completionReason, resultInfo: { code, subcode } });
      const { message } = operation.resultInfo;
      expect(lines.filter((line) => line.includes(`"${clientContext}"`))).toEqual([
        `${operation.id} NotStarted "${clientContext}"`,
        `${operation.id} Running "${clientContext}"`,
        `${operation.id} ${status} "${clientContext}" ${code}/${subcode} ${message}`,
      ]);
    }
  },
);

test('by default it plays one prompt of a new call; a context without a number gets one', async () => {
  const own = await play(service, '--after', '0ms');
  expect(own).toEqual(
    ['NotStarted', 'Running', 'Completed'].map((status) => expect.stringMatching(`${status} "call \\w{4}/1"`)),
  );
  const lines = await play(service, '--context', 'a "call"', '--count', '2', '--after', '0m');
  expect(lines).toContainEqual(expect.stringContaining('Running "a \\"call\\"/2"'));
});

test.each([
  [['--count', '0'], '--count must be'],
  [['--count', '1001'], '--count must be'],
  [['--after', '3'], '--after must be'],
  [['--after', '61m'], '--after must be'],
  [['--end', 'Completed'], '--end must be'],
  [['--context', 'x'.repeat(257)], 'clientContext'],
])('%j is refused in one sentence', async (args, sentence) => {
  await expect(play(service, ...args)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(`^.*${sentence}.*\n$`),
  });
});

test('an interrupt ends a prompt that plays for long', async () => {
  const player = startProgram(process.execPath, ['local/play.ts', '--after', '60m'], environmentFor(service));
  await player.printed(/NotStarted/);
  expect(await player.stop('SIGINT')).toBeNull();
});

const testWithHttps = testHost() === 'embedded' ? test : test.skip;

testWithHttps(
  'over https, the command subscribes, prompts are played, and the bot is notified of them',
  async () => {
    const secure = await startService({}, ['--https']);
    const receiver = startReceiver(secure);
    const command = await receiver.printed(/^curl [\s\S]*\}'$/m);
    expect(command).toContain(` --cacert '${secure.facts.certificate}' 'https://127.0.0.1:`);
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: environmentFor(secure) });
    expect(JSON.parse(stdout)).toMatchObject({ resource: 'playPromptOperation' });
    const [WEBHOOK_PORT] = await freePorts(1);
    const bot = startProgram(process.execPath, ['local/bot.ts'], { ...environmentFor(secure), WEBHOOK_PORT });
    await bot.printed(/waits for npm run play -- --context 'call 7\/1'$/m);
    await play(secure, '--context', 'call 7/1', '--after', '0s');
    await receiver.printed(/ Completed "call 7\/1"$/m);
    await bot.printed(/ Completed signed /);
    await bot.stop('SIGTERM');
    await receiver.stop();
    await secure.end('SIGINT');
  },
  60_000,
);

test('a port that cannot be used is refused in one sentence', async () => {
  const taken = new URL(service.facts.baseUrl).port;
  const run = (port: string) =>
    promisify(execFile)(process.execPath, ['local/listen.ts', '--port', port], { env: environmentFor(service) });
  const stderr = `Port ${taken} is in use. Set --port to another one.\n`;
  await expect(run(taken)).rejects.toMatchObject({ code: 1, stderr });
  await expect(run('x')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--port must be a port') });
});

// `waitUntilEnded` of the typed client, as time passes.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { PlayPromptClient } from '../../client/index.ts';

beforeEach(() => void jest.useFakeTimers({ now: 0 }));
afterEach(() => void jest.useRealTimers());

type Answer = Response | Error | undefined;
const running = (headers = {}) => Response.json({ id: 'a', status: 'Running', '@odata.etag': 'W/"1"' }, { headers });
const failed = () => Response.json({ id: 'a', status: 'Failed', '@odata.etag': 'W/"2"' });
const unchanged = () => new Response(null, { status: 304 });
const refused = (status: number, code: string) => Response.json({ error: { code, message: code } }, { status });
const missing = () => refused(404, 'ResourceNotFound');

/** Waits for the end of an operation of a service that answers one after the other, and then `rest`; undefined hangs. */
async function waiting(answers: Answer[], rest: () => Answer, options: { timeout?: number; abortAt?: number } = {}) {
  const sentAt: number[] = [];
  const fetch = (request: Request) =>
    new Promise<Response>((resolve, reject) => {
      sentAt.push(Date.now());
      const answer = answers.length > 0 ? answers.shift() : rest();
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
      if (answer instanceof Error) reject(answer);
      else if (answer) resolve(answer);
    });
  const client = new PlayPromptClient({ baseUrl: 'http://host', getToken: () => 'token', fetch });
  const controller = new AbortController();
  if (options.abortAt !== undefined) setTimeout(() => controller.abort(new Error('enough')), options.abortAt);
  const outcome = client.waitUntilEnded('a', { signal: controller.signal, ...options }).catch((error) => error);
  await jest.runAllTimersAsync();
  return { outcome: await outcome, sentAt, endedAt: Date.now() };
}

test('the pauses grow to 8 seconds, with jitter', async () => {
  const { sentAt, outcome } = await waiting([running()], unchanged);
  expect(outcome).toMatchObject({ name: 'NotEndedError', code: 'Timeout', operation: { status: 'Running' } });
  const pauses = sentAt.slice(1).map((at, n) => at - (sentAt[n] ?? 0));
  expect(pauses.length).toBeGreaterThan(600 / 8);
  for (const [n, milliseconds] of pauses.entries()) {
    const longest = Math.min(1000 * 2 ** n, 8000);
    expect(milliseconds).toBeGreaterThanOrEqual(Math.floor(longest / 2));
    expect(milliseconds).toBeLessThanOrEqual(longest);
  }
});

test('a pause is as long as Retry-After asks', async () => {
  const { sentAt } = await waiting([running({ 'Retry-After': '100' })], failed);
  expect(sentAt).toEqual([0, 100_000]);
});

test.each<[string, Answer[], () => Answer, object, object]>([
  ['after the timeout, although a request hangs', [running()], () => undefined, { timeout: 5000 }, { code: 'Timeout' }],
  ['after the timeout of nothing', [], missing, { timeout: 5000 }, { code: 'Timeout', operation: undefined }],
  ['when the operation is deleted', [running()], missing, {}, { code: 'Deleted', operation: { status: 'Running' } }],
  ['when it is aborted', [running()], () => undefined, { abortAt: 5000 }, { message: 'enough' }],
  ['when the service refuses', [running(), refused(401, 'No')], failed, {}, { status: 401, operation: { id: 'a' } }],
  ['at once, if the service is never reached', [], () => new TypeError('down'), {}, { message: 'down' }],
])('it fails %s', async (_, answers, rest, options, error) => {
  const { outcome, endedAt } = await waiting(answers, rest, options);
  expect(outcome).toBeInstanceOf(Error);
  expect(outcome).toMatchObject(error);
  expect(endedAt).toBeLessThan(10_000);
});

test('an outage of minutes is waited out', async () => {
  const down = () => [new TypeError('fetch failed'), new Response('busy', { status: 503 })];
  const { outcome, endedAt } = await waiting([running(), ...Array.from({ length: 15 }, down).flat()], failed);
  expect(outcome).toMatchObject({ status: 'Failed' });
  expect(endedAt).toBeGreaterThan(100_000);
});

test('a timeout that no timer takes is a long one', async () => {
  const { outcome } = await waiting([running(), unchanged()], failed, { timeout: Number.POSITIVE_INFINITY });
  expect(outcome).toMatchObject({ status: 'Failed' });
});

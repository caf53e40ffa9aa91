import { expect, jest, test } from '@jest/globals';
import { type Fetch, withRetries } from '../../client/retries.ts';

const request = () => new Request('http://host/', { method: 'PATCH', body: 'the body' });

/** Sends to a service that answers one after the other; what it was sent, and how long was waited, is kept. */
function sending(answers: (Response | Error)[], maxRetries = 3) {
  const bodies: string[] = [];
  const waited: number[] = [];
  const fetch: Fetch = async (sent) => {
    bodies.push(await sent.text());
    const answer = answers.shift() ?? new Response('ok');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const wait = async (milliseconds: number) => {
    waited.push(milliseconds);
  };
  return { send: withRetries(fetch, { maxRetries, wait }), bodies, waited };
}

const busy = (status: number, retryAfter?: string) =>
  new Response('busy', { status, headers: retryAfter === undefined ? {} : { 'Retry-After': retryAfter } });

test.each([429, 500, 502, 503, 504])('a %i is sent again, with the same body', async (status) => {
  const { send, bodies } = sending([busy(status), busy(status)]);
  expect(await (await send(request())).text()).toBe('ok');
  expect(bodies).toEqual(['the body', 'the body', 'the body']);
});

const ownError = Response.json({ error: { code: 'InternalServerError' } }, { status: 500 });
const others = [200, 304, 400, 401, 404, 409, 412, 501].map((status) => new Response(null, { status }));
test.each([...others, ownError].map((each) => [each.status, each] as const))(
  'a %i is an answer, a 500 by the error of the service',
  async (status, answer) => {
    const { send, bodies } = sending([answer]);
    expect((await send(request())).status).toBe(status);
    expect(bodies).toHaveLength(1);
  },
);

test('a POST, which creates something each time, is sent again after a 429 only', async () => {
  const post = () => new Request('http://host/', { method: 'POST', body: 'the body' });
  const refused = sending([busy(429), busy(503)]);
  expect((await refused.send(post())).status).toBe(503);
  expect(refused.bodies).toHaveLength(2);
  const lost = sending([new TypeError('fetch failed')]);
  await expect(lost.send(post())).rejects.toThrow('fetch failed');
  expect(lost.bodies).toHaveLength(1);
});

test('it waits for as long as Retry-After asks, in seconds or by a date, up to a limit', async () => {
  const soon = new Date(Date.now() + 60_000).toUTCString();
  const { send, waited } = sending([busy(503, '2'), busy(503, soon), busy(503, '999999')]);
  await send(request());
  expect(waited[0]).toBe(2000);
  expect(waited[1]).toBeGreaterThan(50_000);
  expect(waited[1]).toBeLessThanOrEqual(60_000);
  expect(waited[2]).toBe(180_000);
});

test('without it, the pauses grow, with jitter', async () => {
  const { send, waited } = sending([busy(503), busy(503, 'soon'), new TypeError('fetch failed')]);
  await send(request());
  for (const [retry, milliseconds] of waited.entries()) {
    expect(milliseconds).toBeGreaterThanOrEqual(500 * 2 ** retry);
    expect(milliseconds).toBeLessThanOrEqual(1000 * 2 ** retry);
  }
});

test('the last answer is answered, the last failure thrown', async () => {
  const { send, bodies } = sending([busy(503), busy(429)], 1);
  expect((await send(request())).status).toBe(429);
  expect(bodies).toHaveLength(2);
  const lost = sending([new TypeError('down'), new TypeError('still down')], 1);
  await expect(lost.send(request())).rejects.toThrow('still down');
});

test('each attempt is authorized anew, and is not made when that fails', async () => {
  const tokens = ['one', 'two'];
  const sent: (string | null)[] = [];
  const send = withRetries(
    async ({ headers }) => {
      sent.push(headers.get('authorization'));
      return busy(503);
    },
    { wait: async () => {} },
    async ({ headers }) => {
      const token = tokens.shift();
      if (token === undefined) throw new Error('no token');
      headers.set('Authorization', token);
    },
  );
  await expect(send(request())).rejects.toThrow('no token');
  expect(sent).toEqual(['one', 'two']);
});

test.each([
  ['before the pause, which is not waited for', (abort: () => void) => abort()],
  ['in the pause, which ends', (abort: () => void) => void setTimeout(abort)],
])('what is aborted is not sent again: %s', async (_title, when) => {
  const controller = new AbortController();
  const fetch = jest.fn<Fetch>(async () => {
    when(() => controller.abort(new Error('enough')));
    return busy(503, '120');
  });
  const sent = withRetries(fetch)(new Request('http://host/', { signal: controller.signal }));
  await expect(sent).rejects.toThrow('enough');
  expect(fetch).toHaveBeenCalledTimes(1);
});

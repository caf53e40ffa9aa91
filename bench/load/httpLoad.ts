import autocannon from 'autocannon';
import * as z from 'zod';
import { bodyOf, type Drive, type Load, Recorder, type Update, updatesOf } from './load.ts';

/** No load runs longer, whatever happens. */
const LONGEST_SECONDS = 60;

/** Begins a load on a server, over kept-alive connections. */
export function driveHttp(baseUrl: string, token: string, load: Load): Drive {
  const recorder = new Recorder(load);
  let callers = 0;

  const options: autocannon.Options = {
    url: baseUrl,
    connections: load.concurrency,
    duration: LONGEST_SECONDS,
    sampleInt: 50,
    setupClient(client) {
      const caller = callers++;
      client.setRequests(updatesOf(load, caller).map((update) => toRequest(update, token)));
      client.on('response', (status, _bytes, milliseconds) =>
        recorder.answered(caller, status >= 200 && status < 300, milliseconds),
      );
    },
  };
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const instance = autocannon(options, (error: unknown) => (error ? reject(error) : resolve()));
  instance.on('reqError', () => recorder.failed());

  return {
    async stop() {
      instance.stop();
      await ended;
      return recorder.recording();
    },
  };
}

let seeds = 0;

/** Updates each operation once, 16 at a time, and checks that each is answered as it was asked for. */
export async function seedHttp(baseUrl: string, token: string, operations: readonly string[]): Promise<void> {
  const message = `seed ${seeds++}`;
  const updates = operations.map((id) => ({ id, message }));
  const one = async () => {
    for (let update = updates.pop(); update; update = updates.pop()) {
      const { path, ...init } = toRequest(update, token);
      const response = await fetch(baseUrl + path, init);
      const text = await response.text();
      if (!response.ok || !answers(JSON.parse(text), update)) {
        throw new Error(`${baseUrl} answered ${response.status} ${text}, which is not what was asked for.`);
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
}

const entity = z.object({ id: z.string(), status: z.string(), resultInfo: z.object({ message: z.string() }) });

function answers(body: unknown, { id, message }: Update) {
  const { data } = entity.safeParse(body);
  return data?.id === id && data.status === 'Running' && data.resultInfo.message === message;
}

function toRequest(update: Update, token: string) {
  return {
    method: 'PATCH' as const,
    path: `/v1.0/playPromptOperation/${update.id}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(bodyOf(update)),
  };
}

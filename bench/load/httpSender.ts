import { Agent, request } from 'node:http';
import * as z from 'zod';
import type { Send } from './drive.ts';
import { bodyOf, type Update } from './updates.ts';

/** Servers close connections that are idle for 5 seconds, at times just when one is used again. */
const IDLE_MS = 3000;

/** Sends updates to a server over kept-alive connections. Each kind of failure is reported once. */
export function createHttpSender(baseUrl: string, token: string, report: (failure: string) => void): Send {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  const reported = new Set<string>();
  const fail = (failure: string) => {
    if (!reported.has(failure)) report(failure);
    reported.add(failure);
    return false;
  };
  return (update) =>
    new Promise((resolve) => {
      const { path, body, ...options } = toRequest(update, token);
      request(baseUrl + path, { agent, ...options, signal: AbortSignal.timeout(10_000) })
        .on('response', (response) => {
          const { statusCode = 0 } = response;
          response
            .on('error', ({ message }) => resolve(fail(message)))
            .on('end', () => resolve((statusCode >= 200 && statusCode < 300) || fail(`status ${statusCode}`)))
            .resume();
        })
        .on('error', ({ message }) => resolve(fail(message)))
        .end(body);
    });
}

const entity = z.object({ id: z.string(), status: z.string(), resultInfo: z.object({ message: z.string() }) });

/** Updates an operation, and throws unless the answer is what was asked for. */
export async function checkUpdate(baseUrl: string, token: string, update: Update): Promise<void> {
  const { path, ...options } = toRequest(update, token);
  const response = await fetch(baseUrl + path, options);
  const content = await response.text();
  const { data } = response.ok ? entity.safeParse(JSON.parse(content)) : {};
  if (data?.id !== update.id || data.status !== 'Running' || data.resultInfo.message !== update.message) {
    throw new Error(`${baseUrl} answered ${response.status} ${content}, which is not what was asked for.`);
  }
}

function toRequest(update: Update, token: string) {
  return {
    method: 'PATCH',
    path: `/v1.0/playPromptOperation/${update.id}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(bodyOf(update)),
  };
}

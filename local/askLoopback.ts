import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { LOOPBACK } from './loopback.ts';

/** A response of something that listens on this machine. */
export interface LoopbackResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Sends a GET, or a POST of a form, to a port of this machine, over https where that is spoken there and else over http.
 * The certificate is not checked, since nothing leaves the machine.
 *
 * @returns undefined when nothing answers within the deadline
 */
export async function askLoopback(
  port: number,
  path: string,
  { form, deadlineMs }: { readonly form?: URLSearchParams; readonly deadlineMs: number },
): Promise<LoopbackResponse | undefined> {
  const signal = AbortSignal.timeout(deadlineMs);
  const ask = (request: typeof httpRequest | typeof httpsRequest) =>
    new Promise<LoopbackResponse | undefined>((resolve) => {
      const options = {
        host: LOOPBACK,
        port,
        path,
        signal,
        method: form ? 'POST' : 'GET',
        headers: form ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {},
        rejectUnauthorized: false,
        agent: false as const,
      };
      const sent = request(options, (response) => {
        const { statusCode: status = 0, headers } = response;
        text(response).then(
          (body) => resolve({ status, headers, body }),
          () => resolve(undefined),
        );
      });
      sent.on('error', () => resolve(undefined)).end(form?.toString());
    });
  return (await ask(httpsRequest)) ?? (await ask(httpRequest));
}

import { styleText } from 'node:util';
import * as z from 'zod';

/** The parts of a served request that are logged: never its query, its token or its body. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body of the response. */
  readonly body: Uint8Array | string;
}

const refusal = z.object({
  error: z.object({ code: z.string(), details: z.array(z.object({ target: z.string().optional() })).optional() }),
});

/**
 * The line that the terminal shows for a request; for one that was refused, with the error's code and the targets of its
 * details. It has colour where standard error is a terminal.
 */
export function requestLine({ method, path, status, milliseconds, headers, body }: ServedRequest): string {
  const requestId = Object.entries(headers).find(([name]) => name.toLowerCase() === 'request-id')?.[1] ?? '-';
  const colour = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
  const coloured = styleText(colour, String(status), { stream: process.stderr });
  return [method, path, coloured, `${Math.round(milliseconds)} ms`, requestId, ...(status >= 400 ? [reason(body)] : [])]
    .join(' ')
    .trimEnd();
}

function reason(body: ServedRequest['body']) {
  const { error } = refusal.safeParse(parse(Buffer.from(body).toString())).data ?? {};
  if (!error) return '';
  const targets = [...new Set(error.details?.flatMap(({ target }) => target ?? []))];
  // A target may be a name out of the request, which must not be able to write to the terminal.
  return [error.code, ...targets.map((target) => target.replace(/[^\x20-\x7e]/g, '?'))].join(' ');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import * as z from 'zod';
import { patch, type TestService } from './service.ts';

const entity = z.object({
  id: z.string(),
  clientContext: z.string().nullable(),
  resultInfo: z.object({ code: z.number(), subcode: z.number(), message: z.string().nullable() }).nullable(),
  status: z.string(),
  completionReason: z.string().nullable(),
});
export type Entity = z.infer<typeof entity>;

export type Answer = Awaited<ReturnType<typeof call>>;

/**
 * Sends an update, and holds its answer against /openapi.json. It returns what was answered with a 200, and when the request
 * was sent and its answer had arrived, in milliseconds of one clock.
 */
export async function call(
  facts: Pick<TestService['facts'], 'baseUrl' | 'token'>,
  id: string,
  body: object | string,
  headers: Record<string, string> = {},
) {
  const start = performance.now();
  const { status, headers: answered, json } = await patch({ facts }, body, { path: `/${id}`, headers });
  const end = performance.now();
  const stored = status === 200 ? { entity: entity.parse(json), etag: answered.get('etag') ?? '' } : undefined;
  return { status, start, end, stored };
}

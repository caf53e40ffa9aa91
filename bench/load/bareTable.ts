// The bare SDK: no server, no token, no body; the same updates of the same rows.
import { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { merge, type Row } from '../peers/parts/operation.ts';
import { type Send, sendAtRate, sendByCallers } from './drive.ts';
import { bodyOf, type Update, updatesOf } from './updates.ts';

/** The partition of its rows. */
const PARTITION = 'bare';

const order = z.object({
  operations: z.array(z.string()),
  seed: z.boolean().optional(),
  paced: z.object({ count: z.number(), perSecond: z.number() }).optional(),
  closed: z.object({ callers: z.number(), milliseconds: z.number() }).optional(),
});
export type Order = z.infer<typeof order>;

await serveUntilStopped(async () => {
  const { TABLES_CONNECTION = '', TABLES_NAME = '', BENCH_WRITE_ONLY } = process.env;
  const table = TableClient.fromConnectionString(TABLES_CONNECTION, TABLES_NAME, { allowInsecureConnection: true });
  const etags = new Map<string, string | undefined>();

  const update = async (asked: Update) => {
    const current: Row & { etag: string } = BENCH_WRITE_ONLY
      ? { etag: etags.get(asked.id) ?? '*' }
      : await table.getEntity<Row>(PARTITION, asked.id);
    const { etag } = await table.updateEntity(toEntity(current, asked), 'Replace', { etag: current.etag });
    etags.set(asked.id, etag);
  };
  const send: Send = (asked) =>
    update(asked).then(
      () => true,
      () => false,
    );

  const run = async ({ operations, seed, paced, closed }: Order) => {
    const next = updatesOf(operations);
    if (seed) for (const _ of operations) await table.upsertEntity(toEntity({}, next()), 'Replace');
    if (paced) return sendAtRate(next, send, paced.count, paced.perSecond);
    if (closed) return sendByCallers(next, send, closed.callers, closed.milliseconds);
    return { latencies: [], seconds: 0, failed: 0 };
  };

  process.on('message', async (message) => {
    const given = order.safeParse(message).data;
    if (given) process.send?.({ sample: await run(given) });
  });
  return { ready: {}, stop: async () => {} };
});

function toEntity(row: Row, asked: Update) {
  return { partitionKey: PARTITION, rowKey: asked.id, ...merge(row, bodyOf(asked)) };
}

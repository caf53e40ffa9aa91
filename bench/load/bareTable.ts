// The bare SDK: no server, no token, no body; a loop of the same updates of the same rows, with as many callers.
import { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { serveUntilTold } from '../../local/childProcess.ts';
import { merge, type Row } from '../peers/parts/operation.ts';
import { BARE_PARTITION, bodyOf, type Load, load, Recorder, type Update, updatesOf } from './load.ts';

const order = z.union([
  z.object({ seed: z.array(z.string()), writeOnly: z.boolean() }),
  z.object({ start: load }),
  z.literal('stop'),
]);

await serveUntilTold(async () => {
  const { TABLES_CONNECTION = '', TABLES_NAME = '' } = process.env;
  const table = TableClient.fromConnectionString(TABLES_CONNECTION, TABLES_NAME, { allowInsecureConnection: true });
  const etags = new Map<string, string | undefined>();
  let isWriteOnly = false;
  let running: ReturnType<typeof start> | undefined;

  process.on('message', async (message) => {
    const given = order.safeParse(message).data;
    if (given === undefined) return;
    if (given === 'stop') {
      if (!running) return;
      running.until.stopped = true;
      await running.ended;
      process.send?.(running.recorder.recording());
    } else if ('seed' in given) {
      isWriteOnly = given.writeOnly;
      for (const id of given.seed) {
        const { etag } = await table.upsertEntity(toEntity({}, { id, message: 'seed' }), 'Replace');
        etags.set(id, etag);
      }
      process.send?.({ seeded: true });
    } else {
      running = start(given.start);
    }
  });
  return { ready: {}, stop: async () => {} };

  function start(given: Load) {
    const recorder = new Recorder(given);
    const until = { stopped: false };
    const callers = Array.from({ length: given.concurrency }, async (_, caller) => {
      const updates = updatesOf(given, caller);
      for (let turn = 0; !until.stopped; turn++) {
        const asked = performance.now();
        const ok = await update(updates[turn % updates.length]).then(
          () => true,
          () => false,
        );
        recorder.answered(caller, ok, performance.now() - asked);
      }
    });
    return { until, ended: Promise.all(callers), recorder };
  }

  async function update(asked: Update | undefined) {
    if (!asked) return;
    const current = isWriteOnly
      ? { etag: etags.get(asked.id) ?? '*' }
      : await table.getEntity<Row>(BARE_PARTITION, asked.id);
    const { etag } = await table.updateEntity(toEntity(current, asked), 'Replace', { etag: current.etag });
    etags.set(asked.id, etag);
  }
});

function toEntity(row: Row, asked: Update) {
  return { partitionKey: BARE_PARTITION, rowKey: asked.id, ...merge(row, bodyOf(asked)) };
}

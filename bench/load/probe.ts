// Loaded into each process before its own code: reports to the bench, on request, the CPU time of its main thread. That of
// V8's other threads, which compile and collect garbage, depends on how many cores the machine has.
import { once } from 'node:events';
import type * as z from 'zod';
import type { Child } from '../../local/childProcess.ts';

process.on('message', (message) => {
  if (message !== 'cpu') return;
  const { user, system } = process.threadCpuUsage();
  process.send?.({ cpuMs: (user + system) / 1000 });
});

/** The arguments of node that load this module. */
export const PROBE = ['--import', import.meta.url];

/** Sends a message to a child process and waits for the first of its messages that is of the answer's form. */
export async function ask<Answer>({ process, ended }: Child, message: unknown, answer: z.ZodType<Answer>) {
  process.send(message as object);
  const lost = ended.then(() => {
    throw new Error('A process of the bench has ended unexpectedly.');
  });
  for (;;) {
    const [received] = await Promise.race([once(process, 'message'), lost]);
    const parsed = answer.safeParse(received);
    if (parsed.success) return parsed.data;
  }
}

import { once } from 'node:events';
import * as z from 'zod';
import type { Child } from '../../local/childProcess.ts';

/** The arguments of node that make a process answer `usageOf`. */
export const PROBE = ['--import', new URL('probe.ts', import.meta.url).href];

const usage = z.object({ cpuMs: z.number(), rssMiB: z.number() });

/** What a process has used since its start: CPU time of all its threads, and memory. */
export type Usage = z.infer<typeof usage>;

/** Asks a process that was started with PROBE. */
export async function usageOf(child: Child): Promise<Usage> {
  return (await ask(child, 'usage', z.object({ usage }))).usage;
}

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

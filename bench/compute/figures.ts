import * as z from 'zod';

/** What the process of the measurement reports; CPU in microseconds for each request, batch by batch. */
export const compute = z.object({
  handlers: z.array(z.object({ service: z.number(), handWritten: z.number() })),
  /** The share of each module in the CPU time, in parts of 1. */
  profile: z.array(z.object({ where: z.string(), share: z.number() })),
});
export type Compute = z.infer<typeof compute>;

import * as z from 'zod';

/** What is measured: the handler and one written by hand on a store in the process, and two functions on a table service. */
export const contenders = ['handler', 'handWritten', 'service', 'plainFunction'] as const;

/** What the process of the measurement reports. */
export const compute = z.object({
  /** CPU in microseconds for each request, round by round. */
  rounds: z.array(z.record(z.enum(contenders), z.number())),
  /** The share of each module in the CPU time, in parts of 1. */
  profile: z.array(z.object({ where: z.string(), share: z.number() })),
});
export type Compute = z.infer<typeof compute>;

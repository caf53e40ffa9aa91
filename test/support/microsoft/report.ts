// A client of Microsoft's runs in a process of its own, which NODE_EXTRA_CA_CERTS makes trust the local certificate: Node
// reads that variable only when it starts. It reports what it saw, and the test judges it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { TestService } from '../service.ts';

const facts = z.object({
  baseUrl: z.string(),
  issuer: z.string(),
  tenant: z.string(),
  audience: z.string(),
  token: z.string(),
});

/** What a client is started with. */
export type ClientFacts = z.infer<typeof facts>;

const message = z.union([
  z.object({ report: z.record(z.string(), z.unknown()) }),
  z.object({ failed: z.string() }).transform(({ failed }) => {
    throw new Error(failed);
  }),
]);

/** Runs a module of this folder as a client of a service that was started with --https, and returns what it reports. */
export async function runClient(
  module: string,
  { facts: { certificate, ...facts } }: Pick<TestService, 'facts'>,
): Promise<Readonly<Record<string, unknown>>> {
  const client = fork(fileURLToPath(new URL(module, import.meta.url)), [JSON.stringify(facts)], {
    execArgv: [],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const exited = once(client, 'exit');
  const [received] = await Promise.race([once(client, 'message'), exited.then(() => [{ failed: `${module} ended.` }])]);
  await exited;
  return message.parse(received).report;
}

/** In such a module: does something with the service, and reports the outcome to the test. */
export async function report(use: (facts: ClientFacts) => Promise<Record<string, unknown>>): Promise<void> {
  try {
    process.send?.({ report: await use(facts.parse(JSON.parse(process.argv[2] ?? ''))) });
  } catch (error) {
    process.send?.({ failed: error instanceof Error ? error.stack : String(error) });
  }
  process.disconnect();
}

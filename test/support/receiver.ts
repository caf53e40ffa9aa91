import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import type { TestService } from './service.ts';

/** `npm run listen`, as it runs beside a service. */
export interface TestReceiver {
  /** Waits until it has printed what the expression finds. */
  printed(expression: RegExp): Promise<string>;
  /** Interrupts it, and waits for its exit code. */
  stop(): Promise<number | null>;
}

/** The environment of a script for a service. */
export function environmentFor({ facts }: Pick<TestService, 'facts'>): NodeJS.ProcessEnv {
  const { baseUrl, tokenEndpoint, certificate } = facts;
  return {
    ...process.env,
    PORT: new URL(baseUrl).port,
    ISSUER_PORT: new URL(tokenEndpoint).port,
    ...(certificate !== undefined && { KEYS_LOCATION: dirname(certificate) }),
  };
}

/** Starts the receiver of `npm run listen` on a free port. */
export function startReceiver(service: Pick<TestService, 'facts'>, ...flags: string[]): TestReceiver {
  const child = spawn(process.execPath, ['local/listen.ts', '--port', '0', ...flags], {
    env: environmentFor(service),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  return {
    async printed(expression) {
      for (;;) {
        const [found] = expression.exec(output) ?? [];
        if (found !== undefined) return found;
        const ended = exited.then(() => Promise.reject(new Error(`It has ended: ${output}`)));
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    async stop() {
      child.kill('SIGINT');
      const [code] = await exited;
      return code;
    },
  };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestService } from './service.ts';

/** `npm run listen`, as it runs beside a service. */
export interface TestReceiver {
  /** Waits until it has printed what the expression finds. */
  printed(expression: RegExp): Promise<string>;
  /** Interrupts it, and waits for its exit code. */
  stop(): Promise<number | null>;
}

/** The environment of a script for a service. */
export function environmentFor({ keys }: Pick<TestService, 'keys'>): NodeJS.ProcessEnv {
  return { ...process.env, KEYS_LOCATION: keys };
}

/** Starts the receiver of `npm run listen` on a free port. */
export function startReceiver(service: Pick<TestService, 'keys'>): TestReceiver {
  const child = spawn(process.execPath, ['local/listen.ts', '--port', '0'], {
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

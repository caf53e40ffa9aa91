import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestService } from './service.ts';

/** A program that runs beside a service. */
export type Program = ReturnType<typeof startProgram>;

/** The environment of a script for a service. */
export function environmentFor({ keys }: Pick<TestService, 'keys'>): NodeJS.ProcessEnv {
  return { ...process.env, KEYS_LOCATION: keys };
}

/** Starts a program, and keeps what it prints. */
export function startProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  return {
    lines: () => output.split('\n'),
    /** Waits until it has printed what the expression finds. */
    async printed(expression: RegExp): Promise<string> {
      for (;;) {
        const [found] = expression.exec(output) ?? [];
        if (found !== undefined) return found;
        const ended = exited.then(() => Promise.reject(new Error(`It has ended: ${output}`)));
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    /** Forgets what it has printed so far. */
    forget() {
      output = '';
    },
    /** Sends it a signal, and waits for its exit code. */
    async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
      child.kill(signal);
      const [code] = await exited;
      return code;
    },
  };
}

/** Starts the receiver of `npm run listen` on a free port. */
export function startReceiver(service: Pick<TestService, 'keys'>): Program {
  return startProgram(process.execPath, ['local/listen.ts', '--port', '0'], environmentFor(service));
}

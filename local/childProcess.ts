import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A part of the local set-up that runs in a process of its own. */
export interface Child {
  /** What it reported when it was ready. */
  readonly ready: unknown;
  readonly process: ChildProcess;
  /** Settles when it has ended, for any reason. */
  readonly ended: Promise<unknown>;
  /** Stops it in order, and waits until it has ended. */
  stop(): Promise<void>;
}

/**
 * Starts a module, of this folder or by its URL, as a child process and waits until it is ready. Its output goes to
 * standard error, unless it is to be ignored.
 *
 * @throws Error with the reason when it cannot start
 */
export async function startChild(
  module: string,
  env: NodeJS.ProcessEnv,
  { output = 2, ...options }: Pick<ForkOptions, 'cwd' | 'execArgv'> & { readonly output?: 2 | 'ignore' } = {},
): Promise<Child> {
  const file = fileURLToPath(new URL(module, import.meta.url));
  const child = fork(file, [], { execArgv: [], ...options, env, stdio: ['ignore', output, output, 'ipc'] });
  const ended = once(child, 'exit');
  const [message] = await Promise.race([once(child, 'message'), ended.then(() => [{ failed: `${module} ended.` }])]);
  if ('failed' in message) {
    await ended;
    throw new Error(message.failed);
  }
  return {
    ready: message.ready,
    process: child,
    ended,
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Ignores that output goes nowhere once the terminal is closed, so that all can still be stopped in order. */
export function outliveTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** What a child process does between its start and its end. */
export interface Service {
  readonly ready: unknown;
  stop(): Promise<void>;
}

/**
 * Runs this process as a child of startChild: starts, reports to the parent that it is ready, and stops in order when the
 * parent asks for it or is gone, or on SIGTERM. An interrupt of the terminal is for the parent to handle; at the end of the
 * terminal the parent is gone.
 */
export async function serveUntilStopped(start: () => Promise<Service>): Promise<void> {
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  outliveTerminal();
  const stopped = Promise.race([once(process, 'disconnect'), once(process, 'SIGTERM')]);
  try {
    const service = await start();
    process.send?.({ ready: service.ready });
    await stopped;
    await service.stop();
    process.exit(0);
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    if (process.connected) process.send?.({ failed }, () => process.exit(1));
    else process.exit(1);
  }
}

import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { type AppFunctions, startApp } from './functionsWorker.ts';

/** What `@azure/functions-core` is here; it has this file's extension, also when both are compiled. */
const WORKER = new URL(`./functionsWorker${extname(import.meta.url)}`, import.meta.url).href;

/**
 * Loads the app of a folder by the entry point that its package.json names, as the Functions worker does.
 *
 * @throws Error when the entry point is not there, or registers no function
 */
export async function loadApp(folder: string): Promise<AppFunctions> {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === '@azure/functions-core' ? { url: WORKER, shortCircuit: true } : next(specifier, context),
  });
  const { main } = z
    .object({ main: z.string() })
    .parse(JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8')));
  const entry = resolve(folder, main);
  if (!existsSync(entry)) throw new Error(`The entry point ${main} is not there: run npm run build.`);
  await import(pathToFileURL(entry).href);
  return startApp();
}

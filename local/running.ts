// What `npm start` writes down while it runs, so that other scripts speak to the service of their own folder.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import * as z from 'zod';
import { isRunning } from './ancestors.ts';
import { KEYS_FOLDER, keep } from './keys.ts';
import { readLocalSettings } from './localSettings.ts';

const facts = z.object({
  baseUrl: z.url(),
  tokenEndpoint: z.url(),
  tenant: z.string(),
  audience: z.string(),
  /** The file to trust, with https. */
  certificate: z.string().optional(),
});

/** A service that `npm start` runs. */
export type RunningService = z.infer<typeof facts>;

const note = z.object({ pid: z.number(), ...facts.shape });

/** The folder of the keys, where `npm start` also writes down that it runs. */
export const keysFolder = (): string => readLocalSettings(process.env).named.KEYS_LOCATION ?? KEYS_FOLDER;

const fileIn = (folder: string) => join(folder, 'running.json');

/** Writes down, in the folder of the keys, that this process runs a service. */
export function noteRunning(folder: string, service: RunningService): void {
  keep(fileIn(folder), JSON.stringify(note.parse({ ...service, pid: process.pid }), null, 2));
}

/** Removes what this process has written down. */
export function noteStopped(folder: string): void {
  if (readNote(folder)?.pid === process.pid) rmSync(fileIn(folder));
}

/**
 * The service that `npm start` runs in the current folder.
 *
 * @throws Error with one sentence when there is none
 */
export function runningService(): RunningService {
  const running = readNote(keysFolder());
  if (!running || !isRunning(running.pid))
    throw new Error('No service of this folder is running: run npm start first.');
  return running;
}

/** Lets this process trust the certificate of a service, if it has one. */
export function trustService({ certificate }: RunningService): void {
  if (certificate) setDefaultCACertificates([...getCACertificates(), readFileSync(certificate, 'utf8')]);
}

function readNote(folder: string) {
  const file = fileIn(folder);
  return existsSync(file) ? note.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data : undefined;
}

import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';

type Values = Readonly<Record<string, string>>;

const settingsFile = z.object({ Values: z.record(z.string(), z.string()) });

/** The settings of a laptop. */
export interface LocalSettings {
  /** What the environment and, where it says nothing, local.settings.json name. */
  readonly named: Values;
  /** What local.settings.sample.json has for whatever is not named. */
  readonly sample: Values;
}

/**
 * Reads the settings from the current folder. The issuer and the store of the sample are those that `npm start` brings
 * with it: a local.settings.json that was copied from the sample does not name others.
 */
export function readLocalSettings(env: NodeJS.ProcessEnv): LocalSettings {
  const sample = readValues('local.settings.sample.json');
  const local = existsSync('local.settings.json') ? { ...readValues('local.settings.json') } : {};
  for (const name of ['AUTH_AUTHORITY', 'TABLES_CONNECTION']) {
    if (local[name] === sample[name]) delete local[name];
  }
  const isSet = ([, value]: [string, string | undefined]) => value !== undefined && value !== '';
  return { named: Object.fromEntries(Object.entries({ ...local, ...env }).filter(isSet)) as Values, sample };
}

function readValues(file: string) {
  try {
    return settingsFile.parse(JSON.parse(readFileSync(file, 'utf8'))).Values;
  } catch (cause) {
    throw new Error(`${file} must be JSON with an object "Values" of strings.`, { cause });
  }
}

import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';

type Values = Readonly<Record<string, string>>;

const settingsFile = z.object(
  {
    Values: z.record(z.string(), z.string({ error: 'a string' }), { error: 'an object of strings' }),
    Host: z
      .object(
        {
          CORS: z.string({ error: 'a string' }).optional(),
          CORSCredentials: z.boolean({ error: 'a boolean' }).optional(),
        },
        { error: 'an object' },
      )
      .default({}),
  },
  { error: 'an object with "Values"' },
);

/** The settings of what `npm start` starts unless they are set: the issuer and the store. */
const STARTED = ['AUTH_AUTHORITY', 'TABLES_CONNECTION'];

/** The settings of a laptop. */
export interface LocalSettings {
  /** The settings in the environment, and those in local.settings.json that the environment does not have. */
  readonly named: Values;
  /** The settings in local.settings.sample.json; an empty value in the environment or in the file leaves one out. */
  readonly sample: Values;
  /** The variables for the embedded host that `Host` of local.settings.json asks for; Core Tools read it themselves. */
  readonly host: Values;
}

/**
 * Reads the settings from the current folder. The issuer and the store of the sample are those that `npm start` starts: a
 * local.settings.json that is a copy of the sample does not name others.
 *
 * @throws Error that names the file and each bad key
 */
export function readLocalSettings(env: NodeJS.ProcessEnv): LocalSettings {
  const { Values: sample } = readFile('local.settings.sample.json');
  const file = existsSync('local.settings.json') ? readFile('local.settings.json') : undefined;
  const local = { ...file?.Values };
  const { CORS, CORSCredentials = false } = file?.Host ?? {};
  for (const name of STARTED) {
    if (local[name] === sample[name]) delete local[name];
  }
  const given: NodeJS.ProcessEnv = { ...local, ...env };
  const isSet = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && entry[1] !== '';
  return {
    named: Object.fromEntries(Object.entries(given).filter(isSet)),
    sample: Object.fromEntries(Object.entries(sample).filter(([name]) => STARTED.includes(name) || given[name] !== '')),
    host: CORS ? { CORS, CORS_CREDENTIALS: String(CORSCredentials) } : {},
  };
}

function readFile(file: string) {
  const content: unknown = parseFile(file);
  const parsed = settingsFile.safeParse(content);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || 'It'} must be ${message}.`);
  throw new Error(`${file} cannot be used:\n${faults.join('\n')}`);
}

function parseFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Error(`${file} cannot be read as JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

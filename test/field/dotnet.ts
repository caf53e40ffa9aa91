import { spawnSync } from 'node:child_process';

/** The .NET SDK that the projects of this folder need. */
const OLDEST = 10;

/**
 * Whether the .NET SDK is there. Where it is not, that is said in a sentence.
 *
 * @throws Error where it is missing and CI is set
 */
export function hasDotnet(untested: string): boolean {
  const { stdout = '' } = spawnSync('dotnet', ['--version'], { encoding: 'utf8' });
  if (Number.parseInt(stdout ?? '', 10) >= OLDEST) return true;
  const sentence = `${untested} is not tried, since the .NET SDK ${OLDEST} is missing.`;
  if (process.env.CI) throw new Error(sentence);
  console.warn(sentence);
  return false;
}
